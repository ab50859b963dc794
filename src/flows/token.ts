import { createHash } from 'node:crypto'
import { actingAs, type Context } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { day, hour, second } from '../base/time.ts'
import { type Application, isPublic } from '../model/application.ts'
import type { Granted } from '../model/grant.ts'
import {
  createClientToken,
  findToken,
  findTokenUser,
  type Issue,
  type Issued,
  keepRefreshToken,
  redeemCode,
  revokeReusedCode,
  revokeToken,
  rotateRefreshToken,
  type TokenFacts,
} from '../model/token.ts'
import { keepKnown, unknownResource } from './consent.ts'

/** How long an access token is good. */
export const accessTokenLifetime = 1 * hour

const refreshTokenDays = 14

/** What the two grants of a user's tokens may ask beside their proof. */
interface Audience {
  resources: readonly string[]
  organizationId: string | null
}

/** Redeems an authorization code: exactly once, with its verifier, by the application that it was made for. */
export async function redeemAuthorizationCode(
  ctx: Context,
  application: Application,
  asked: Audience & { code: string; redirectUri: string; codeVerifier: string | null },
): Promise<Issued> {
  mayUse(application, 'authorization_code')
  checkAudience(asked)
  const { code, redirectUri, codeVerifier } = asked
  const acting = actingFor(ctx, application)
  const challenge = codeVerifier === null ? null : challengeOf(codeVerifier)
  const issued = await redeemCode(acting, code, {
    ...issueFor(application),
    redirectUri,
    challenge,
    alwaysRefresh:
      application.type === 'Traditional' &&
      application.customClientMetadata.alwaysIssueRefreshToken === true,
  })
  if (issued !== null) return issued
  await revokeReusedCode(acting, code, application.id)
  throw new Fault('invalid_grant')
}

/** RFC 7636 § 4.2: S256 only. A verifier of another form fits no challenge. */
function challengeOf(verifier: string): string {
  if (!/^[\w.~-]{43,128}$/.test(verifier)) throw new Fault('invalid_grant')
  return createHash('sha256').update(verifier).digest('base64url')
}

/** Exchanges a refresh token for its child and an access token; `scope` may only narrow. */
export async function refreshTokens(
  ctx: Context,
  application: Application,
  asked: Audience & { refreshToken: string; scope: readonly string[] },
): Promise<Issued> {
  mayUse(application, 'refresh_token')
  checkAudience(asked)
  const refresh = {
    ...issueFor(application),
    token: asked.refreshToken,
    scope: keepKnown(asked.scope),
  }
  const acting = actingFor(ctx, application)
  const stays =
    !isPublic(application) && application.customClientMetadata.rotateRefreshToken === false
  const rotation = stays
    ? await keepRefreshToken(acting, refresh)
    : await rotateRefreshToken(acting, refresh)
  switch (rotation.outcome) {
    case 'rotated':
      return rotation.issued
    case 'scope-too-wide':
      throw new Fault('invalid_scope')
    case 'reused':
    case 'unknown':
      throw new Fault('invalid_grant')
  }
}

/** A token for the application itself. Without resources there is nothing it could be narrowed to: its scope is empty. */
export async function issueClientToken(
  ctx: Context,
  application: Application,
  asked: Audience,
): Promise<string> {
  mayUse(application, 'client_credentials')
  checkAudience(asked)
  return createClientToken(actingFor(ctx, application), {
    applicationId: application.id,
    lifetime: accessTokenLifetime,
  })
}

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
  await revokeToken(actingFor(ctx, application), token, application.id)
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

type GrantType = 'authorization_code' | 'refresh_token' | 'client_credentials'

function mayUse({ type }: Application, grantType: GrantType): void {
  const isForMachines = grantType === 'client_credentials'
  if ((type === 'MachineToMachine') !== isForMachines) {
    throw new Fault('unauthorized_client', { grantType })
  }
}

/** Nobody is a member of an organization that does not exist, and no token is for an unknown resource. */
function checkAudience({ resources, organizationId }: Audience): void {
  const unknown = unknownResource(resources)
  if (unknown !== null) throw new Fault('invalid_target', { resource: unknown })
  if (organizationId !== null) throw new Fault('access_denied', { organizationId })
}

function issueFor({ id, customClientMetadata }: Application): Issue {
  const { refreshTokenTtlInDays, refreshTokenTtl } = customClientMetadata
  const fallback = refreshTokenTtl === undefined ? refreshTokenDays * day : refreshTokenTtl * second
  return {
    applicationId: id,
    accessLifetime: accessTokenLifetime,
    refreshLifetime: refreshTokenTtlInDays === undefined ? fallback : refreshTokenTtlInDays * day,
  }
}

function actingFor(ctx: Context, { id }: Application): Context {
  return actingAs(ctx, { kind: 'application', applicationId: id })
}
