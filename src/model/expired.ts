import type { RawBuilder } from 'kysely'
import type { Tx } from '../base/context.ts'
import { sql } from '../base/sql.ts'
import { day, hour, minute } from '../base/time.ts'
import { sqlAfter, sqlNow } from './clock.ts'
import { isImportNote } from './event.ts'
import { cutLog, type Dead, deleteBatch, type Pace, type Step, walkOn } from './tidying.ts'

interface Indexed extends Dead {
  /** The indexed column by which the dead stand together; null for a table that stays small. */
  by: string | null
}

function olderThan(table: string, by: string, age: number, more?: RawBuilder<unknown>): Indexed {
  const isDead = (ctx: Tx) =>
    sql`row.${sql.ref(by)} < ${age === 0 ? sqlNow(ctx) : sqlAfter(ctx, -age)}${more ?? sql``}`
  return { table, by, isDead }
}

/** What nobody can use any more. Expiry is decided where a row is used; this only tidies. */
const dead: readonly Indexed[] = [
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
    ...{ table: 'idp.keys', by: null },
    isDead: (ctx) => sql`row.state = 'retiring' and row.expires_at < ${sqlNow(ctx)}`,
  },
  {
    // Introduced itself, and nobody let it do anything within a week.
    ...{ table: 'idp.applications', by: null },
    isDead: (ctx) => sql`row.origin <> 'admin' and row.updated_at < ${sqlAfter(ctx, -7 * day)}
      and not exists (select from idp.consents c where c.application_id = row.id)
      and not exists (select from idp.grants g where g.application_id = row.id)`,
  },
  olderThan('auth.webauthn_challenges', 'expires_at', 1 * day),
  olderThan('auth.mfa_challenges', 'created_at', 1 * day),
  olderThan('auth.oauth_client_states', 'created_at', 1 * day),
  olderThan('auth.saml_relay_states', 'created_at', 1 * day),
  // For each that goes, Postgres reads all of GoTrue's relay states: their reference to it has no index.
  olderThan('auth.flow_state', 'created_at', 1 * day),
  // Ended by its date.
  olderThan('auth.sessions', 'not_after', 3 * day),
]

/** The same where GoTrue's tables have no index that would find it: a round passes so many pages of each. */
const scattered: readonly (Dead & { pages: number })[] = [
  {
    // For each that goes, Postgres reads all challenges: their reference to it has no index.
    ...{ table: 'auth.mfa_factors', pages: 6400 },
    isDead: (ctx) => sql`row.status = 'unverified' and row.updated_at < ${sqlAfter(ctx, -1 * day)}`,
  },
  {
    ...{ table: 'auth.oauth_authorizations', pages: 6400 },
    isDead: (ctx) => sql`row.expires_at < ${sqlAfter(ctx, -1 * day)}`,
  },
  {
    // Carried by nothing: no cookie, no token of ours, no refresh token of GoTrue's.
    ...{ table: 'auth.sessions', pages: 6400 },
    isDead: (
      ctx,
    ) => sql`row.created_at < ${sqlAfter(ctx, -1 * day)} and row.refresh_token_hmac_key is null
      and not exists (select from auth.refresh_tokens r where r.session_id = row.id offset 0)
      and not exists (select from idp.session_tokens t where t.session_id = row.id offset 0)
      and not exists (select from idp.grants g where g.session_id = row.id and (g.refreshable_until > ${sqlAfter(ctx, -1 * day)}
        or g.created_at > ${sqlAfter(ctx, -1 * day)}) offset 0)`,
  },
]

/** What is kept for ever, unless somebody says for how long. GoTrue's log has no index by time. */
function logs({ config }: Tx): Sort[] {
  const { eventsRetentionDays, auditLogRetentionDays } = config
  const events = olderThan('idp.events', 'created_at', eventsRetentionDays * day)
  const audit = olderThan('auth.audit_log_entries', 'created_at', auditLogRetentionDays * day)
  return [
    ...(eventsRetentionDays === 0
      ? []
      : [sortOf(events, (ctx, pace) => cutLog(ctx, { ...events, isKept: isImportNote }, pace))]),
    ...(auditLogRetentionDays === 0
      ? []
      : [sortOf({ ...audit, pages: 16_000 }, (ctx, pace) => walkOn(ctx, audit, pace))]),
  ]
}

interface Sort {
  table: string
  /** How many a round passes at most. */
  pages: number
  step(ctx: Tx, pace: Pace): Promise<Step>
}

function sortOf(
  { table, pages = Number.POSITIVE_INFINITY }: { table: string; pages?: number },
  step: Sort['step'],
): Sort {
  return { table, pages, step }
}

function sortsOf(ctx: Tx): Sort[] {
  return [
    ...dead.map((sort) => sortOf(sort, (ctx, pace) => deleteBatch(ctx, sort, pace))),
    ...scattered.map((sort) => sortOf(sort, (ctx, pace) => walkOn(ctx, sort, pace))),
    ...logs(ctx),
  ]
}

/** How many rows of each table went. */
export type Tidied = Record<string, number>

/** What a transaction did. */
export interface Done extends Step {
  table: string
  milliseconds: number
}

/** No table takes more of a round than this: what is left, the next one finds. */
const longest = 1 * minute

/**
 * Deletes what is over, in small transactions, and returns how many rows of each table went. It ends where a transaction
 * says null. Nobody is told of sessions that were over for days.
 */
export async function deleteExpired(
  ctx: Tx,
  inTransaction: (work: (ctx: Tx) => Promise<Done | null>) => Promise<Done | null>,
): Promise<Tidied> {
  const tidied: Tidied = {}
  for (const sort of sortsOf(ctx)) {
    const { table, step } = sort
    const began = ctx.now().getTime()
    let pace: Pace = { rows: 1, pages: 1 }
    let passed = 0
    let endedBy: Step['endedBy'] = 'rows'
    while (endedBy !== null && passed < sort.pages && ctx.now().getTime() - began < longest) {
      const done = await inTransaction(async (ctx) => {
        if (!(await isOurTurn(ctx))) return null
        const began = ctx.now().getTime()
        const made = await step(ctx, pace)
        return { ...made, table, milliseconds: ctx.now().getTime() - began }
      })
      if (done === null) return tidied
      tidied[table] = (tidied[table] ?? 0) + done.gone
      passed += done.pages
      endedBy = done.endedBy
      pace = paceAfter(pace, done)
    }
  }
  return tidied
}

const most: Pace = { rows: 1000, pages: 32 }

/**
 * Whatever the disk, the table and what refers to it, a step is to take a twentieth of a second: a slow one is followed by
 * less, a quick one by more of what ended it.
 */
function paceAfter(pace: Pace, { endedBy, milliseconds }: Done): Pace {
  if (milliseconds > 50) {
    const less = (count: number) => Math.max(1, Math.floor((count * 50) / milliseconds))
    return { rows: less(pace.rows), pages: less(pace.pages) }
  }
  if (milliseconds > 25 || endedBy === null) return pace
  return { ...pace, [endedBy]: Math.min(most[endedBy], pace[endedBy] * 2) }
}

/** Where many nodes run, one of them tidies at a time. The end of the transaction gives the lock back. */
async function isOurTurn(ctx: Tx): Promise<boolean> {
  const { rows } = await sql<{ isMine: boolean }>`
    select pg_try_advisory_xact_lock(hashtext('sekisho housekeeping')) as "isMine",
      set_config('sekisho.is_tidying', 'on', true)`.execute(ctx.db)
  return rows[0]?.isMine === true
}
