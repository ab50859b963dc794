import type { Context } from '../base/context.ts'
import { signJwt } from '../base/jwt.ts'
import { day, hour, second, unixSeconds } from '../base/time.ts'
import { writeAccessToken } from '../model/access-token.ts'
import type { Application } from '../model/application.ts'
import type { Granted } from '../model/grant.ts'
import type { ActingParty, Confirmation } from '../model/issue.ts'
import { defaultAlgorithm, signingKeyFor } from '../model/key.ts'
import { findCatalog } from '../model/resource.ts'
import type { Target } from '../model/rights.ts'
import type { Impersonated } from '../model/subject-token.ts'
import { issuerOf } from './authorize.ts'
import { addedClaims } from './custom-claims.ts'

/** How long an access token is good where nothing says otherwise. */
export const accessTokenLifetime = 1 * hour

/** What an access token says of itself, whatever grant it comes from. */
export interface Minting {
  /** Who asked for it. */
  application: Application
  /** The user whom it speaks for, and the grant that it falls with; null when the application speaks for itself. */
  holder: Granted | null
  /** Checked already: neither asked too wide nor beyond anybody's roles. */
  scope: string
  /** What it is for: then it is a JWT (RFC 9068). Null is an opaque token, for our own user info. */
  target: Target | null
  /** The key that it is bound to (RFC 9449): then its type is DPoP. */
  cnf: Confirmation | null
  /** Who acts in the holder's name (RFC 8693). */
  act: ActingParty | null
  /** What its maker attached to the subject token that was exchanged; null where none was. For custom claims alone. */
  subjectContext: Impersonated['context'] | null
}

export interface Minted {
  value: string
  type: 'Bearer' | 'DPoP'
  /** Milliseconds. */
  lifetime: number
  scope: string
}

/** An opaque token is for our own user info; a grant without a session, of which it may be, is tidied away after a day. */
const longestOpaque = 1 * day

/**
 * The one place where access tokens are made. It promises: the token says what it was given here, and in a JWT the custom claims
 * that cannot change it; nothing is kept of it, so making one costs no round trip to the database.
 * It decides nothing: whether that scope, audience and actor may be, its caller has checked. To be called when the
 * grant is committed, never in a transaction: a hook may be asked.
 */
export async function mintAccessToken(ctx: Context, minting: Minting): Promise<Minted> {
  if (minting.target !== null) return sign(ctx, minting, minting.target)
  const { application, holder, scope, cnf, act } = minting
  const lifetime = Math.min(lifetimeFor(application), longestOpaque)
  const now = ctx.now()
  const value = writeAccessToken(ctx, {
    ...{ applicationId: application.id, scope, cnf, act },
    grantId: holder?.grantId ?? null,
    createdAt: now,
    expiresAt: new Date(now.getTime() + lifetime),
    acr: holder?.acr ?? null,
    authenticatedAt: holder?.wantsAuthTime ? holder.authenticatedAt : null,
    userInfoClaims: holder?.userInfoClaims ?? [],
  })
  return { value, type: typeOf(cnf), lifetime, scope }
}

function lifetimeFor({ customClientMetadata: { accessTokenTtl } }: Application): number {
  return accessTokenTtl === undefined ? accessTokenLifetime : accessTokenTtl * second
}

/** An organization as an audience, in Logto's words. */
const organizationPrefix = 'urn:logto:organization:'
const organizationAudience = (id: string) => `${organizationPrefix}${id}`

/** The organization that is a token's audience; null for an API. */
export function organizationOf(audience: string | null): string | null {
  return audience?.startsWith(organizationPrefix) ? audience.slice(organizationPrefix.length) : null
}

async function sign(ctx: Context, minting: Minting, target: Target): Promise<Minted> {
  const { application, holder, scope, cnf, act, subjectContext } = minting
  const { indicator, organizationId } = target
  const resource = (await findCatalog(ctx)).resources.get(indicator ?? '') ?? null
  const own = lifetimeFor(application)
  // An application may shorten what an API allows, and not lengthen it.
  const lifetime = resource === null ? own : shorter(resource.accessTokenLifetime, application)
  const now = unixSeconds(ctx.now())
  const key = await signingKeyFor(ctx, 'oidc', resource?.signingAlgorithm ?? defaultAlgorithm.oidc)
  const claims = {
    jti: tokenId(ctx, holder?.grantId ?? null),
    sub: holder?.user.id ?? application.id,
    iat: now,
    exp: now + Math.floor(lifetime / second),
    scope,
    client_id: application.id,
    iss: issuerOf(ctx),
    aud: indicator ?? organizationAudience(organizationId ?? ''),
    ...(indicator !== null && organizationId !== null && { organization_id: organizationId }),
    ...(holder !== null && holder.acr !== null && { acr: holder.acr }),
    ...(holder?.wantsAuthTime && { auth_time: unixSeconds(holder.authenticatedAt) }),
    ...(cnf !== null && { cnf }),
    ...(act !== null && { act }),
  }
  const about = { application, holder, organizationId, subjectContext }
  const added = await addedClaims(ctx, claims, about)
  const token = signJwt(key, { ...added, ...claims }, 'at+jwt')
  return { value: token, type: typeOf(cnf), lifetime, scope }
}

function shorter(lifetime: number, { customClientMetadata: { accessTokenTtl } }: Application) {
  return accessTokenTtl === undefined ? lifetime : Math.min(lifetime, accessTokenTtl * second)
}

/** The grant stands in the token's id, so that a JWT can be asked about, though nothing is kept of it. */
function tokenId(ctx: Context, grantId: string | null): string {
  const chance = Buffer.from(ctx.random.bytes(16))
  if (grantId === null) return chance.toString('base64url')
  return Buffer.concat([Buffer.from(grantId.replaceAll('-', ''), 'hex'), chance]).toString(
    'base64url',
  )
}

/** The grant that a token's id names; null for an application's own. */
export function grantIdOf(jti: string): string | null {
  const hex = Buffer.from(jti, 'base64url').toString('hex')
  if (hex.length !== 64) return null
  return hex.slice(0, 32).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

function typeOf(cnf: Confirmation | null): Minted['type'] {
  return cnf === null ? 'Bearer' : 'DPoP'
}
