import { type Context, transaction } from '../base/context.ts'
import { recordAll } from '../model/event.ts'
import { endSession, endSessionsOf } from '../model/session.ts'
import { auditActorOf, type User } from '../model/user.ts'

/** Which sessions end: this one, all of the user, or all but this one. */
export type SignOutScope = 'local' | 'global' | 'others'

/**
 * Ends sessions of a user, whatever carries them: refresh tokens, cookies, grants and their tokens fall by cascade.
 * Without a session of its own every sign-out is global. Returns the ids of the sessions that ended.
 */
export async function signOut(
  ctx: Context,
  user: User,
  { scope, sessionId }: { scope: SignOutScope; sessionId: string | null },
): Promise<string[]> {
  return transaction(ctx, async (ctx) => {
    let ended: string[]
    if (sessionId === null || scope === 'global') ended = await endSessionsOf(ctx, user.id)
    else if (scope === 'others') ended = await endSessionsOf(ctx, user.id, { except: sessionId })
    else ended = (await endSession(ctx, sessionId)) ? [sessionId] : []
    const [first = null, ...rest] = ended
    await recordAll(ctx, [
      {
        type: 'session.ended',
        userId: user.id,
        sessionId: first,
        details: { scope },
        // GoTrue writes one entry for a sign-out, however many sessions it ends.
        audit: { action: 'logout', logType: 'account', actor: auditActorOf(user) },
      },
      ...rest.map((id) => ({
        type: 'session.ended' as const,
        userId: user.id,
        sessionId: id,
        details: { scope },
      })),
    ])
    return ended
  })
}

/** Signs a user out of every device and app. */
export function signOutEverywhere(ctx: Context, user: User): Promise<string[]> {
  return signOut(ctx, user, { scope: 'global', sessionId: null })
}
