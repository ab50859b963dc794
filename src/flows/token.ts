import { z } from 'zod'
import { actingAs, type Context } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { second } from '../base/time.ts'
import { readAccessToken } from '../model/access-token.ts'
import { type Application, isPublic } from '../model/application.ts'
import type { ActingParty, Confirmation } from '../model/issue.ts'
import { verifyIssued } from '../model/key.ts'
import {
  findIssuedToken,
  findRefreshToken,
  findTokenUser,
  type GrantFacts,
  type IssuedToken,
  revokeIssuedToken,
  revokeRefreshToken,
  type TokenFacts,
  type TokenUser,
} from '../model/token.ts'
import { issuerOf } from './authorize.ts'
import { grantIdOf } from './mint.ts'

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
  return findGoodToken(ctx, token, application.type === 'MachineToMachine' ? null : application.id)
}

/** The token if it is good now; `owner` null looks at every application's. */
export async function findGoodToken(
  ctx: Context,
  token: string,
  owner: string | null,
): Promise<TokenFacts | null> {
  const issued = await readIssued(ctx, token)
  if (issued === null) return looksSigned(token) ? null : findRefreshToken(ctx, token, owner)
  if (owner !== null && owner !== issued.applicationId) return null
  const alive = await findIssuedToken(ctx, issued)
  return alive === null ? null : { ...issued.facts, ...alive }
}

/** Revokes a token and all of its grant. Another application's, and one that is none, changes nothing (RFC 7009 § 2.2). */
export async function revokeApplicationToken(
  ctx: Context,
  application: Application,
  token: string,
): Promise<void> {
  const acting = actingAs(ctx, { kind: 'application', applicationId: application.id })
  const issued = await readIssued(ctx, token)
  if (issued !== null) {
    if (issued.applicationId === application.id) await revokeIssuedToken(acting, issued)
  } else if (!looksSigned(token)) await revokeRefreshToken(acting, token, application.id)
}

/** Ours are opaque, or have the three parts of a JWT. */
function looksSigned(token: string): boolean {
  return token.includes('.')
}

/** What an access token says itself; the rest its grant knows. */
type Issued = IssuedToken & { facts: Omit<TokenFacts, keyof GrantFacts> }

/** An access token of ours, of either form, that has not expired. */
async function readIssued(ctx: Context, token: string): Promise<Issued | null> {
  return looksSigned(token) ? readSigned(ctx, token) : readOpaque(ctx, token)
}

function readOpaque(ctx: Context, token: string): Issued | null {
  const read = readAccessToken(ctx, token)
  if (read === null) return null
  const { grantId, applicationId, expiresAt, userInfoClaims: _more, ...facts } = read
  const own = { kind: 'access' as const, applicationId, expiresAt, audience: null }
  return {
    token,
    grantId,
    applicationId,
    expiresAt,
    facts: { ...facts, ...own, organizationId: null },
  }
}

/** A JWT that we signed as an access token (RFC 9068 § 4); an ID token is none. */
async function readSigned(ctx: Context, token: string): Promise<Issued | null> {
  const read = await verifyIssued(ctx, 'oidc', { token, at: ctx.now() })
  if (read.outcome !== 'valid' || read.header.typ !== 'at+jwt') return null
  const parsed = accessTokenClaims.safeParse(read.claims)
  if (!parsed.success || parsed.data.iss !== issuerOf(ctx)) return null
  const { jti, sub, client_id: applicationId, scope, aud, iat, exp, ...more } = parsed.data
  const grantId = sub === applicationId ? null : grantIdOf(jti)
  if (sub !== applicationId && grantId === null) return null
  const expiresAt = new Date(exp * second)
  const facts = {
    ...{ kind: 'access' as const, applicationId, scope, audience: aud, expiresAt },
    organizationId: more.organization_id ?? null,
    createdAt: new Date(iat * second),
    cnf: more.cnf ?? null,
    act: more.act ?? null,
    acr: more.acr ?? null,
    authenticatedAt: more.auth_time === undefined ? null : new Date(more.auth_time * second),
  }
  return { token, grantId, applicationId, expiresAt, facts }
}

const actingParty: z.ZodType<ActingParty> = z.lazy(() =>
  z.object({ sub: z.string(), act: actingParty.optional() }),
)

const accessTokenClaims = z.object({
  ...{ jti: z.string(), sub: z.string(), client_id: z.string(), scope: z.string() },
  ...{ aud: z.string(), iss: z.string(), iat: z.number(), exp: z.number() },
  organization_id: z.string().optional(),
  cnf: z.object({ jkt: z.string() }).optional(),
  act: actingParty.optional(),
  acr: z.string().optional(),
  auth_time: z.number().optional(),
})

/**
 * The user whom an access token speaks for. `holder` is the key that was proved beside it: a token that is bound to
 * another one or to none is refused, and so is a bound one without (RFC 9449 § 7.2). Throws `invalid_token`, and
 * `insufficient_scope` without `openid`.
 */
export async function whoHolds(
  ctx: Context,
  token: string,
  holder: Confirmation | null,
): Promise<TokenUser> {
  const read = readAccessToken(ctx, token)
  const granted = read === null ? null : await findTokenUser(ctx, read)
  const scheme = holder !== null || (granted !== null && granted.cnf !== null) ? 'DPoP' : 'Bearer'
  if (granted === null || granted.cnf?.jkt !== holder?.jkt) {
    throw new Fault('invalid_token', { scheme })
  }
  if (!granted.grantedScope.split(' ').includes('openid')) {
    throw new Fault('insufficient_scope', { scope: 'openid' })
  }
  return granted
}
