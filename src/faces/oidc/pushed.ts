import { Fault } from '../../base/fault.ts'
import { checkAuthorization } from '../../flows/authorize.ts'
import { pushRequest } from '../../flows/push-request.ts'
import { readDirect } from './asked.ts'
import type { Call } from './cors.ts'
import { authenticated, noStore } from './tokens.ts'

/** What proves the application, and is no part of the request. */
const proofs = ['client_secret', 'client_assertion', 'client_assertion_type']

/** `POST /oidc/par` (RFC 9126). */
export async function pushedRequest(c: Call): Promise<Response> {
  const ctx = c.get('ctx')
  const { form, application } = await authenticated(c)
  if (form.has('request_uri')) {
    throw new Fault('invalid_request', { parameter: 'request_uri', problem: 'misplaced' })
  }
  for (const name of proofs) form.delete(name)
  form.set('client_id', application.id)
  const { params, request } = await readDirect(ctx, application, form)
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
