import { type Kysely, sql } from 'kysely'
import { withoutDeadline } from './driver.ts'
import type { Database } from './tables.ts'

// Everything of `auth` and `idp`, out of one database and into another, whatever either of them is: each row is a JSON
// array of texts, as Postgres writes and reads its values.

export type Part =
  | { kind: 'head'; migrations: Applied[]; tables: TableHead[] }
  | { kind: 'rows'; table: string; lines: string[] }
  | { kind: 'rows-end'; table: string; rows: number; sum: string }
  | { kind: 'sequence'; name: string; value: string; isCalled: boolean }
  | { kind: 'end' }

export interface Applied {
  name: string
  checksum: string
}

export interface TableHead {
  name: string
  columns: string[]
}

/** A line's share of its table's sum: it does not matter in which order they come. */
const lineSum = sql.raw(
  `coalesce(sum(('x' || encode(substr(sha256(convert_to(line, 'UTF8')), 1, 7), 'hex'))::bit(56)::bigint), 0)::text`,
)

const rowsAtOnce = 200

/** One state of the whole database, however long the reading takes; nothing waits for it but what alters tables. */
export async function* readAll(database: Kysely<Database>): AsyncGenerator<Part> {
  const db = await database.startTransaction().execute()
  try {
    await sql`set transaction isolation level repeatable read, read only`.execute(db)
    await speakPlainly(db)
    const shapes = inOrder(await listTables(db), await listReferences(db))
    yield {
      kind: 'head',
      migrations: await appliedMigrations(db),
      tables: shapes.map(({ name, columns }) => ({
        name,
        columns: columns.map((one) => one.name),
      })),
    }
    for (const shape of shapes) yield* readTable(db, shape)
    for (const name of await listSequences(db)) {
      const { rows } = await sql<{ value: string; called: boolean }>`
        select last_value::text as value, is_called as called from ${qualified(name)}`.execute(db)
      const [row] = rows
      if (row) yield { kind: 'sequence', name, value: row.value, isCalled: row.called }
    }
    yield { kind: 'end' }
  } finally {
    // Nothing was written; a connection that is gone has rolled back already.
    await db
      .rollback()
      .execute()
      .catch(() => {})
  }
}

async function* readTable(db: Kysely<Database>, shape: Shape): AsyncGenerator<Part> {
  const { name } = shape
  await sql`declare reading no scroll cursor for select ${line(shape)} as line from ${qualified(name)}`.execute(
    db,
  )
  for (;;) {
    const { rows } = await sql<{
      line: string
    }>`fetch ${sql.raw(String(rowsAtOnce))} from reading`.execute(db)
    if (rows.length === 0) break
    yield { kind: 'rows', table: name, lines: rows.map((row) => row.line) }
  }
  await sql`close reading`.execute(db)
  yield { kind: 'rows-end', table: name, ...(await summed(db, shape)) }
}

/** How many rows there are, and a sum over all of them, by the database itself. */
export async function summed(
  db: Kysely<Database>,
  shape: Shape,
): Promise<{ rows: number; sum: string }> {
  const { rows } = await sql<{ rows: number; sum: string }>`
    select count(*) as rows, ${lineSum} as sum
    from (select ${line(shape)} as line from ${qualified(shape.name)}) lines`.execute(db)
  return rows[0] ?? { rows: 0, sum: '0' }
}

function line({ columns }: Shape) {
  const texts = columns.map((column) => sql`${sql.id(column.name)}::text`)
  return sql`json_build_array(${sql.join(texts)})::text`
}

/** Values are written and read the same way everywhere, and nothing is given up for taking long. */
export async function speakPlainly(db: Kysely<Database>): Promise<void> {
  await sql.raw(withoutDeadline).execute(db)
  const settings = {
    lock_timeout: '0',
    idle_in_transaction_session_timeout: '0',
    search_path: '',
    timezone: 'UTC',
    datestyle: 'ISO, YMD',
    intervalstyle: 'postgres',
    bytea_output: 'hex',
    extra_float_digits: '1',
  }
  for (const [name, value] of Object.entries(settings)) {
    await sql`select set_config(${name}, ${value}, true)`.execute(db)
  }
}

export interface Shape {
  name: string
  columns: { name: string; type: string }[]
}

/** Without what the databases write themselves: generated columns, and the list of our migrations. */
export async function listTables(db: Kysely<Database>): Promise<Shape[]> {
  const { rows } = await sql<Shape>`
    select n.nspname || '.' || c.relname as name,
      json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod)) order by a.attnum) as columns
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
    where n.nspname in ('auth', 'idp') and c.relkind = 'r' and (n.nspname, c.relname) <> ('idp', 'migrations')
    group by 1 order by 1`.execute(db)
  return rows
}

interface Reference {
  from: string
  to: string
}

async function listReferences(db: Kysely<Database>): Promise<Reference[]> {
  const { rows } = await sql<Reference>`
    select distinct fn.nspname || '.' || f.relname as "from", tn.nspname || '.' || t.relname as "to"
    from pg_constraint k
    join pg_class f on f.oid = k.conrelid join pg_namespace fn on fn.oid = f.relnamespace
    join pg_class t on t.oid = k.confrelid join pg_namespace tn on tn.oid = t.relnamespace
    where k.contype = 'f' and k.conrelid <> k.confrelid`.execute(db)
  return rows
}

/** What is referred to comes first. */
function inOrder(shapes: readonly Shape[], references: readonly Reference[]): Shape[] {
  const done = new Set<string>()
  const ordered: Shape[] = []
  const names = new Set(shapes.map(({ name }) => name))
  let left = [...shapes]
  while (left.length > 0) {
    const isFree = ({ name }: Shape) =>
      references.every(({ from, to }) => from !== name || done.has(to) || !names.has(to))
    const free = left.filter(isFree)
    if (free.length === 0) {
      throw new Error(
        `These tables refer to each other: ${left.map(({ name }) => name).join(', ')}`,
      )
    }
    for (const shape of free) done.add(shape.name)
    ordered.push(...free)
    left = left.filter(({ name }) => !done.has(name))
  }
  return ordered
}

export async function listSequences(db: Kysely<Database>): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    select n.nspname || '.' || c.relname as name
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname in ('auth', 'idp') and c.relkind = 'S' order by 1`.execute(db)
  return rows.map(({ name }) => name)
}

export async function appliedMigrations(db: Kysely<Database>): Promise<Applied[]> {
  const { rows: found } = await sql<{ exists: boolean }>`
    select to_regclass('idp.migrations') is not null as exists`.execute(db)
  if (!found[0]?.exists) return []
  const { rows } = await sql<Applied>`
    select name, checksum from idp.migrations order by name`.execute(db)
  return rows
}

export function qualified(name: string) {
  const [schema = '', ...table] = name.split('.')
  return sql.id(schema, table.join('.'))
}
