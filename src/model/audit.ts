import type { RawBuilder } from 'kysely'
import type { Tx } from '../base/context.ts'
import { sql } from '../base/sql.ts'
import { sqlNow } from './clock.ts'
import type { Audit, AuditActor } from './event.ts'
import { nilUuid } from './uuid.ts'

/** An entry of GoTrue's audit log, as it is kept. */
export interface AuditEntry {
  id: string
  payload: Record<string, unknown>
  createdAt: Date | null
  ipAddress: string
}

/** What a search looks at: GoTrue's names. */
export type AuditScope = 'author' | 'action' | 'type'

/** Whoever holds an admin key, as the log names them: by their role. */
export function adminActor(ctx: Tx): AuditActor {
  const { actor } = ctx
  const name = actor.kind === 'admin' || actor.kind === 'system' ? actor.name : 'service_role'
  return { id: nilUuid, viaSso: false, username: name }
}

/** One page of the log, newest first, and how many entries match. */
export async function listAuditEntries(
  ctx: Tx,
  page: { limit: number; offset: number; search: { scope: AuditScope; value: string } | null },
): Promise<{ entries: AuditEntry[]; total: number }> {
  const fields = {
    author: ['actor_username', 'actor_name'],
    action: ['action'],
    type: ['log_type'],
  } as const
  const pattern = `%${page.search?.value.replace(/[\\%_]/g, '\\$&') ?? ''}%`
  const matching =
    page.search === null
      ? sql`true`
      : sql`(${sql.join(
          fields[page.search.scope].map(
            (field) => sql`payload->>${sql.lit(field)} ilike ${pattern}`,
          ),
          sql` or `,
        )})`
  const where = sql`instance_id = ${nilUuid} and ${matching}`
  const { rows } = await sql<{
    id: string
    payload: Record<string, unknown> | null
    created_at: Date | null
    ip_address: string
  }>`
    select id, payload, created_at, ip_address from auth.audit_log_entries where ${where}
    order by created_at desc, id limit ${page.limit} offset ${page.offset}`.execute(ctx.db)
  const counted = await sql<{ total: number }>`
    select count(*)::int as total from auth.audit_log_entries where ${where}`.execute(ctx.db)
  const entries = rows.map(({ id, payload, created_at, ip_address }) => ({
    id,
    payload: payload ?? {},
    createdAt: created_at,
    ipAddress: ip_address,
  }))
  return { entries, total: counted.rows[0]?.total ?? 0 }
}

/**
 * An entry of the log as a common table expression, for a user whom the statement itself finds: `source` is one with a
 * row `user_id`. It says what `recording` says of `auditActorOf` (model/user.ts).
 */
export function auditing(
  ctx: Tx,
  { action, logType }: Pick<Audit, 'action' | 'logType'>,
  source: RawBuilder<unknown>,
): RawBuilder<unknown> {
  if (!ctx.config.gotrue.auditToPostgres) return sql`audited as (select)`
  return sql`audited as (
    insert into auth.audit_log_entries (instance_id, id, payload, created_at, ip_address)
    select ${nilUuid}::uuid, ${ctx.random.uuid()}::uuid, json_strip_nulls(json_build_object('actor_id', a.id,
        'actor_via_sso', a.is_sso_user, 'actor_username', coalesce(nullif(a.phone, ''), nullif(a.email, ''), ''),
        'actor_name', case when jsonb_typeof(a.raw_user_meta_data->'full_name') = 'string'
          then a.raw_user_meta_data->>'full_name' end,
        'action', ${action}::text, 'log_type', ${logType}::text)), ${sqlNow(ctx)}, ''
    from auth.users a join ${source} f on f.user_id = a.id
  )`
}
