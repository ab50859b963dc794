import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { Fault } from '../../base/fault.ts'
import type { Said } from './errors.ts'

function said(status: ContentfulStatusCode, code: string, message: string): Said {
  return { status, code, message }
}

const invalid = (message: string) => said(400, 'validation_failed', message)

const off = said(404, 'saml_provider_disabled', 'SAML 2.0 is disabled')

/** Why nobody got in by a company's identity provider (reference/gotrue.md, appendix A: sso.go, samlacs.go). */
const refusals: Record<string, Said> = {
  off,
  'no-provider': said(404, 'sso_provider_not_found', 'No such SSO provider'),
  'no-domain': said(404, 'sso_provider_not_found', 'No SSO provider assigned for this domain'),
  disabled: said(404, 'sso_provider_disabled', 'SSO Provider is currently disabled'),
  'no-place': invalid('The SSO provider has no place to which a browser could be redirected'),
  'relay-unknown': said(
    404,
    'saml_relay_state_not_found',
    'SAML RelayState does not exist, try logging in again?',
  ),
  'relay-expired': said(
    422,
    'saml_relay_state_expired',
    'SAML RelayState has expired. Try logging in again?',
  ),
  'disabled-now': said(
    404,
    'sso_provider_disabled',
    'SSO Provider assigned for this domain is currently disabled',
  ),
  artifact: invalid('SAML Artifact response can only be used with SP initiated flow'),
  missing: invalid('SAMLResponse is missing'),
  'not-base64': invalid('SAMLResponse is not a valid Base64 string'),
  'not-xml': invalid('SAMLResponse is not a valid XML SAML assertion'),
  'relay-form': invalid('SAML RelayState is not a valid UUID or URL'),
  'idp-unknown': said(
    404,
    'saml_idp_not_found',
    'A SAML connection has not been established with this Identity Provider',
  ),
  assertion: invalid('SAML Assertion is not valid'),
  'no-subject': said(
    400,
    'saml_assertion_no_user_id',
    'SAML Assertion did not contain a persistent Subject Identifier attribute or Subject NameID uniquely identifying this user',
  ),
  'no-email': said(
    400,
    'saml_assertion_no_email',
    'SAML Assertion does not contain an email address',
  ),
}

export const ssoSayings = {
  sso_refused: ({ why }: Fault['details']): Said => refusals[String(why)] ?? off,
}
