import type { Context } from '../base/context.ts'
import { signJwt } from '../base/jwt.ts'
import { hour, second, unixSeconds } from '../base/time.ts'
import type { Application } from '../model/application.ts'
import { signingKey } from '../model/key.ts'
import { createAccessToken } from '../model/token.ts'
import type { ActingParty, Confirmation, OpaqueToken } from '../model/token-row.ts'
import { issuerOf } from './authorize.ts'

/** How long an access token is good where nothing says otherwise. */
export const accessTokenLifetime = 1 * hour

/** What an access token says of itself, whatever grant it comes from. */
export interface Minting {
  /** Who asked for it. */
  application: Application
  /** The user whom it speaks for, and the grant that it falls with; null when the application speaks for itself. */
  holder: { userId: string; grantId: string } | null
  /** Checked already: neither asked too wide nor beyond anybody's roles. */
  scope: string
  /** What it is for: a JWT for this audience (RFC 9068). Null is an opaque token, for our own user info. */
  audience: { name: string; lifetime: number; claims: Record<string, unknown> } | null
  /** The key that it is bound to (RFC 9449): then its type is DPoP. */
  cnf: Confirmation | null
  /** Who acts in the holder's name (RFC 8693). */
  act: ActingParty | null
}

export interface Minted {
  value: string
  type: 'Bearer' | 'DPoP'
  /** Milliseconds. */
  lifetime: number
  scope: string
}

/**
 * The one place where access tokens are made. It promises: the token says what it was given here and nothing else; an
 * opaque one is written, hashed, before it is handed out; a JWT is signed, and costs no round trip to the database.
 * It decides nothing: whether that scope, audience and actor may be, its caller has checked. To be called when the
 * grant is committed, never in a transaction.
 */
export async function mintAccessToken(ctx: Context, minting: Minting): Promise<Minted> {
  if (minting.audience !== null) return sign(ctx, minting, minting.audience)
  const opaque = opaqueToken(ctx, minting)
  const { application, holder, scope } = minting
  const grantId = holder?.grantId ?? null
  await createAccessToken(ctx, opaque, { grantId, applicationId: application.id, scope })
  return mintedOf(opaque, scope)
}

/**
 * The same for the two hot paths, whose one statement redeems and writes: what it has to write, or null for a JWT.
 * `finishAccessToken` makes the token when the statement is through.
 */
export function opaqueToken(
  ctx: Context,
  { application, cnf, act }: Pick<Minting, 'application' | 'cnf' | 'act'>,
): OpaqueToken {
  return { value: ctx.random.token(), lifetime: lifetimeFor(application), cnf, act }
}

/** The token whose row the caller's own statement has written, if `opaque` is one, else a new JWT. */
export async function finishAccessToken(
  ctx: Context,
  opaque: OpaqueToken | null,
  minting: Minting,
): Promise<Minted> {
  return opaque === null ? mintAccessToken(ctx, minting) : mintedOf(opaque, minting.scope)
}

function mintedOf({ value, lifetime, cnf }: OpaqueToken, scope: string): Minted {
  return { value, type: typeOf(cnf), lifetime, scope }
}

function lifetimeFor(_application: Application): number {
  return accessTokenLifetime
}

async function sign(
  ctx: Context,
  { application, holder, scope, cnf, act }: Minting,
  { name, lifetime, claims }: NonNullable<Minting['audience']>,
): Promise<Minted> {
  const now = unixSeconds(ctx.now())
  const token = signJwt(
    await signingKey(ctx, 'oidc'),
    {
      ...claims,
      jti: ctx.random.token(),
      sub: holder?.userId ?? application.id,
      iat: now,
      exp: now + lifetime / second,
      scope,
      client_id: application.id,
      iss: issuerOf(ctx),
      aud: name,
      ...(cnf !== null && { cnf }),
      ...(act !== null && { act }),
    },
    'at+jwt',
  )
  return { value: token, type: typeOf(cnf), lifetime, scope }
}

function typeOf(cnf: Confirmation | null): Minted['type'] {
  return cnf === null ? 'Bearer' : 'DPoP'
}
