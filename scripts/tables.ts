/** Writes src/db/tables.ts from a migrated database: `npm run tables`. */
import { writeFile } from 'node:fs/promises'
import { sql } from 'kysely'
import { migrate } from '../src/db/migrate.ts'
import { type OpenDatabase, openDatabase } from '../src/db/open.ts'

export const tablesFile = new URL('../src/db/tables.ts', import.meta.url)

interface Column {
  table: string
  name: string
  type: string
  labels: string[] | null
  nullable: boolean
  defaulted: boolean
  generated: boolean
}

/** The source of src/db/tables.ts that fits this database. */
export async function tablesSource(database: OpenDatabase): Promise<string> {
  const columns = await readColumns(database)
  const tables = Map.groupBy(columns, (column) => column.table)
  return [
    header,
    ...[...tables].map(([name, columns]) => interfaceOf(name, columns)),
    'export interface Database {',
    ...[...tables.keys()].map((name) => `  '${name}': ${nameOf(name)}`),
    '}',
    '',
  ].join('\n')
}

async function readColumns(database: OpenDatabase): Promise<Column[]> {
  const { rows } = await sql<Column>`
    select n.nspname || '.' || c.relname as "table", a.attname as name, t.typname as type,
      (select array_agg(e.enumlabel::text order by e.enumsortorder) from pg_enum e where e.enumtypid = t.oid) as labels,
      not a.attnotnull as nullable, a.atthasdef as defaulted, a.attgenerated <> '' or a.attidentity = 'a' as generated
    from pg_attribute a
    join pg_class c on c.oid = a.attrelid
    join pg_namespace n on n.oid = c.relnamespace
    join pg_type t on t.oid = a.atttypid
    where n.nspname in ('auth', 'idp') and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped
    order by n.nspname, c.relname collate "C", a.attnum`.execute(database.db)
  return rows
}

function interfaceOf(table: string, columns: Column[]): string {
  const lines = columns.map((column) => `  ${column.name}: ${typeOf(column)}`)
  return [`export interface ${nameOf(table)} {`, ...lines, '}', ''].join('\n')
}

function typeOf(column: Column): string {
  if (column.type === 'json' || column.type === 'jsonb') {
    return column.defaulted || column.nullable ? 'OptionalJson' : 'Json'
  }
  const plain = column.labels?.map((label) => `'${label}'`).join(' | ') ?? plainTypes[column.type]
  if (!plain) throw new Error(`Which type has ${column.table}.${column.name}: ${column.type}?`)
  const type = column.nullable ? `${plain} | null` : plain
  if (column.generated) return `GeneratedAlways<${type}>`
  return column.defaulted ? `Generated<${type}>` : type
}

/** `auth.mfa_factors` is `AuthMfaFactors`. */
function nameOf(table: string): string {
  return table.replace(/(?:^|[._])([a-z])/g, (_, letter: string) => letter.toUpperCase())
}

const plainTypes: Record<string, string> = {
  uuid: 'string',
  text: 'string',
  varchar: 'string',
  inet: 'string',
  numeric: 'string',
  date: 'string',
  bool: 'boolean',
  int2: 'number',
  int4: 'number',
  int8: 'number',
  float8: 'number',
  timestamp: 'Date',
  timestamptz: 'Date',
  bytea: 'Uint8Array',
  _text: 'string[]',
  _timestamptz: 'Date[]',
}

const header = `/** Generated from a migrated database by scripts/tables.ts; \`npm run tables\` writes it anew. */
import type { ColumnType, Generated, GeneratedAlways } from 'kysely'

/** Goes in as an object or as JSON text. An array has to be text: a driver would take it for Postgres' own array. */
export type JsonInput = string | Record<string, unknown>
export type Json = ColumnType<unknown, JsonInput, JsonInput>
export type OptionalJson = ColumnType<unknown, JsonInput | null | undefined, JsonInput | null>
`

if (import.meta.main) {
  const database = await openDatabase({ memory: true })
  await migrate(database)
  await writeFile(tablesFile, await tablesSource(database))
  await database.close()
}
