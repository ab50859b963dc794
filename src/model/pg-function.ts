import { type Context, transaction } from '../base/context.ts'
import { sql } from '../base/sql.ts'

/**
 * Calls a function that the database's owner wrote, with one JSON argument, and resolves with what it returns; null for
 * nothing. It runs in a transaction of its own, which takes a `Context` to begin: never within one of ours. Throws what
 * the database throws, also when it takes longer than `timeout` milliseconds.
 */
export async function callFunction(
  ctx: Context,
  { schema, name }: { schema: string; name: string },
  { input, timeout }: { input: unknown; timeout: number },
): Promise<unknown> {
  return transaction(ctx, async (ctx) => {
    await sql`set local statement_timeout = ${sql.lit(timeout)}`.execute(ctx.db)
    // As JSON whatever it returns: a function that is replaced by one of another type finds no stale plan.
    const { rows } = await sql<{ called: { answer: unknown } }>`
      select to_jsonb(c) as called
      from (select ${sql.id(schema, name)}(${JSON.stringify(input)}::text::jsonb) as answer) c`.execute(
      ctx.db,
    )
    return rows[0]?.called.answer ?? null
  })
}
