import { type Kysely, sql } from 'kysely'
import type { OpenDatabase } from './driver.ts'
import { migrate, ownMigrationNames } from './migrate.ts'
import type { Database } from './tables.ts'
import {
  type Applied,
  appliedMigrations,
  listSequences,
  listTables,
  type Part,
  qualified,
  type Shape,
  speakPlainly,
  summed,
} from './transfer.ts'

/** Why a database does not take what is offered; a sentence for people. */
export interface TransferRefused extends Error {
  name: 'TransferRefused'
}

export function isTransferRefused(error: unknown): error is TransferRefused {
  return error instanceof Error && error.name === 'TransferRefused'
}

export function refused(sentence: string, options?: ErrorOptions): TransferRefused {
  return Object.assign(new Error(sentence, options), { name: 'TransferRefused' as const })
}

export interface Transferred {
  tables: number
  rows: number
}

/** GoTrue's list of its migrations is there already: each database has its own, and what comes is added. */
const lists = ['auth.schema_migrations']

const mostBytes = 512 * 1024

/**
 * Brings everything into an empty database, all of it or nothing, and compares each table with what its source said. The
 * schema is first brought to where the source's was, and in the end to the newest.
 */
export async function writeAll(
  target: OpenDatabase,
  parts: AsyncIterable<Part>,
): Promise<Transferred> {
  const reading = parts[Symbol.asyncIterator]()
  try {
    const first = await reading.next()
    const head = first.done ? undefined : first.value
    if (head?.kind !== 'head') throw refused('It does not begin as a backup does')
    await bringTo(target, head.migrations)
    const done = await target.db.transaction().execute((db) => fill(db, head, reading))
    await migrate(target)
    return done
  } finally {
    await reading.return?.()
  }
}

/** The schema of the source, step for step: what a later step does to rows, it does to these too. */
async function bringTo(target: OpenDatabase, wanted: readonly Applied[]): Promise<void> {
  const last = wanted.at(-1)
  if (last === undefined) throw refused('It holds no database of Sekisho')
  const own = await ownMigrationNames()
  const unknown = wanted.filter(({ name }) => !own.includes(name))
  if (unknown.length > 0) {
    throw refused(
      `It was made by a newer version of Sekisho (${unknown.map(({ name }) => name).join(', ')}): use that version`,
    )
  }
  await migrate(target, { until: last.name })
  const there = await appliedMigrations(target.db)
  const isSame =
    there.length === wanted.length &&
    there.every((one, index) => {
      const other = wanted[index]
      return one.name === other?.name && one.checksum === other.checksum
    })
  if (isSame) return
  throw refused(
    'The database that is to take it has been migrated further, or otherwise: it must be empty, or without the schemas auth and idp',
  )
}

type Head = Part & { kind: 'head' }

async function fill(
  db: Kysely<Database>,
  head: Head,
  parts: AsyncIterator<Part>,
): Promise<Transferred> {
  await speakPlainly(db)
  const shapes = new Map((await listTables(db)).map((shape) => [shape.name, shape]))
  await lockAll(db, [...shapes.keys()])
  await refuseIfFilled(db, [...shapes.keys()])
  const sequences = new Set(await listSequences(db))
  const silenced = await silenceTriggers(db)
  const offered = new Map(head.tables.map(({ name, columns }) => [name, columns]))
  const done: Transferred = { tables: 0, rows: 0 }
  let waiting: string[] = []
  let isWhole = false

  async function flush(table: string): Promise<void> {
    if (waiting.length === 0) return
    const lines = waiting
    waiting = []
    await insert(db, shapeOf(table), lines)
  }
  /** The table as it is here, with the columns that come. */
  function shapeOf(table: string): Shape {
    const shape = shapes.get(table)
    if (shape === undefined) throw refused(`There is no table ${table} here, and it has rows`)
    const columns = (offered.get(table) ?? []).map((name) => {
      const found = shape.columns.find((column) => column.name === name)
      if (found === undefined) throw refused(`The table ${table} has no column ${name} here`)
      return found
    })
    return { name: table, columns }
  }

  let bytes = 0
  for (;;) {
    const { value: part, done: isOver } = await parts.next()
    if (isOver) break
    switch (part.kind) {
      case 'head':
        throw refused('It begins twice')
      case 'rows':
        waiting.push(...part.lines)
        bytes += part.lines.reduce((sum, line) => sum + line.length, 0)
        if (bytes < mostBytes) break
        await flush(part.table)
        bytes = 0
        break
      case 'rows-end':
        await flush(part.table)
        bytes = 0
        if (part.rows === 0) break
        await compare(db, shapeOf(part.table), part)
        done.tables += 1
        done.rows += part.rows
        break
      case 'sequence':
        if (!sequences.has(part.name)) break
        await sql`select setval(${part.name}::regclass, ${part.value}::bigint, ${part.isCalled})`.execute(
          db,
        )
        break
      case 'end':
        isWhole = true
    }
  }
  if (!isWhole) throw refused('It is cut off: its end is missing')
  for (const table of silenced) {
    await sql`alter table ${qualified(table)} enable trigger user`.execute(db)
  }
  return done
}

async function insert(db: Kysely<Database>, shape: Shape, lines: string[]): Promise<void> {
  const { name, columns } = shape
  const values = columns.map(
    // A type's name comes from the catalog, quoted where it must be.
    ({ type }, index) => sql`(one->>${sql.raw(String(index))})::${sql.raw(type)}`,
  )
  const known = lists.includes(name) ? sql`on conflict do nothing` : sql``
  await sql`
    insert into ${qualified(name)} (${sql.join(columns.map((column) => sql.id(column.name)))})
    overriding system value
    select ${sql.join(values)} from jsonb_array_elements(${`[${lines.join(',')}]`}::text::jsonb) as all_of(one)
    ${known}`.execute(db)
}

async function compare(
  db: Kysely<Database>,
  shape: Shape,
  said: { rows: number; sum: string },
): Promise<void> {
  if (lists.includes(shape.name)) return
  const found = await summed(db, shape)
  if (found.rows === said.rows && found.sum === said.sum) return
  throw refused(
    `The table ${shape.name} did not arrive as it left: ${found.rows} rows of ${said.rows}${found.rows === said.rows ? ', with other content' : ''}`,
  )
}

/** Whoever writes meanwhile waits, and then finds it filled. */
async function lockAll(db: Kysely<Database>, tables: readonly string[]): Promise<void> {
  await sql`lock table ${sql.join(tables.map(qualified))} in share row exclusive mode`.execute(db)
}

async function refuseIfFilled(db: Kysely<Database>, tables: readonly string[]): Promise<void> {
  const filled: string[] = []
  for (const table of tables) {
    if (lists.includes(table)) continue
    const { rows } = await sql`select from ${qualified(table)} limit 1`.execute(db)
    if (rows.length > 0) filled.push(table)
  }
  if (filled.length === 0) return
  throw refused(
    `The database that is to take it is not empty: there are rows in ${filled.join(', ')}`,
  )
}

/** What the rows once set off has happened. Keys that refer to other tables are checked all the same. */
async function silenceTriggers(db: Kysely<Database>): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    select distinct n.nspname || '.' || c.relname as name
    from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
    where n.nspname in ('auth', 'idp') and not t.tgisinternal and t.tgenabled <> 'D'`.execute(db)
  for (const { name } of rows) {
    await sql`alter table ${qualified(name)} disable trigger user`.execute(db)
  }
  return rows.map(({ name }) => name)
}
