import type { Context as HonoContext } from 'hono'
import type { Env } from '../../base/http.ts'
import { updateAccount } from '../../flows/account.ts'
import { type SignOutScope, signOut } from '../../flows/sign-out.ts'
import { callerOf } from './bearer.ts'
import { refused } from './errors.ts'
import { userJson } from './present.ts'
import { readBody, readChallenge, redirectOf } from './read.ts'
import { userBody } from './schema.ts'

/** `GET /user`. */
export async function showUser(c: HonoContext<Env>): Promise<Response> {
  const { user } = await callerOf(c)
  return c.json(userJson(user))
}

/** `PUT /user`. */
export async function changeUser(c: HonoContext<Env>): Promise<Response> {
  const { ctx, user, session } = await callerOf(c)
  const body = await readBody(c, userBody)
  const { email, phone, password, nonce, data, channel } = body
  const changed = await updateAccount(
    ctx,
    { user, session },
    {
      email,
      phone,
      password,
      nonce,
      data,
      channel,
      currentPassword: body.current_password,
      appMetadata: body.app_metadata,
      challenge: readChallenge(body),
      redirectTo: redirectOf(c),
    },
  )
  return c.json(userJson(changed))
}

/** `POST /logout`: everywhere, unless the scope says otherwise. */
export async function logOut(c: HonoContext<Env>): Promise<Response> {
  const { ctx, user, session } = await callerOf(c)
  const scope = c.req.query('scope') || 'global'
  if (!isScope(scope)) throw refused(`Unsupported logout scope ${JSON.stringify(scope)}`)
  await signOut(ctx, user, { scope, sessionId: session?.id ?? null })
  return c.body(null, 204)
}

function isScope(scope: string): scope is SignOutScope {
  return scope === 'global' || scope === 'local' || scope === 'others'
}
