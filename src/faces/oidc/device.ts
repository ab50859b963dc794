import { startDevice } from '../../flows/device.ts'
import type { Call } from './cors.ts'
import { signerOf } from './dpop.ts'
import { parseAuthorization } from './schema.ts'
import { authenticated, noStore, withoutProofs } from './tokens.ts'

/** `POST /oidc/device/auth` (RFC 8628 § 3.1). */
export async function deviceAuthorization(c: Call): Promise<Response> {
  const ctx = c.get('ctx')
  const { form, application } = await authenticated(c)
  const params = withoutProofs(form, application)
  // A device asks as a browser does, but for the way back.
  for (const name of ['redirect_uri', 'response_mode', 'code_challenge']) params.delete(name)
  params.set('response_type', 'code')
  const cnf = await signerOf(c, application)
  const request = parseAuthorization(params)
  // An ID token does not rest in the database, only whom it named.
  params.delete('id_token_hint')
  const started = await startDevice(ctx, application, { request, query: params.toString(), cnf })
  const verificationUri = `${ctx.config.publicUrl}/device`
  noStore(c)
  return c.json({
    device_code: started.deviceCode,
    user_code: started.userCode,
    verification_uri: verificationUri,
    verification_uri_complete: `${verificationUri}?user_code=${started.userCode}`,
    expires_in: started.expiresIn,
    interval: started.interval,
  })
}
