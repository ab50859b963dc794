import { type Kysely, sql } from 'kysely'
import type { Database } from '../../src/db/tables.ts'

// Rows for every table there is, made from the catalog alone: a table that comes later is filled too.

interface Column {
  table: string
  name: string
  type: string
  /** What the type's values are, where it is an enumeration. */
  labels: string[] | null
  /** The first of the texts that a check allows. */
  allowed: string | null
  /** The column that it refers to. */
  refers: { table: string; column: string } | null
}

/** Where a check wants more than a type says. */
const special: Record<string, string> = {
  ...Object.fromEntries(
    ['issuer', 'discovery_url', 'authorization_url', 'token_url', 'userinfo_url', 'jwks_uri'].map(
      (name) => [`auth.custom_oauth_providers.${name}`, `'https://provider.example.com/' || n`],
    ),
  ),
  'auth.custom_oauth_providers.identifier': `'provider-' || n`,
  'auth.oauth_authorizations.expires_at': `'2099-01-01'::timestamptz`,
  'auth.oauth_authorizations.created_at': `'2026-01-01'::timestamptz`,
  'auth.oauth_consents.granted_at': `'2026-01-01'::timestamptz`,
}

/** Puts `count` rows into every table; later ones refer to earlier ones. */
export async function fillEverything(db: Kysely<Database>, count: number): Promise<string[]> {
  const columns = await readColumns(db)
  const tables = inOrder(columns)
  for (const table of tables) {
    const own = columns.filter((column) => column.table === table)
    const values = own.map((column) => sql`${expressionFor(column, count)}`)
    await sql`
      insert into ${sql.table(table)} (${sql.join(own.map(({ name }) => sql.id(name)))}) overriding system value
      select ${sql.join(values)} from generate_series(1, ${sql.raw(String(count))}) n`
      .execute(db)
      .catch((error) => {
        throw new Error(`${table}: ${error.message}`, { cause: error })
      })
  }
  for (const { table, name } of columns) {
    await sql`select setval(s, ${sql.raw(String(count * 7))}) from pg_get_serial_sequence(${table}, ${name}) s where s is not null`.execute(
      db,
    )
  }
  return tables
}

function expressionFor(column: Column, count: number) {
  const { table, name, type, labels, allowed, refers } = column
  const given = special[`${table}.${name}`]
  if (given !== undefined) return sql.raw(given)
  if (refers !== null) {
    const from = sql.table(refers.table)
    const value = sql.id(refers.column)
    return sql`(array(select ${value} from ${from} order by ${value}))[n]`
  }
  if (labels !== null) return sql.raw(`'${labels[0]}'::${type}`)
  if (allowed !== null) return sql.raw(`'${allowed}'`)
  return sql.raw(literal(type, `${table} ${name}`, count))
}

function literal(type: string, seed: string, count: number): string {
  const odd = `E'${seed} \\\\ \\t "x" {,} ü\\n' || n`
  const base = type.replace(/\(.*\)/, '')
  switch (base) {
    case 'uuid':
      return `md5('${seed}' || n)::uuid`
    case 'text':
      return odd
    case 'character varying':
      return `left('${seed}', 20) || n`
    case 'boolean':
      return 'n % 2 = 0'
    case 'smallint':
    case 'integer':
      return '1 + n % 2'
    case 'bigint':
      return `${count} - n + 1`
    case 'timestamp with time zone':
      return `case n when 1 then 'infinity' else '2026-01-02T03:04:05.678901Z'::timestamptz + n * interval '1 hour' end`
    case 'timestamp without time zone':
      return `'2026-01-02T03:04:05.678901'::timestamp + n * interval '1 hour'`
    case 'jsonb':
      return `jsonb_build_object('b', n, 'a', ${odd}, 'deep', '[1.50, null, "ü"]'::jsonb)`
    case 'json':
      return `'{"b": 1,  "a": [ ]}'::json`
    case 'bytea':
      return `decode(md5('${seed}' || n), 'hex')`
    case 'inet':
      return `('198.51.100.' || (n % 250))::inet`
    case 'timestamp with time zone[]':
      return `array['infinity'::timestamptz, '2026-01-02T03:04:05.678901Z'::timestamptz + n * interval '1 hour', null]`
    case 'text[]':
      return `array[${odd}, null, '']`
    case 'interval':
      return `n * interval '1 day 2 hours'`
    default:
      throw new Error(`No value is known for ${seed}, of type ${type}`)
  }
}

async function readColumns(db: Kysely<Database>): Promise<Column[]> {
  const { rows } = await sql<Column>`
    select n.nspname || '.' || c.relname as table, a.attname as name, format_type(a.atttypid, a.atttypmod) as type,
      (select json_agg(e.enumlabel order by e.enumsortorder) from pg_enum e where e.enumtypid = a.atttypid) as labels,
      (select substring(pg_get_constraintdef(k.oid) from 'ANY \\(\\(?ARRAY\\[''([^'']+)''')
       from pg_constraint k where k.contype = 'c' and k.conrelid = c.oid and k.conkey = array[a.attnum]
         and pg_get_constraintdef(k.oid) ~ 'ANY \\(\\(?ARRAY\\[''' limit 1) as allowed,
      (select json_build_object('table', fn.nspname || '.' || f.relname, 'column',
         (select fa.attname from pg_attribute fa where fa.attrelid = f.oid and fa.attnum = k.confkey[array_position(k.conkey, a.attnum)]))
       from pg_constraint k join pg_class f on f.oid = k.confrelid join pg_namespace fn on fn.oid = f.relnamespace
       where k.contype = 'f' and k.conrelid = c.oid and a.attnum = any (k.conkey) limit 1) as refers
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
    where n.nspname in ('auth', 'idp') and c.relkind = 'r' and (n.nspname, c.relname) not in (('idp', 'migrations'), ('auth', 'schema_migrations'))
    order by 1, a.attnum`.execute(db)
  return rows
}

function inOrder(columns: readonly Column[]): string[] {
  const ordered: string[] = []
  let left = [...new Set(columns.map(({ table }) => table))]
  while (left.length > 0) {
    const free = left.filter((table) =>
      columns.every(
        (one) =>
          one.table !== table ||
          !one.refers ||
          one.refers.table === table ||
          ordered.includes(one.refers.table),
      ),
    )
    ordered.push(...free)
    left = left.filter((table) => !free.includes(table))
  }
  return ordered
}
