import type { Client } from 'pg'

/** What counts the visits of one place; nonsense is a visit. */
const tally = ['idp.limits']

/** Every row that stands, in one number for each table; null where the server has the database to itself. */
export async function rowsBut(ledger: Client | null, mayBeWritten: readonly string[]) {
  if (ledger === null) return null
  const { rows: tables } = await ledger.query<{ name: string }>(
    `select schemaname || '.' || tablename as name from pg_tables where schemaname in ('auth', 'idp') order by 1`,
  )
  const counted = tables.filter(({ name }) => ![...tally, ...mayBeWritten].includes(name))
  const sums = counted.map(
    ({ name }) =>
      `select '${name}' as name, count(*) || ' ' || coalesce(sum(hashtext(one::text)::bigint), 0) as sum from ${name} one`,
  )
  const found = await ledger.query<{ name: string; sum: string }>(sums.join(' union all '))
  return Object.fromEntries(found.rows.map(({ name, sum }) => [name, sum]))
}
