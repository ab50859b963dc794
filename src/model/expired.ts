import type { RawBuilder } from 'kysely'
import type { Tx } from '../base/context.ts'
import { sql } from '../base/sql.ts'
import { day, hour } from '../base/time.ts'
import { sqlAfter, sqlNow } from './clock.ts'
import { nilUuid } from './uuid.ts'

interface Dead {
  table: string
  /** Of `row`. */
  isDead(ctx: Tx): RawBuilder<unknown>
  /** The indexed column by which the dead stand together; null for a table that stays small. */
  by: string | null
  /** How many go in one statement: few enough to hold no lock for long. */
  batch: number
}

const batch = 1000

function olderThan(table: string, by: string, age: number, more?: RawBuilder<unknown>): Dead {
  const isDead = (ctx: Tx) =>
    sql`row.${sql.ref(by)} < ${age === 0 ? sqlNow(ctx) : sqlAfter(ctx, -age)}${more ?? sql``}`
  return { table, by, batch, isDead }
}

/** What nobody can use any more. Expiry is decided where a row is used; this only tidies. */
const dead: readonly Dead[] = [
  olderThan('idp.tokens', 'expires_at', 1 * day),
  // Whoever comes with the code waits for a lock no longer than this.
  olderThan('idp.spent_codes', 'expires_at', 1 * hour),
  olderThan('idp.verifications', 'expires_at', 1 * day),
  // A page that stood open for long may begin again within a day.
  olderThan('idp.interactions', 'expires_at', 1 * day),
  olderThan('idp.session_tokens', 'expires_at', 0),
  // No session takes it along at its end. It has no refresh token, and its opaque access token lived for a day at most.
  olderThan('idp.grants', 'created_at', 1 * day, sql` and row.session_id is null`),
  olderThan('idp.limits', 'resets_at', 0),
  olderThan('idp.pushed_requests', 'expires_at', 0),
  olderThan('idp.device_codes', 'expires_at', 1 * day),
  olderThan('idp.subject_tokens', 'expires_at', 0),
  olderThan('idp.personal_access_tokens', 'expires_at', 0),
  olderThan('idp.spent_proofs', 'expires_at', 0),
  {
    ...{ table: 'idp.keys', by: null, batch },
    isDead: (ctx) => sql`row.state = 'retiring' and row.expires_at < ${sqlNow(ctx)}`,
  },
  {
    // Introduced itself, and nobody let it do anything within a week.
    ...{ table: 'idp.applications', by: null, batch },
    isDead: (ctx) => sql`row.origin <> 'admin' and row.updated_at < ${sqlAfter(ctx, -7 * day)}
      and not exists (select from idp.consents c where c.application_id = row.id)
      and not exists (select from idp.grants g where g.application_id = row.id)`,
  },
  olderThan('auth.webauthn_challenges', 'expires_at', 1 * day),
  olderThan('auth.mfa_challenges', 'created_at', 1 * day),
  olderThan('auth.oauth_client_states', 'created_at', 1 * day),
  olderThan('auth.saml_relay_states', 'created_at', 1 * day),
  // For each that goes, Postgres reads all of GoTrue's relay states: their reference to it has no index.
  { ...olderThan('auth.flow_state', 'created_at', 1 * day), batch: 25 },
  // Ended by its date.
  olderThan('auth.sessions', 'not_after', 3 * day),
]

/**
 * The same where GoTrue's tables have no index that would find it: they are walked by their primary key, a stretch at a
 * time, and the next round goes on where this one stopped.
 */
const scattered: readonly Omit<Dead, 'by'>[] = [
  {
    // For each that goes, Postgres reads all challenges: their reference to it has no index.
    ...{ table: 'auth.mfa_factors', batch: 25 },
    isDead: (ctx) => sql`row.status = 'unverified' and row.updated_at < ${sqlAfter(ctx, -1 * day)}`,
  },
  {
    ...{ table: 'auth.oauth_authorizations', batch },
    isDead: (ctx) => sql`row.expires_at < ${sqlAfter(ctx, -1 * day)}`,
  },
  {
    // Carried by nothing: no cookie, no token of ours, no refresh token of GoTrue's.
    ...{ table: 'auth.sessions', batch },
    isDead: (
      ctx,
    ) => sql`row.created_at < ${sqlAfter(ctx, -1 * day)} and row.refresh_token_hmac_key is null
      and not exists (select from auth.refresh_tokens r where r.session_id = row.id offset 0)
      and not exists (select from idp.session_tokens t where t.session_id = row.id offset 0)
      and not exists (select from idp.grants g where g.session_id = row.id and (g.refreshable_until > ${sqlAfter(ctx, -1 * day)}
        or g.created_at > ${sqlAfter(ctx, -1 * day)}) offset 0)`,
  },
]

/** So many rows are looked at in one step of a walk, and so many steps are made in a round. */
const stretch = 1000
const endUuid = 'ffffffff-ffff-ffff-ffff-ffffffffffff'
const mostSteps = 100

/** How many rows of each table went. */
export type Tidied = Record<string, number>

/** How many rows went in a step, and whether there may be more; null where another node tidies. */
type Step = { gone: number; hasMore: boolean } | null

/**
 * Deletes what is over, in small transactions, and returns how many rows of each table went. Where many nodes run, one of
 * them tidies at a time. Nobody is told of sessions that were over for days.
 */
export async function deleteExpired(
  inTransaction: (work: (ctx: Tx) => Promise<Step>) => Promise<Step>,
): Promise<Tidied> {
  const tidied: Tidied = {}
  const sorts = [
    ...dead.map((sort) => ({ ...sort, most: Number.POSITIVE_INFINITY, step: deleteBatch })),
    ...scattered.map((sort) => ({ ...sort, by: null, most: mostSteps, step: walkOn })),
  ]
  for (const { most, step, ...sort } of sorts) {
    let hasMore = true
    for (let made = 0; hasMore && made < most; made += 1) {
      const done = await inTransaction(async (ctx) =>
        (await isOurTurn(ctx)) ? step(ctx, sort) : null,
      )
      if (done === null) return tidied
      tidied[sort.table] = (tidied[sort.table] ?? 0) + done.gone
      hasMore = done.hasMore
    }
  }
  return tidied
}

/** The end of the transaction gives the lock back. */
async function isOurTurn(ctx: Tx): Promise<boolean> {
  const { rows } = await sql<{ isMine: boolean }>`
    select pg_try_advisory_xact_lock(hashtext('sekisho housekeeping')) as "isMine",
      set_config('sekisho.is_tidying', 'on', true)`.execute(ctx.db)
  return rows[0]?.isMine === true
}

async function deleteBatch(ctx: Tx, { table, isDead, by, batch }: Dead): Promise<Step> {
  // The oldest first, which the index gives without looking at what is alive.
  const order = by === null ? sql`` : sql`order by row.${sql.ref(by)}`
  const { rows } = await sql<{ count: number }>`
    with gone as (
      delete from ${sql.table(table)} where ctid = any (array(
        select row.ctid from ${sql.table(table)} as row where ${isDead(ctx)} ${order} limit ${batch} for update skip locked))
      returning 1)
    select count(*)::int as count from gone`.execute(ctx.db)
  const gone = rows[0]?.count ?? 0
  return { gone, hasMore: gone >= batch }
}

/** Looks at the next stretch, which ends sooner where there is enough to delete; after the last, the walk begins anew. */
async function walkOn(ctx: Tx, { table, isDead, batch }: Dead): Promise<Step> {
  const { rows: places } = await sql<{ after: string; edge: string | null }>`
    with start as (
      select coalesce((select after from idp.walks where name = ${table}), ${nilUuid}::uuid) as after)
    select after, (select t.id from ${sql.table(table)} t where t.id > start.after
      order by t.id offset ${stretch - 1} limit 1) as edge
    from start`.execute(ctx.db)
  const { after = nilUuid, edge = null } = places[0] ?? {}
  const { rows } = await sql<{ gone: number; last: string | null }>`
    with found as (
      select row.id from ${sql.table(table)} as row
      where row.id > ${after}::uuid and row.id <= ${edge ?? endUuid}::uuid and ${isDead(ctx)}
      order by row.id limit ${batch} for update skip locked),
    gone as (delete from ${sql.table(table)} where id = any (array(select id from found)))
    select count(*)::int as gone, (select id from found order by id desc limit 1) as last from found`.execute(
    ctx.db,
  )
  const { gone = 0, last = null } = rows[0] ?? {}
  const stop = gone < batch ? edge : last
  await sql`
    insert into idp.walks (name, after) values (${table}, ${stop ?? nilUuid})
    on conflict (name) do update set after = excluded.after`.execute(ctx.db)
  return { gone, hasMore: stop !== null }
}
