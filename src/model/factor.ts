import type { RawBuilder } from 'kysely'
import type { Tx } from '../base/context.ts'
import { discloseFor, encloseFor } from '../base/gotrue-envelope.ts'
import { sql } from '../base/sql.ts'
import { minute } from '../base/time.ts'
import { sqlAfter, sqlNow } from './clock.ts'
import { type NewEvent, recording, recordingOf } from './event.ts'
import { type Factor, lockUser } from './user.ts'

/** How a session says in its `amr` that a factor was shown. */
export const methodOf = {
  totp: 'totp',
  phone: 'mfa/phone',
  webauthn: 'mfa/webauthn',
} as const satisfies Record<Factor['type'], string>

/**
 * The factors of a user as they are now. Until the transaction ends nobody else changes them, nor the sessions that
 * rest upon them. Null where there is no such user.
 */
export async function lockFactors(ctx: Tx, userId: string): Promise<Factor[] | null> {
  if (!(await lockUser(ctx, userId))) return null
  const { rows } = await sql<FactorRow>`
    select ${columns} from auth.mfa_factors f where f.user_id = ${userId} order by f.created_at, f.id`.execute(
    ctx.db,
  )
  return rows.map(toFactor)
}

/** Takes away what the user began to enrol and did not finish in time. */
export async function deleteExpiredFactors(ctx: Tx, userId: string): Promise<void> {
  await sql`
    delete from auth.mfa_factors where user_id = ${userId} and status = 'unverified'
      and updated_at < ${sqlAfter(ctx, -ctx.config.gotrue.mfaFactorExpiry)}`.execute(ctx.db)
}

export interface NewFactor {
  id: string
  userId: string
  type: Factor['type']
  friendlyName: string
  phone: string | null
  /** Base32, of an authenticator app. */
  secret: string | null
  event: NewEvent
}

/** Throws a unique violation when the user has another one of that name, or with that number. */
export async function createFactor(ctx: Tx, factor: NewFactor): Promise<Factor> {
  const now = sqlNow(ctx)
  // GoTrue cannot read NULL there.
  const secret = factor.secret === null ? '' : encloseFor(ctx, factor.id, factor.secret)
  const { rows } = await sql<FactorRow>`
    with f as (
      insert into auth.mfa_factors (id, user_id, friendly_name, factor_type, status, phone, secret, created_at, updated_at)
      values (${factor.id}, ${factor.userId}, ${factor.friendlyName}, ${factor.type}::auth.factor_type, 'unverified',
        ${factor.phone}, ${secret}, ${now}, ${now})
      returning *),
    ${recording(ctx, [factor.event])}
    select ${columns} from f`.execute(ctx.db)
  const [row] = rows
  if (row === undefined) throw new Error('The factor was not returned.')
  return toFactor(row)
}

/** What an administrator may change. Null where the user has no such factor; a unique violation where it is taken. */
export async function updateFactor(
  ctx: Tx,
  { id, userId }: { id: string; userId: string },
  change: { friendlyName: string | null; phone: string | null; event: NewEvent },
): Promise<Factor | null> {
  const { rows } = await sql<FactorRow>`
    with f as (
      update auth.mfa_factors set updated_at = ${sqlNow(ctx)}, friendly_name = coalesce(${change.friendlyName}, friendly_name),
        phone = case when factor_type = 'phone' then coalesce(${change.phone}, phone) else phone end
      where id = ${id} and user_id = ${userId} returning *),
    ${recording(ctx, [change.event], sql`exists (select from f)`)}
    select ${columns} from f`.execute(ctx.db)
  return rows[0] === undefined ? null : toFactor(rows[0])
}

/**
 * Deletes a factor; sessions that rest upon it fall back. `only` says of a verified one whether it may go too. False
 * where there was none to delete.
 */
export async function deleteFactor(
  ctx: Tx,
  factor: { id: string; userId: string; type: Factor['type'] },
  { only, events }: { only: 'unverified' | 'any'; events: readonly NewEvent[] },
): Promise<boolean> {
  const { rows } = await sql`
    with gone as (
      delete from auth.mfa_factors where id = ${factor.id} and user_id = ${factor.userId}
        and (${only} = 'any' or status = 'unverified') returning id),
    lowered as (
      update auth.sessions s set aal = 'aal1', factor_id = null, updated_at = ${sqlNow(ctx)}
      from gone where s.user_id = ${factor.userId} and s.factor_id = gone.id returning s.id),
    unclaimed as (
      delete from auth.mfa_amr_claims c using lowered
      where c.session_id = lowered.id and c.authentication_method = ${methodOf[factor.type]}),
    ${recording(ctx, events, sql`exists (select from gone)`)}
    select id from gone`.execute(ctx.db)
  return rows.length > 0
}

/**
 * What a proof with a factor does, in one statement: the factor is verified, the session reaches aal2, the user's
 * sessions below it end, and so do other factors of its kind that were begun. Null where session or factor is gone.
 */
export async function raiseSession(
  ctx: Tx,
  {
    factor,
    sessionId,
    events,
  }: {
    factor: Pick<Factor, 'id' | 'type'> & { userId: string }
    sessionId: string
    events: readonly NewEvent[]
  },
): Promise<{ isFirstProof: boolean } | null> {
  const now = sqlNow(ctx)
  const { rows } = await sql<{ first: boolean }>`
    with before as (
      select f.id, f.status from auth.mfa_factors f join auth.sessions s on s.user_id = f.user_id
      where f.id = ${factor.id} and f.user_id = ${factor.userId} and s.id = ${sessionId}::uuid),
    verified as (
      update auth.mfa_factors f set status = 'verified', updated_at = ${now}
      from before where f.id = before.id and before.status = 'unverified'),
    others as (
      delete from auth.mfa_factors f using before where f.user_id = ${factor.userId} and f.id <> before.id
        and f.factor_type = ${factor.type}::auth.factor_type and f.status = 'unverified'),
    raised as (
      update auth.sessions s set aal = 'aal2', factor_id = before.id, updated_at = ${now}
      from before where s.id = ${sessionId}::uuid returning s.id),
    claimed as (
      insert into auth.mfa_amr_claims (id, session_id, authentication_method, created_at, updated_at)
      select ${ctx.random.uuid()}::uuid, id, ${methodOf[factor.type]}, ${now}, ${now} from raised
      on conflict (session_id, authentication_method) do update set updated_at = excluded.updated_at),
    ended as (
      delete from auth.sessions s using before
      where s.user_id = ${factor.userId} and s.id <> ${sessionId}::uuid and (s.aal is null or s.aal < 'aal2')
      returning s.user_id, s.id as session_id, null::text as application_id),
    ${recordingOf(ctx, 'session.ended', 'ended')},
    ${recording(ctx, events, sql`exists (select from raised)`)}
    select before.status = 'unverified' as first from before, raised`.execute(ctx.db)
  return rows[0] === undefined ? null : { isFirstProof: rows[0].first }
}

/** The secret of an authenticator app; null where the factor is gone. */
export async function findSecret(ctx: Tx, id: string): Promise<string | null> {
  const { rows } = await sql<{ secret: string | null }>`
    select secret from auth.mfa_factors where id = ${id} and factor_type = 'totp'`.execute(ctx.db)
  const secret = rows[0]?.secret
  return secret ? discloseFor(ctx, id, secret) : null
}

/**
 * Spends a step of an authenticator app: of all who come with its code one gets it, and then no step up to it is good
 * any more (RFC 6238 § 5.2). Kept as long as a clock may differ.
 */
export async function spendStep(ctx: Tx, factorId: string, step: number): Promise<boolean> {
  const { rows } = await sql`
    insert into idp.limits as l (key, count, resets_at)
    values (${`totp-step:${factorId}`}, ${step}, ${sqlAfter(ctx, 10 * minute)})
    on conflict (key) do update set count = excluded.count, resets_at = excluded.resets_at
    where l.count < excluded.count or l.resets_at <= ${sqlNow(ctx)}
    returning key`.execute(ctx.db)
  return rows.length > 0
}

interface FactorRow {
  id: string
  factor_type: Factor['type']
  status: Factor['status']
  friendly_name: string | null
  phone: string | null
  created_at: Date
  updated_at: Date
  last_challenged_at: Date | null
  web_authn_aaguid: string | null
}

const columns: RawBuilder<unknown> = sql`id, factor_type::text as factor_type, status::text as status, friendly_name, phone, created_at,
  updated_at, last_challenged_at, web_authn_aaguid`

function toFactor(row: FactorRow): Factor {
  return {
    id: row.id,
    type: row.factor_type,
    status: row.status,
    friendlyName: row.friendly_name,
    phone: row.phone,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    lastChallengedAt: row.last_challenged_at,
    aaguid: row.web_authn_aaguid,
  }
}
