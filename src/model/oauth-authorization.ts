import type { Tx } from '../base/context.ts'
import { sha256 } from '../base/crypto.ts'
import { sql } from '../base/sql.ts'
import { sqlAfter, sqlNow } from './clock.ts'
import type { Challenge } from './flow-state.ts'
import { isUuid } from './uuid.ts'

/** What a client asks of a user at GoTrue's OAuth server: a row of `auth.oauth_authorizations`. */
export interface OAuthAuthorization {
  /** The name that the browser knows it by. */
  name: string
  clientId: string
  /** Null until somebody opened it: then it is theirs. */
  userId: string | null
  redirectUri: string
  scope: string
  state: string
  resource: string
  challenge: Challenge | null
  nonce: string
  status: 'pending' | 'approved' | 'denied' | 'expired'
  isExpired: boolean
}

interface Row {
  authorization_id: string
  client_id: string
  user_id: string | null
  redirect_uri: string
  scope: string
  state: string | null
  resource: string | null
  code_challenge: string | null
  code_challenge_method: Challenge['method'] | null
  nonce: string | null
  status: OAuthAuthorization['status']
  is_expired: boolean
}

function columns(ctx: Tx) {
  return sql`a.authorization_id, a.client_id, a.user_id, a.redirect_uri, a.scope, a.state, a.resource, a.code_challenge,
    a.code_challenge_method::text, a.nonce, a.status::text, a.expires_at <= ${sqlNow(ctx)} as is_expired`
}

function toAuthorization(row: Row): OAuthAuthorization {
  const { code_challenge: value, code_challenge_method: method } = row
  return {
    name: row.authorization_id,
    clientId: row.client_id,
    userId: row.user_id,
    redirectUri: row.redirect_uri,
    scope: row.scope,
    state: row.state ?? '',
    resource: row.resource ?? '',
    challenge: value === null || method === null ? null : { method, value },
    nonce: row.nonce ?? '',
    status: row.status,
    isExpired: row.is_expired,
  }
}

export type NewOAuthAuthorization = Pick<
  OAuthAuthorization,
  'clientId' | 'redirectUri' | 'scope' | 'state' | 'resource' | 'nonce'
> & { challenge: Challenge }

/** Returns its name. */
export async function createOAuthAuthorization(
  ctx: Tx,
  asked: NewOAuthAuthorization,
): Promise<string> {
  const name = ctx.random.id(32)
  const { challenge } = asked
  await sql`
    insert into auth.oauth_authorizations (id, authorization_id, client_id, redirect_uri, scope, state, resource,
      code_challenge, code_challenge_method, nonce, created_at, expires_at)
    values (${ctx.random.uuid()}, ${name}, ${asked.clientId}, ${asked.redirectUri}, ${asked.scope}, ${asked.state || null},
      ${asked.resource || null}, ${challenge.value}, ${challenge.method}, ${asked.nonce || null}, ${sqlNow(ctx)},
      ${sqlAfter(ctx, ctx.config.gotrue.oauthServerTtl)})`.execute(ctx.db)
  return name
}

/** To be called in a transaction: whoever comes beside waits, and finds what was decided. */
export async function lockOAuthAuthorization(
  ctx: Tx,
  name: string,
): Promise<OAuthAuthorization | null> {
  const { rows } = await sql<Row>`
    select ${columns(ctx)} from auth.oauth_authorizations a where a.authorization_id = ${name} for update`.execute(
    ctx.db,
  )
  return rows[0] === undefined ? null : toAuthorization(rows[0])
}

export async function expireOAuthAuthorization(ctx: Tx, name: string): Promise<void> {
  await sql`
    update auth.oauth_authorizations set status = 'expired'
    where authorization_id = ${name} and status = 'pending'`.execute(ctx.db)
}

export async function assignOAuthAuthorization(
  ctx: Tx,
  name: string,
  userId: string,
): Promise<void> {
  await sql`
    update auth.oauth_authorizations set user_id = ${userId}
    where authorization_id = ${name} and user_id is null`.execute(ctx.db)
}

export async function denyOAuthAuthorization(ctx: Tx, name: string): Promise<void> {
  await sql`
    update auth.oauth_authorizations set status = 'denied'
    where authorization_id = ${name} and status = 'pending'`.execute(ctx.db)
}

/** Returns the code, of which only the hash is kept. To be called with the row locked. */
export async function approveOAuthAuthorization(ctx: Tx, name: string): Promise<string> {
  const code = ctx.random.token()
  await sql`
    update auth.oauth_authorizations
    set status = 'approved', approved_at = ${sqlNow(ctx)}, authorization_code = ${restingCode(code)}
    where authorization_id = ${name} and status = 'pending'`.execute(ctx.db)
  return code
}

/** GoTrue keeps its codes, which are uuids, in clear; those that it gave out before are redeemed here, too. */
function restingCode(code: string): string {
  return isUuid(code) ? code : `sha256:${sha256(code).toString('base64url')}`
}

export async function findOAuthAuthorizationByCode(
  ctx: Tx,
  code: string,
): Promise<OAuthAuthorization | null> {
  const { rows } = await sql<Row>`
    select ${columns(ctx)} from auth.oauth_authorizations a
    where a.authorization_code = ${restingCode(code)} and a.status = 'approved'`.execute(ctx.db)
  return rows[0] === undefined ? null : toAuthorization(rows[0])
}

/** Spends the code: of all who redeem it, one gets `true`. */
export async function spendOAuthCode(ctx: Tx, code: string): Promise<boolean> {
  const { rows } = await sql`
    delete from auth.oauth_authorizations
    where authorization_code = ${restingCode(code)} and status = 'approved' and expires_at > ${sqlNow(ctx)}
    returning id`.execute(ctx.db)
  return rows.length > 0
}
