import type { Tx } from '../base/context.ts'
import { sql } from '../base/sql.ts'
import { sqlNow } from './clock.ts'
import { type NewEvent, recording } from './event.ts'

/** What the outbox tells the world of. Rows are written with the change itself (migrations/0007_logout.sql). */
export type DeliveryKind = 'back-channel-logout' | 'mail-notice'

/** One thing that somebody outside is still to be told. */
export interface Delivery {
  id: string
  kind: DeliveryKind
  details: Record<string, unknown>
  /** With this one. */
  attempts: number
}

/**
 * Takes what is due, the oldest first. Whoever takes it puts it off until its next try by the same statement, so that
 * no other node takes it, and one that dies with it in hand loses nothing. `waits` are the pauses after each try.
 */
export async function takeDeliveries(
  ctx: Tx,
  { kinds, waits, limit }: { kinds: readonly string[]; waits: readonly number[]; limit: number },
): Promise<Delivery[]> {
  const seconds = sql`(${waits.map((wait) => wait / 1000)}::double precision[])[least(d.attempts + 1, ${waits.length}::integer)]`
  const { rows } = await sql<Delivery>`
    update idp.deliveries d set attempts = d.attempts + 1, due_at = ${sqlNow(ctx)} + ${seconds} * interval '1 second'
    where d.id = any (array(
      select id from idp.deliveries where due_at <= ${sqlNow(ctx)} and kind = any (${[...kinds]}::text[])
      order by due_at, created_at, id limit ${limit} for update skip locked))
    returning d.id, d.kind, d.details, d.attempts`.execute(ctx.db)
  return rows
}

/** Puts something into the outbox, in the transaction of what it tells of. */
export async function putDelivery(
  ctx: Tx,
  kind: DeliveryKind,
  details: Record<string, unknown>,
): Promise<void> {
  await sql`
    insert into idp.deliveries (kind, key, details, created_at)
    values (${kind}, ${ctx.random.uuid()}, ${JSON.stringify(details)}::text::jsonb, ${sqlNow(ctx)})`.execute(
    ctx.db,
  )
}

/** How much lies in the outbox, by the database's clock; what is being sent just now is not due. */
export async function countDeliveries(
  ctx: Tx,
): Promise<{ waiting: number; due: number; lagSeconds: number; failed: number }> {
  const now = sqlNow(ctx)
  const { rows } = await sql<{ waiting: number; due: number; lagSeconds: number; failed: number }>`
    select count(*)::integer as waiting, (count(*) filter (where attempts > 0))::integer as failed,
      (count(*) filter (where due_at <= ${now}))::integer as due,
      coalesce(extract(epoch from ${now} - min(greatest(due_at, created_at)) filter (where due_at <= ${now})), 0)::float8 as "lagSeconds"
    from idp.deliveries`.execute(ctx.db)
  return rows[0] ?? { waiting: 0, due: 0, lagSeconds: 0, failed: 0 }
}

/** Takes a delivery out of the outbox, told or given up, and records which; nothing when another node was faster. */
export async function closeDelivery(
  ctx: Tx,
  id: string,
  events: readonly NewEvent[],
): Promise<void> {
  await sql`
    with gone as (delete from idp.deliveries where id = ${id} returning id),
    ${recording(ctx, events, sql`exists (select from gone)`)}
    select 1`.execute(ctx.db)
}

/**
 * Tells the applications of a user that they are signed out, though the sessions stay: a ban lets nobody in, and GoTrue
 * gives the sessions back after it. Sessions that end are told of by the database itself.
 */
export async function tellLogoutOf(ctx: Tx, userId: string): Promise<void> {
  await sql`
    insert into idp.deliveries (kind, key, details)
    select distinct 'back-channel-logout', g.session_id || ':' || a.id,
      jsonb_build_object('applicationId', a.id, 'userId', g.user_id, 'sessionId', g.session_id)
    from idp.grants g join idp.applications a on a.id = g.application_id
    where g.user_id = ${userId} and a.oidc_client_metadata->>'backchannelLogoutUri' is not null
    on conflict do nothing`.execute(ctx.db)
}
