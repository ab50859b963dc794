import { Fault } from '../../base/fault.ts'
import { readJson } from '../../base/http.ts'
import { unixSeconds } from '../../base/time.ts'
import { issuerOf } from '../../flows/authorize.ts'
import {
  changeClient,
  type Registered,
  readClient,
  registerClient,
  removeClient,
} from '../../flows/register-client.ts'
import type { Call } from './cors.ts'
import { noStore } from './tokens.ts'

/** `POST /oidc/register` (RFC 7591, OpenID Connect Dynamic Client Registration 1.0). */
export async function register(c: Call): Promise<Response> {
  // Whether it is on, is told before a stranger's body is read.
  if (c.get('ctx').config.registration === 'off') throw new Fault('not_found')
  const token = bearerOf(c)
  const registered = await registerClient(c.get('ctx'), { input: await readMetadata(c), token })
  return answer(c, registered, 201)
}

/** `GET /oidc/register/:id` (RFC 7592 § 2.1). */
export async function readRegistration(c: Call): Promise<Response> {
  return answer(c, await readClient(c.get('ctx'), idOf(c), bearerOf(c)), 200)
}

/** `PUT /oidc/register/:id` (RFC 7592 § 2.2). */
export async function changeRegistration(c: Call): Promise<Response> {
  const token = bearerOf(c)
  // A stranger's body is not looked at.
  await readClient(c.get('ctx'), idOf(c), token)
  const input = await readMetadata(c)
  return answer(c, await changeClient(c.get('ctx'), idOf(c), { input, token }), 200)
}

/** `DELETE /oidc/register/:id` (RFC 7592 § 2.3). */
export async function removeRegistration(c: Call): Promise<Response> {
  await removeClient(c.get('ctx'), idOf(c), bearerOf(c))
  noStore(c)
  return c.body(null, 204)
}

function idOf(c: Call): string {
  return c.req.param('id') ?? ''
}

function bearerOf(c: Call): string | null {
  return /^Bearer +([\w.~+/-]{1,4096}=*)$/i.exec(c.req.header('authorization') ?? '')?.[1] ?? null
}

/** More than anybody has to say of an application, its keys included. */
const longest = 64 * 1024

async function readMetadata(c: Call): Promise<unknown> {
  const type = c.req.header('content-type')?.split(';')[0]?.trim().toLowerCase()
  if (type !== 'application/json') {
    throw new Fault('invalid_request', { parameter: 'Content-Type', problem: 'unsupported' })
  }
  const body = await readJson(c)
  if (JSON.stringify(body).length > longest)
    throw new Fault('input_invalid', { problem: 'too-large' })
  return body
}

function answer(c: Call, registered: Registered, status: 200 | 201): Response {
  const { application, metadata, secret, token, createdAt } = registered
  noStore(c)
  return c.json(
    {
      ...metadata,
      client_id: application.id,
      client_id_issued_at: unixSeconds(createdAt),
      ...(secret !== null && { client_secret: secret, client_secret_expires_at: 0 }),
      registration_access_token: token,
      registration_client_uri: `${issuerOf(c.get('ctx'))}/register/${application.id}`,
    },
    status,
  )
}
