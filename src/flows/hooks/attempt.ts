import { type Context, transaction } from '../../base/context.ts'
import { Fault } from '../../base/fault.ts'
import { recordAll } from '../../model/event.ts'
import { endSessionsOf } from '../../model/session.ts'
import type { Factor, Json, User } from '../../model/user.ts'
import { askHook, hasHook, metadataOf } from './ask.ts'

/**
 * Tells of a password that somebody tried, right or wrong. Throws `invalid_credentials` with the hook's sentence where
 * it rejects, and signs the user out everywhere when it says so.
 */
export async function reviewPassword(ctx: Context, user: User, isRight: boolean): Promise<void> {
  const name = 'passwordVerificationAttempt'
  if (!hasHook(ctx, name)) return
  const verdict = await askHook(ctx, name, {
    metadata: metadataOf(ctx, 'password-verification'),
    user_id: user.id,
    valid: isRight,
  })
  if (!isRejected(verdict)) return
  if (verdict.should_logout_user === true) await endAll(ctx, user, name)
  const message = sentenceOf(verdict, 'password')
  throw new Fault('invalid_credentials', { message })
}

/** The same for the digits of a second factor: `factor_rejected`, and every session of the user ends. */
export async function reviewFactor(
  ctx: Context,
  user: User,
  { factor, isRight }: { factor: Factor; isRight: boolean },
): Promise<void> {
  const name = 'mfaVerificationAttempt'
  if (!hasHook(ctx, name)) return
  const verdict = await askHook(ctx, name, {
    factor_id: factor.id,
    factor_type: factor.type,
    user_id: user.id,
    valid: isRight,
  })
  if (!isRejected(verdict)) return
  await endAll(ctx, user, name)
  throw new Fault('factor_rejected', { message: sentenceOf(verdict, 'MFA') })
}

function isRejected({ decision }: Json): boolean {
  if (decision === 'reject') return true
  // Silence is consent; a word that nobody knows is not.
  if (decision === undefined || decision === 'continue') return false
  throw new Fault('hook_failed', { why: 'output' })
}

function sentenceOf({ message }: Json, what: string): string {
  return typeof message === 'string' && message !== ''
    ? message
    : `Further ${what} verification attempts will be rejected.`
}

async function endAll(ctx: Context, user: User, hook: string): Promise<void> {
  await transaction(ctx, async (ctx) => {
    const ended = await endSessionsOf(ctx, user.id)
    await recordAll(
      ctx,
      ended.map((sessionId) => ({
        type: 'session.ended' as const,
        userId: user.id,
        sessionId,
        details: { by: 'hook', hook },
      })),
    )
  })
}
