import { sql } from 'kysely'
import type { Tx } from '../base/context.ts'
import type { AuditActor } from './event.ts'
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
