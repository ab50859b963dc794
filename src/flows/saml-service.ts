import { selfSignedCertificate } from '../base/certificate.ts'
import type { Config } from '../base/config.ts'
import type { Tx } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { after, day } from '../base/time.ts'
import { type ServiceProvider, writeMetadata } from '../connectors/saml/index.ts'

const made = new WeakMap<Config['gotrue'], ServiceProvider>()

/** How identity providers know us. Throws `sso_refused` where SAML is switched off. */
export function serviceProviderOf({ config }: Tx): ServiceProvider {
  const known = made.get(config.gotrue)
  if (known !== undefined) return known
  const service = makeServiceProvider(config.gotrue)
  made.set(config.gotrue, service)
  return service
}

function makeServiceProvider(gotrue: Config['gotrue']): ServiceProvider {
  const { samlPrivateKey: privateKey, samlPrivateKeyNext: nextKey } = gotrue
  if (!gotrue.samlEnabled || privateKey === null) throw new Fault('sso_refused', { why: 'off' })
  const base = gotrue.samlExternalUrl ?? gotrue.externalUrl
  const keys = nextKey === null ? [privateKey] : [privateKey, nextKey]
  const name = `SAML 2.0 Certificate for ${new URL(base).host}`
  return {
    entityId: `${base}/sso/saml/metadata`,
    acsUrl: `${base}/sso/saml/acs`,
    privateKey,
    certificates: keys.map((key) => selfSignedCertificate(key, name)),
    decryptionKeys: gotrue.samlAllowEncryptedAssertions ? keys : [],
  }
}

/** Ourselves, as an administrator gives it to an identity provider; what is downloaded is good for a year. */
export function ownMetadata(ctx: Tx, { purpose }: { purpose: 'fetch' | 'download' }): string {
  const own = serviceProviderOf(ctx)
  return writeMetadata({
    ...own,
    isEncrypting: own.decryptionKeys.length > 0,
    validUntil: purpose === 'download' ? after(ctx.now(), 365 * day) : null,
  })
}
