import { actingAs, type Context } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { minute } from '../base/time.ts'
import { createSubjectToken as keepSubjectToken } from '../model/subject-token.ts'
import { findGoodToken } from './token.ts'

/** As long as in Logto. */
export const subjectTokenLifetime = 10 * minute

/** The API that Logto's machines ask for, and its scope; who registers it decides by roles which of them get it. */
export const managementResource = 'https://default.logto.app/api'
const managementScope = 'all'

/**
 * Makes a token that stands for a user, to be exchanged once by an application that may (RFC 8693). Whoever calls this
 * has checked that the one who asks may act as any user. Throws `user_not_found`.
 */
export async function createSubjectToken(
  ctx: Context,
  asked: { userId: string; context: Record<string, unknown>; lifetime?: number },
): Promise<{ subjectToken: string; lifetime: number }> {
  const { userId, context, lifetime = subjectTokenLifetime } = asked
  const applicationId = ctx.actor.kind === 'application' ? ctx.actor.applicationId : null
  const made = await keepSubjectToken(ctx, { userId, context, lifetime, applicationId })
  if (made === null) throw new Fault('user_not_found')
  return { subjectToken: made, lifetime }
}

/**
 * The context of the machine whose token of the Management API this is. Throws `invalid_token`, and `insufficient_scope`
 * where its roles do not hold the scope. A user's token is none: nobody acts for others by being somebody.
 */
export async function mayImpersonate(ctx: Context, accessToken: string): Promise<Context> {
  const found = await findGoodToken(ctx, accessToken, null)
  const isOne =
    found !== null && found.userId === null && found.cnf === null && found.organizationId === null
  if (!isOne || found.audience !== managementResource) throw new Fault('invalid_token')
  if (!found.scope.split(' ').includes(managementScope)) {
    throw new Fault('insufficient_scope', { scope: managementScope })
  }
  return actingAs(ctx, { kind: 'application', applicationId: found.applicationId })
}
