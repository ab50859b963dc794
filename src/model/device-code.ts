import type { RawBuilder } from 'kysely'
import type { Tx } from '../base/context.ts'
import { hmacSha256, secretOf, sha256 } from '../base/crypto.ts'
import { sql } from '../base/sql.ts'
import { minute } from '../base/time.ts'
import { sqlAfter, sqlNow } from './clock.ts'
import { recordingOf } from './event.ts'
import { type Giving, isLive } from './grant.ts'
import { allowing } from './issue.ts'
import type { Asker } from './rights.ts'

/** How long a device waits for its user. */
export const deviceCodeLifetime = 10 * minute

/** Seconds between two polls, and how much longer it gets with each poll that comes too soon (RFC 8628 § 3.5). */
export const pollInterval = 5

/** No vowels, so that no words come about, and nothing that looks like a digit (RFC 8628 § 6.1). */
const userCodeAlphabet = 'BCDFGHJKLMNPQRSTVWXZ'
const userCodeLength = 8

/** What a device asked for. */
export interface DeviceRequest {
  /** Its parameters as a query. */
  query: string
  /** Whom its ID token hint named; the token itself is not kept. */
  subject: string | null
  /** The key that was proved with the request, to be proved again by who polls (RFC 9449). */
  jkt: string | null
}

/** Keeps a device's request, and returns the secret that polls for it and the code that its user types. */
export async function createDeviceCode(
  ctx: Tx,
  applicationId: string,
  request: DeviceRequest,
): Promise<{ deviceCode: string; userCode: string }> {
  const deviceCode = ctx.random.token()
  for (;;) {
    const userCode = newUserCode(ctx)
    // Somebody may be typing the same code right now: then another one is drawn.
    const { rows } = await sql`
      insert into idp.device_codes (id, hash, user_code_hash, application_id, request, poll_interval, created_at, expires_at)
      values (${ctx.random.uuid()}, ${sha256(deviceCode)}, ${userCodeHash(ctx, userCode)}, ${applicationId},
        ${JSON.stringify(request)}::text::jsonb, ${pollInterval}, ${sqlNow(ctx)}, ${sqlAfter(ctx, deviceCodeLifetime)})
      on conflict (user_code_hash) do nothing returning id`.execute(ctx.db)
    if (rows.length > 0) return { deviceCode, userCode }
  }
}

/** 34 bits, evenly drawn. */
function newUserCode(ctx: Tx): string {
  let code = ''
  while (code.length < userCodeLength) {
    const [byte = 0] = ctx.random.bytes(1)
    if (byte < 240) code += userCodeAlphabet[byte % userCodeAlphabet.length]
  }
  return code
}

function userCodeHash(ctx: Tx, userCode: string): Buffer {
  return hmacSha256(secretOf(ctx.config).key('user-code'), userCode)
}

/** What a person typed as a code: in any case, with spaces and hyphens anywhere, or in full-width letters. */
export function readUserCode(typed: string): string {
  return typed
    .normalize('NFKC')
    .toUpperCase()
    .replace(/[\s\p{Dash}]/gu, '')
}

/** The device that shows this code and waits; null when there is none. */
export async function findWaitingDevice(
  ctx: Tx,
  userCode: string,
): Promise<{ id: string; applicationId: string; request: DeviceRequest } | null> {
  const { rows } = await sql<{ id: string; applicationId: string; request: DeviceRequest }>`
    select id, application_id as "applicationId", request from idp.device_codes
    where user_code_hash = ${userCodeHash(ctx, userCode)} and state = 'pending' and expires_at > ${sqlNow(ctx)}`.execute(
    ctx.db,
  )
  return rows[0] ?? null
}

export type Polled = 'pending' | 'too-soon' | 'allowed' | 'denied' | 'expired' | 'unknown'

/** Counts a poll, on whatever node, and says how the request stands. Another application's code is unknown. */
export async function pollDeviceCode(
  ctx: Tx,
  deviceCode: string,
  applicationId: string,
): Promise<Polled> {
  // The network may bring a punctual poll a little early.
  const isTooSoon = sql`(d.polled_at + (d.poll_interval - 1) * interval '1 second' > ${sqlNow(ctx)})`
  const { rows } = await sql<{ polled: Polled }>`
    with before as (select id, polled_at, poll_interval from idp.device_codes d
      where d.hash = ${sha256(deviceCode)} and d.application_id = ${applicationId} for update),
    polled as (
      update idp.device_codes d set polled_at = ${sqlNow(ctx)},
        poll_interval = case when before.is_too_soon then least(d.poll_interval + ${pollInterval}, 3600) else d.poll_interval end
      from (select d.id, coalesce(${isTooSoon}, false) as is_too_soon from before d) before
      where d.id = before.id returning d.state, d.expires_at, before.is_too_soon)
    select case
      when state = 'denied' then 'denied'
      when expires_at <= ${sqlNow(ctx)} then 'expired'
      when state = 'allowed' then 'allowed'
      when is_too_soon then 'too-soon'
      else 'pending' end as polled from polled`.execute(ctx.db)
  return rows[0]?.polled ?? 'unknown'
}

/**
 * The user says yes: writes a grant in their session, and what the device will find, in one statement. False when the
 * device waits no more, the session has ended, or what the user allowed the application was taken back meanwhile.
 */
export async function allowDevice(
  ctx: Tx,
  { id, asker }: { id: string; asker: Asker },
  given: Giving & { nonce: string | null },
): Promise<boolean> {
  const allowed = allowing(asker)
  const { rows } = await sql`
    with held as (
      select u.id as user_id, s.id as session_id from auth.users u join auth.sessions s on s.user_id = u.id ${allowed.join}
      where s.id = ${given.sessionId} and ${isLive(ctx)} for key share of u, s${allowed.locked}),
    answered as (
      update idp.device_codes d set state = 'allowed' from held where ${isWaiting(ctx, id)}
      returning d.hash, d.application_id, d.expires_at, d.request->>'jkt' as jkt, held.user_id, held.session_id),
    granted as (
      insert into idp.grants (id, user_id, session_id, application_id, scope, resources, api_scopes, authenticated_at, created_at, details)
      select ${ctx.random.uuid()}, user_id, session_id, application_id, ${given.scope}, ${[...given.resources]}::text[],
        ${[...given.apiScopes]}::text[], ${given.authenticatedAt}, ${sqlNow(ctx)}, ${JSON.stringify(given.details)}::text::jsonb
      from answered returning *),
    made as (
      insert into idp.tokens (hash, kind, grant_id, application_id, scope, details, created_at, expires_at)
      select a.hash, 'device', g.id, g.application_id, g.scope,
        jsonb_strip_nulls(jsonb_build_object('jkt', a.jkt, 'nonce', ${given.nonce}::text)),
        ${sqlNow(ctx)}, a.expires_at from granted g cross join answered a),
    ${recordingOf(ctx, 'grant.created', 'granted')}
    select id from granted`.execute(ctx.db)
  return rows.length > 0
}

/** The user says no. */
export async function denyDevice(ctx: Tx, id: string, userId: string | null): Promise<void> {
  await sql`
    with answered as (
      update idp.device_codes d set state = 'denied' where ${isWaiting(ctx, id)}
      returning d.application_id, ${userId}::uuid as user_id, null::uuid as session_id),
    ${recordingOf(ctx, 'device.refused', 'answered')}
    select 1`.execute(ctx.db)
}

function isWaiting(ctx: Tx, id: string): RawBuilder<unknown> {
  return sql`d.id = ${id} and d.state = 'pending' and d.expires_at > ${sqlNow(ctx)}`
}
