import { actingAs, type Context } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { type Application, isPublic } from '../model/application.ts'
import type { Granted } from '../model/grant.ts'
import { findToken, findTokenUser, revokeToken, type TokenFacts } from '../model/token.ts'

/**
 * What a token is worth. An application hears of its own; one for machines, of all: it is the API that the others call.
 * Null for every token that is not good, so that nobody learns why.
 */
export async function introspectToken(
  ctx: Context,
  application: Application,
  token: string,
): Promise<TokenFacts | null> {
  if (isPublic(application)) throw new Fault('invalid_client', { problem: 'secret-missing' })
  const owner = application.type === 'MachineToMachine' ? null : application.id
  return findToken(ctx, token, owner)
}

/** Revokes a token and all of its grant. Another application's, and one that is none, changes nothing (RFC 7009 § 2.2). */
export async function revokeApplicationToken(
  ctx: Context,
  application: Application,
  token: string,
): Promise<void> {
  const acting = actingAs(ctx, { kind: 'application', applicationId: application.id })
  await revokeToken(acting, token, application.id)
}

/** The user whom an access token speaks for. Throws `invalid_token`, and `insufficient_scope` without `openid`. */
export async function whoHolds(ctx: Context, token: string): Promise<Granted> {
  const granted = await findTokenUser(ctx, token)
  if (granted === null) throw new Fault('invalid_token')
  if (!granted.grantedScope.split(' ').includes('openid')) {
    throw new Fault('insufficient_scope', { scope: 'openid' })
  }
  return granted
}
