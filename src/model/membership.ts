import type { Tx } from '../base/context.ts'
import { sql } from '../base/sql.ts'

/** An organization as its members know it. */
export interface Membership {
  organizationId: string
  name: string
}

export async function listMemberships(ctx: Tx, userId: string): Promise<Membership[]> {
  const { rows } = await sql<Membership>`
    select o.id as "organizationId", o.name from idp.organization_members m
      join idp.organizations o on o.id = m.organization_id
    where m.user_id = ${userId} order by o.name, o.id`.execute(ctx.db)
  return rows
}
