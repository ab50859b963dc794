import { createPrivateKey, type KeyObject } from 'node:crypto'
import { minute } from '../time.ts'
import { duration, flag, integer, url, type Variable } from './variables.ts'

/** Enterprise single sign-on by SAML 2.0. */
export const samlVariables = {
  samlEnabled: flag('GOTRUE_SAML_ENABLED', false),
  samlPrivateKey: rsaKey('GOTRUE_SAML_PRIVATE_KEY'),
  /** Published before it is used, so that no identity provider is surprised. */
  samlPrivateKeyNext: rsaKey('GOTRUE_SAML_PRIVATE_KEY_NEXT'),
  samlAllowEncryptedAssertions: flag('GOTRUE_SAML_ALLOW_ENCRYPTED_ASSERTIONS', false),
  samlRelayStateValidity: duration('GOTRUE_SAML_RELAY_STATE_VALIDITY_PERIOD', 2 * minute),
  samlExternalUrl: url('GOTRUE_SAML_EXTERNAL_URL'),
  samlRateLimitAssertion: integer(['GOTRUE_SAML_RATE_LIMIT_ASSERTION'], 15),
}

/** As PEM (PKCS#8); GoTrue's form is the base64 of a PKCS#1 key, without header and footer. */
function rsaKey(name: string): Variable<string | null> {
  return {
    names: [name],
    fallback: null,
    parse(value) {
      if (value.trim() === '') return null
      const key = readKey(value.trim())
      if (key?.asymmetricKeyType !== 'rsa' || (key.asymmetricKeyDetails?.modulusLength ?? 0) < 2048)
        throw new Error('must be an RSA key of 2048 bits or more: PEM, or PKCS#1 in base64')
      return key.export({ type: 'pkcs8', format: 'pem' }).toString()
    },
  }
}

function readKey(text: string): KeyObject | null {
  if (text.startsWith('-----')) return tried(() => createPrivateKey(text))
  const key = Buffer.from(text, 'base64')
  return (
    tried(() => createPrivateKey({ key, format: 'der', type: 'pkcs1' })) ??
    tried(() => createPrivateKey({ key, format: 'der', type: 'pkcs8' }))
  )
}

function tried(read: () => KeyObject): KeyObject | null {
  try {
    return read()
  } catch {
    return null
  }
}
