import type { Tx } from '../base/context.ts'
import { sql } from '../base/sql.ts'
import { type Granted, type GrantedRow, grantedColumns, toGranted } from './grant.ts'
import { type HolderRow, holdersSql } from './holder.ts'
import {
  type Asker,
  ofGrant,
  organizationsScope,
  rightsColumn,
  type Target,
  type TargetProblem,
  targetProblem,
} from './rights.ts'

/** A grant as its user is now, with what they may at the target; `problem` where it gives no token for that. */
export async function findExchanged(
  ctx: Tx,
  grantId: string,
  { target, asker }: { target: Target | null; asker: Asker },
): Promise<(Granted & { problem: TargetProblem | null }) | null> {
  // Whether organizations were granted to the subject has been asked before: what counts here is membership.
  const grounds = { ...ofGrant, scope: sql`${organizationsScope}::text` }
  const { rows } = await sql<HolderRow & GrantedRow & { problem: TargetProblem | null }>`
    ${holdersSql(
      sql`idp.grants g join auth.users u on u.id = g.user_id`,
      sql`${grantedColumns}, ${targetProblem(target, asker, grounds)} as problem,
        ${rightsColumn({ scope: sql`g.scope`, applicationId: sql`g.application_id`, target, asker })}`,
    )}
    where g.id = ${grantId}`.execute(ctx.db)
  const [row] = rows
  return row === undefined ? null : { ...toGranted(row), problem: row.problem }
}
