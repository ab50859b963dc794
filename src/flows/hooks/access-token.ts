import { z } from 'zod'
import { type Context, transaction } from '../../base/context.ts'
import { Fault } from '../../base/fault.ts'
import { record } from '../../model/event.ts'
import { endSession, type Session } from '../../model/session.ts'
import type { Json } from '../../model/user.ts'
import { askHook, hasHook, isObject, metadataOf } from './ask.ts'

/** What every reader of an access token counts on (reference/gotrue.md § 1.11). */
const claimsForm = z.looseObject({
  aud: z.union([z.string(), z.array(z.string())]),
  exp: z.int(),
  iat: z.int(),
  sub: z.string(),
  email: z.string(),
  phone: z.string(),
  role: z.string(),
  aal: z.string(),
  session_id: z.string(),
  is_anonymous: z.boolean(),
  iss: z.string().optional(),
  jti: z.string().optional(),
  app_metadata: z.looseObject({}).optional(),
  user_metadata: z.looseObject({}).optional(),
  amr: z.array(z.unknown()).optional(),
})

/**
 * The claims as the hook wants them: all of them, also those that it left as they were. `method` is how the token was
 * come by. Never within a transaction. Throws what `askHook` throws, and `hook_failed` where a claim is missing.
 */
export async function customClaimsOf(
  ctx: Context,
  { userId, claims, method }: { userId: string; claims: Json; method: string },
): Promise<Json> {
  if (!hasHook(ctx, 'customAccessToken')) return claims
  const answer = await askHook(ctx, 'customAccessToken', {
    metadata: metadataOf(ctx, 'customize-access-token'),
    user_id: userId,
    claims,
    authentication_method: method,
  })
  const parsed = claimsForm.safeParse(answer.claims)
  if (parsed.success && isObject(answer.claims)) return answer.claims
  const wrong = new Set(parsed.error?.issues.map(({ path }) => String(path[0] ?? 'claims')))
  const problems = [...wrong].join(', ')
  ctx.log.warn({ hook: 'customAccessToken', problems }, 'A hook left out claims.')
  throw new Fault('hook_failed', { hook: 'customAccessToken', why: 'claims', problems })
}

/** A sign-in whose token the hook refused was none: nobody holds its session. */
export async function takeBackSignIn(ctx: Context, userId: string, session: Session) {
  await transaction(ctx, async (ctx) => {
    if (!(await endSession(ctx, session.id))) return
    await record(ctx, {
      type: 'session.ended',
      userId,
      sessionId: session.id,
      details: { by: 'hook', hook: 'customAccessToken' },
    })
  })
}
