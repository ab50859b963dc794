import type { Context as HonoContext } from 'hono'
import { Fault } from '../../base/fault.ts'
import type { Env } from '../../base/http.ts'
import { unixSeconds } from '../../base/time.ts'
import { removePasskeyByAdmin } from '../../flows/admin-factors.ts'
import {
  addClientPasskey,
  type ClientAnswer,
  type ClientQuestion,
  removeClientPasskey,
  renameClientPasskey,
  signInWithClientPasskey,
  startClientRegistration,
  startClientSignIn,
} from '../../flows/passkey-client.ts'
import type { Holder } from '../../flows/passkey-registration.ts'
import { listPasskeys, type Passkey } from '../../model/passkey.ts'
import { isUuid } from '../../model/uuid.ts'
import { adminOf, type Called, callerOf } from './bearer.ts'
import { answerSignedIn } from './carry.ts'
import { refused } from './errors.ts'
import { holderOf, userOf } from './factors.ts'
import { passkeyJson } from './present.ts'
import { readBody } from './read.ts'
import { passkeyBody, passkeyNameBody } from './schema.ts'

/** `POST /passkeys/authentication/options`: nobody has to say who they are. */
async function signInOptions(c: HonoContext<Env>): Promise<Response> {
  refuseOff(c)
  return c.json(questionJson(await startClientSignIn(c.get('ctx'))))
}

/** Where they are switched off, nothing else is looked at. */
function refuseOff(c: HonoContext<Env>): void {
  if (!c.get('ctx').config.gotrue.passkeyEnabled) throw new Fault('passkey_disabled')
}

function questionJson({ challengeId, options, expiresAt }: ClientQuestion) {
  return { challenge_id: challengeId, options, expires_at: unixSeconds(expiresAt) }
}

/** `POST /passkeys/authentication/verify`. */
async function signInVerify(c: HonoContext<Env>): Promise<Response> {
  refuseOff(c)
  const ctx = c.get('ctx')
  const signedIn = await signInWithClientPasskey(ctx, await answerOf(c))
  return c.json(await answerSignedIn(c, ctx, signedIn))
}

async function answerOf(c: HonoContext<Env>): Promise<ClientAnswer> {
  const { challenge_id: challengeId, credential } = await readBody(c, passkeyBody)
  if (challengeId === '') throw refused('challenge_id is required')
  if (credential === null) throw refused('credential is required')
  if (!isUuid(challengeId)) throw refused('challenge_id must be a valid UUID')
  return { challengeId, credential }
}

/** `POST /passkeys/registration/options`. */
async function registrationOptions(c: HonoContext<Env>): Promise<Response> {
  refuseOff(c)
  const { ctx, ...holder } = await registrantOf(c)
  return c.json(questionJson(await startClientRegistration(ctx, holder)))
}

async function registrantOf(c: HonoContext<Env>): Promise<Called & Holder> {
  const holder = await holderOf(c)
  if (holder.user.isSso) throw refused('SSO users cannot register passkeys', { status: 422 })
  return holder
}

/** `POST /passkeys/registration/verify`. */
async function registrationVerify(c: HonoContext<Env>): Promise<Response> {
  refuseOff(c)
  const { ctx, ...holder } = await registrantOf(c)
  const { last_used_at: _never, ...made } = passkeyJson(
    await addClientPasskey(ctx, holder, await answerOf(c)),
  )
  return c.json(made)
}

/** `GET /passkeys`. */
async function showPasskeys(c: HonoContext<Env>): Promise<Response> {
  refuseOff(c)
  const { ctx, user } = await callerOf(c)
  return c.json((await listPasskeys(ctx, user.id)).map(passkeyJson))
}

/** `PATCH /passkeys/{passkey}`. */
async function namePasskey(c: HonoContext<Env>): Promise<Response> {
  refuseOff(c)
  const { ctx, ...holder } = await holderOf(c)
  const id = passkeyIdOf(c)
  const { friendly_name: name } = await readBody(c, passkeyNameBody)
  if (name === '') throw refused('friendly_name is required')
  if (name.length > 120) throw refused('friendly_name must be 120 characters or less')
  return c.json(passkeyJson(found(await renameClientPasskey(ctx, holder, { id, name }))))
}

function passkeyIdOf(c: HonoContext<Env>): string {
  const id = c.req.param('passkey') ?? ''
  if (!isUuid(id)) throw noPasskey()
  return id
}

function found(passkey: Passkey | null): Passkey {
  if (passkey === null) throw noPasskey()
  return passkey
}

function noPasskey(): Fault {
  return refused('Passkey not found', { status: 404 })
}

/** `DELETE /passkeys/{passkey}`. */
async function removePasskey(c: HonoContext<Env>): Promise<Response> {
  refuseOff(c)
  const { ctx, ...holder } = await holderOf(c)
  if (!(await removeClientPasskey(ctx, holder, passkeyIdOf(c)))) throw noPasskey()
  return c.body(null, 204)
}

/** `GET /admin/users/{id}/passkeys`. */
async function adminPasskeys(c: HonoContext<Env>): Promise<Response> {
  const ctx = await adminOf(c)
  const user = await userOf(c)
  return c.json((await listPasskeys(ctx, user.id)).map(passkeyJson))
}

/** `DELETE /admin/users/{id}/passkeys/{passkey}`. */
async function adminRemovePasskey(c: HonoContext<Env>): Promise<Response> {
  const ctx = await adminOf(c)
  const user = await userOf(c)
  if (!(await removePasskeyByAdmin(ctx, user, passkeyIdOf(c)))) throw noPasskey()
  return c.body(null, 204)
}

export const passkeyRoutes: readonly (readonly [
  string,
  string,
  (c: HonoContext<Env>) => Promise<Response>,
])[] = [
  ['POST', '/passkeys/authentication/options', signInOptions],
  ['POST', '/passkeys/authentication/verify', signInVerify],
  ['POST', '/passkeys/registration/options', registrationOptions],
  ['POST', '/passkeys/registration/verify', registrationVerify],
  ['GET', '/passkeys', showPasskeys],
  ['PATCH', '/passkeys/:passkey', namePasskey],
  ['DELETE', '/passkeys/:passkey', removePasskey],
  ['GET', '/admin/users/:id/passkeys', adminPasskeys],
  ['DELETE', '/admin/users/:id/passkeys/:passkey', adminRemovePasskey],
]
