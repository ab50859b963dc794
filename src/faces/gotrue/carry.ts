import type { Context as HonoContext } from 'hono'
import type { Context } from '../../base/context.ts'
import { isFault } from '../../base/fault.ts'
import type { Env } from '../../base/http.ts'
import { takeBackSignIn } from '../../flows/hooks/access-token.ts'
import { type Carried, carryByRefreshToken, type Refreshed } from '../../flows/refresh.ts'
import type { SignedIn } from '../../flows/sign-in.ts'
import { type TokenJson, tokenJson } from './present.ts'

/** Gives a sign-in its tokens, and says in the headers whose they are. */
export async function answerSignedIn(
  c: HonoContext<Env>,
  ctx: Context,
  { session }: SignedIn,
): Promise<TokenJson> {
  const carried = await carryByRefreshToken(ctx, session)
  const method = session.amr[0]?.method ?? ''
  try {
    return await answerCarried(c, ctx, { ...carried, reuse: [] }, method)
  } catch (error) {
    if (isFault(error, 'hook_refused', 'hook_failed')) {
      await takeBackSignIn(ctx, carried.user.id, session)
    }
    throw error
  }
}

/** A new token for a session that was there before. */
export function answerRefreshed(
  c: HonoContext<Env>,
  ctx: Context,
  refreshed: Refreshed,
): Promise<TokenJson> {
  return answerCarried(c, ctx, refreshed, 'token_refresh')
}

/** `method` is how the token was come by, for a hook that has a say in it. */
export async function answerCarried(
  c: HonoContext<Env>,
  ctx: Context,
  refreshed: Refreshed,
  method: string,
): Promise<TokenJson> {
  const { user, session, reuse } = refreshed
  c.header('sb-auth-user-id', user.id)
  c.header('sb-auth-session-id', session.id)
  const [name, value] = markOf(refreshed)
  c.header(name, value)
  c.header('sb-auth-refresh-token-reuse', String(reuse.length > 0))
  if (reuse.length > 0) c.header('sb-auth-refresh-token-reuse-cause', reuse.join(','))
  return tokenJson(ctx, refreshed, method)
}

/** What tells one refresh token from the next in a log, and helps nobody to use it. */
function markOf({ counter, refreshToken }: Carried): [string, string] {
  return counter === null
    ? ['sb-auth-refresh-token-prefix', refreshToken.slice(0, 5)]
    : ['sb-auth-refresh-token-counter', String(counter)]
}
