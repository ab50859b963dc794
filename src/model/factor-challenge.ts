import type { RawBuilder } from 'kysely'
import type { Tx } from '../base/context.ts'
import { seal, secretOf, unseal } from '../base/crypto.ts'
import { discloseFor, encloseFor } from '../base/gotrue-envelope.ts'
import { sql } from '../base/sql.ts'
import { isUniqueViolation } from '../base/sql-error.ts'
import { second } from '../base/time.ts'
import { sqlAfter, sqlNow } from './clock.ts'
import { type NewEvent, recording } from './event.ts'
import { isUuid } from './uuid.ts'

/** A proof under way: a row of `auth.mfa_challenges`. */
export interface FactorChallenge {
  id: string
  /** What was sent to a phone. */
  code: string | null
  /** What a browser was asked to sign. */
  ceremony: Ceremony | null
  /** It was answered already, or whoever answers it sits at another address. */
  isSpentOrForeign: boolean
  isExpired: boolean
}

export interface Ceremony {
  challenge: string
  relyingPartyId: string
}

export interface NewChallenge {
  factorId: string
  userId: string
  code: string | null
  /** In the shape that GoTrue keeps. */
  ceremony: Record<string, unknown> | null
  /** The shortest time since the challenge before. */
  notWithin: number
  events: readonly NewEvent[]
}

/** Null where the last one is too young, or the factor is gone. */
export async function createFactorChallenge(
  ctx: Tx,
  challenge: NewChallenge,
): Promise<{ id: string } | null> {
  const id = ctx.random.uuid()
  const now = sqlNow(ctx)
  // GoTrue cannot read NULL there.
  const code = challenge.code === null ? '' : restingCode(ctx, id, challenge.code)
  const ceremony = challenge.ceremony === null ? null : JSON.stringify(challenge.ceremony)
  const isOld =
    challenge.notWithin === 0
      ? sql`true`
      : sql`(last_challenged_at is null or last_challenged_at <= ${sqlAfter(ctx, -challenge.notWithin)})`
  return atFreeMicrosecond(ctx, async (challengedAt) => {
    const { rows } = await sql<{ id: string }>`
      with factor as (
        update auth.mfa_factors set last_challenged_at = ${challengedAt}
        where id = ${challenge.factorId} and user_id = ${challenge.userId} and ${isOld} returning id),
      asked as (
        insert into auth.mfa_challenges (id, factor_id, created_at, ip_address, otp_code, web_authn_session_data)
        select ${id}::uuid, id, ${now}, ${addressOf(ctx)}, ${code}, ${ceremony}::text::jsonb from factor
        returning id),
      ${recording(ctx, challenge.events, sql`exists (select from asked)`)}
      select id from asked`.execute(ctx.db)
    return rows[0] ?? null
  })
}

/** `last_challenged_at` is unique over all factors: who meets another's microsecond takes one shortly before. */
async function atFreeMicrosecond<T>(
  ctx: Tx,
  write: (challengedAt: RawBuilder<Date>) => Promise<T>,
  triesLeft = 5,
): Promise<T> {
  const [high = 0, low = 0] = ctx.random.bytes(2)
  const microseconds = high * 256 + low
  try {
    return await write(sqlAfter(ctx, -microseconds / 1000))
  } catch (error) {
    if (triesLeft === 0 || !isUniqueViolation(error)) throw error
    return atFreeMicrosecond(ctx, write, triesLeft - 1)
  }
}

/** Null for an unknown one, and for one of another factor. */
export async function findFactorChallenge(
  ctx: Tx,
  { id, factorId }: { id: string; factorId: string },
): Promise<FactorChallenge | null> {
  if (!isUuid(id)) return null
  const lifetime = ctx.config.gotrue.mfaChallengeSeconds * second
  const { rows } = await sql<{
    otp_code: string | null
    challenge: string | null
    rp_id: string | null
    spent: boolean
    expired: boolean
  }>`
    select otp_code, web_authn_session_data->>'challenge' as challenge, web_authn_session_data->>'rpId' as rp_id,
      verified_at is not null or ip_address <> ${addressOf(ctx)} as spent,
      created_at <= ${sqlAfter(ctx, -lifetime)} as expired
    from auth.mfa_challenges where id = ${id} and factor_id = ${factorId}`.execute(ctx.db)
  const [row] = rows
  if (row === undefined) return null
  return {
    id,
    code: row.otp_code ? openedCode(ctx, id, row.otp_code) : null,
    ceremony:
      row.challenge === null ? null : { challenge: row.challenge, relyingPartyId: row.rp_id ?? '' },
    isSpentOrForeign: row.spent,
    isExpired: row.expired,
  }
}

/** Of all who come with a challenge one gets it. */
export async function spendFactorChallenge(ctx: Tx, id: string): Promise<boolean> {
  const { rows } = await sql`
    update auth.mfa_challenges set verified_at = ${sqlNow(ctx)}, otp_code = ''
    where id = ${id} and verified_at is null returning id`.execute(ctx.db)
  return rows.length > 0
}

/** As if it had never been asked: the message could not be sent. */
export async function takeBackChallenge(
  ctx: Tx,
  { id, factorId }: { id: string; factorId: string },
): Promise<void> {
  await sql`
    with gone as (delete from auth.mfa_challenges where id = ${id} and factor_id = ${factorId} returning factor_id)
    update auth.mfa_factors f set last_challenged_at = null from gone where f.id = gone.factor_id`.execute(
    ctx.db,
  )
}

/** The column wants an address, and some transports know none. */
function addressOf(ctx: Tx): RawBuilder<string> {
  return sql<string>`${ctx.client.ip ?? '0.0.0.0'}::inet`
}

const placeOf = (id: string) => `auth.mfa_challenges.otp_code:${id}`

/** GoTrue keeps the digits in clear unless it encrypts; here they are always closed, in its envelope or in ours. */
function restingCode(ctx: Tx, id: string, code: string): string {
  const { databaseEncryption } = ctx.config.gotrue
  return databaseEncryption
    ? encloseFor(ctx, id, code)
    : seal(secretOf(ctx.config), placeOf(id), code)
}

function openedCode(ctx: Tx, id: string, resting: string): string {
  return resting.startsWith('v1.')
    ? unseal(secretOf(ctx.config), placeOf(id), resting)
    : discloseFor(ctx, id, resting)
}
