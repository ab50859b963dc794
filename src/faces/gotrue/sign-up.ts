import type { Context as HonoContext } from 'hono'
import type { Env } from '../../base/http.ts'
import { signUp, signUpAnonymously } from '../../flows/sign-up.ts'
import type { SignedUp } from '../../flows/sign-up-checks.ts'
import type { Json, User } from '../../model/user.ts'
import { answerSignedIn } from './carry.ts'
import { limit } from './limits.ts'
import { pretendedUserJson, userJson } from './present.ts'
import { readBody, readChallenge, redirectOf } from './read.ts'
import { signUpBody } from './schema.ts'

/** `POST /signup`. */
export async function register(c: HonoContext<Env>): Promise<Response> {
  const ctx = c.get('ctx')
  const body = await readBody(c, signUpBody)
  const { email, phone, password, data, channel } = body
  if (email === '' && phone === '') {
    if (ctx.config.gotrue.anonymousEnabled) await limit(c, 'anonymous')
    return c.json(await answerSignedIn(c, ctx, await signUpAnonymously(ctx, data)))
  }
  await limit(c, 'signup')
  const challenge = readChallenge(body)
  const redirectTo = redirectOf(c)
  const signedUp = await signUp(ctx, {
    email,
    phone,
    password,
    data,
    channel,
    challenge,
    redirectTo,
  })
  return answerSignedUp(c, signedUp, data)
}

async function answerSignedUp(
  c: HonoContext<Env>,
  signedUp: SignedUp,
  data: Json,
): Promise<Response> {
  const ctx = c.get('ctx')
  switch (signedUp.outcome) {
    case 'signed-in':
      return c.json(await answerSignedIn(c, ctx, signedUp))
    case 'asked-to-confirm':
      return c.json(askedJson(signedUp.user))
    case 'pretended':
      return c.json(pretendedUserJson(ctx, { ...signedUp, data }))
  }
}

/** What an administrator wrote of somebody invited is not shown to whoever types their address. */
function askedJson(user: User): Json {
  const json = userJson(user)
  return user.invitedAt === null ? json : { ...json, user_metadata: {}, identities: [] }
}
