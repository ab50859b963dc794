import { Fault } from '../../base/fault.ts'
import { checkAuthorization } from '../../flows/authorize.ts'
import { pushRequest } from '../../flows/push-request.ts'
import { readDirect } from './asked.ts'
import type { Call } from './cors.ts'
import { signerOf } from './dpop.ts'
import { authenticatedFirst, noStore, withoutProofs } from './tokens.ts'

/** `POST /oidc/par` (RFC 9126). */
export async function pushedRequest(c: Call): Promise<Response> {
  const ctx = c.get('ctx')
  const { form, application } = await authenticatedFirst(c)
  if (form.has('request_uri')) {
    throw new Fault('invalid_request', { parameter: 'request_uri', problem: 'misplaced' })
  }
  const asked = withoutProofs(form, application)
  const sender = await signerOf(c, application)
  const { params, request } = await readDirect(ctx, application, asked)
  if (sender !== null) {
    // The proof stands for the parameter (RFC 9449 § 10.1); where both came, they must be of one key.
    if ((request.keyThumbprint ?? sender.jkt) !== sender.jkt) {
      throw new Fault('invalid_dpop_proof', { problem: 'dpop_jkt' })
    }
    params.set('dpop_jkt', sender.jkt)
  }
  const { subject } = await checkAuthorization(ctx, request)
  // An ID token does not rest in the database, only whom it named.
  params.delete('id_token_hint')
  const { requestUri, expiresIn } = await pushRequest(ctx, application, {
    query: params.toString(),
    subject,
  })
  noStore(c)
  return c.json({ request_uri: requestUri, expires_in: expiresIn }, 201)
}
