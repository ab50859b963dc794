import { sql } from 'kysely'
import type { OpenDatabase } from '../../src/db/open.ts'

/** What Postgres itself says of the schema `auth`, one line a thing. */
export interface Catalog {
  /** By table, in their order: name, type, `not null`, `default …` or `generated …`. */
  columns: Record<string, string[]>
  /** By name: their definition, the constraints' own among them. */
  indexes: Record<string, string>
  /** By table and name. */
  constraints: Record<string, string>
  enums: Record<string, string>
  functions: Record<string, string>
  /** Tables with row-level security. */
  secured: string[]
  /** Policies, triggers, views: there are none. */
  others: string[]
}

export async function readCatalog(database: OpenDatabase): Promise<Catalog> {
  const pairs = async (query: ReturnType<typeof sql<{ key: string; value: string }>>) => {
    const { rows } = await query.execute(database.db)
    return rows
  }
  const columns = await pairs(sql`
    select c.relname as key, concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod),
      case when a.attnotnull then 'not null' end,
      case when a.attgenerated = 's' then 'generated ' when d.adbin is not null then 'default ' end
        || pg_get_expr(d.adbin, d.adrelid)) as value
    from pg_attribute a
    join pg_class c on c.oid = a.attrelid and c.relkind = 'r' and c.relnamespace = 'auth'::regnamespace
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attnum > 0 and not a.attisdropped
    order by c.relname collate "C", a.attnum`)
  return {
    columns: Object.fromEntries(
      [...Map.groupBy(columns, (column) => column.key)].map(([table, all]) => [
        table,
        all.map((column) => column.value),
      ]),
    ),
    indexes: toRecord(
      await pairs(sql`
        select c.relname as key, regexp_replace(pg_get_indexdef(c.oid), 'CREATE (UNIQUE )?INDEX .* ON auth\\.', '\\1') as value
        from pg_class c where c.relnamespace = 'auth'::regnamespace and c.relkind = 'i'`),
    ),
    // Newer versions of Postgres list `not null` here too; it stands with the columns.
    constraints: toRecord(
      await pairs(sql`
        select c.relname || ': ' || k.conname as key, pg_get_constraintdef(k.oid) as value
        from pg_constraint k join pg_class c on c.oid = k.conrelid
        where c.relnamespace = 'auth'::regnamespace and k.contype <> 'n'`),
    ),
    enums: toRecord(
      await pairs(sql`
        select t.typname as key, string_agg(e.enumlabel, ' ' order by e.enumsortorder) as value
        from pg_type t join pg_enum e on e.enumtypid = t.oid
        where t.typnamespace = 'auth'::regnamespace group by t.typname`),
    ),
    functions: toRecord(
      await pairs(sql`
        select p.oid::regprocedure::text as key, concat_ws(' ', pg_get_function_result(p.oid), l.lanname,
          case p.provolatile when 's' then 'stable' when 'i' then 'immutable' else 'volatile' end,
          '-- ' || obj_description(p.oid, 'pg_proc')) as value
        from pg_proc p join pg_language l on l.oid = p.prolang
        where p.pronamespace = 'auth'::regnamespace`),
    ),
    secured: (
      await pairs(sql`
        select relname as key, '' as value from pg_class
        where relnamespace = 'auth'::regnamespace and relrowsecurity`)
    )
      .map((row) => row.key)
      .sort(),
    others: (
      await pairs(sql`
        select 'policy ' || policyname as key, '' as value from pg_policies where schemaname = 'auth'
        union all select 'trigger ' || t.tgname, '' from pg_trigger t join pg_class c on c.oid = t.tgrelid
        where c.relnamespace = 'auth'::regnamespace and not t.tgisinternal
        union all select relkind::text || ' ' || relname, '' from pg_class
        where relnamespace = 'auth'::regnamespace and relkind not in ('r', 'i')`)
    )
      .map((row) => row.key)
      .sort(),
  }
}

function toRecord(rows: { key: string; value: string }[]): Record<string, string> {
  return Object.fromEntries(rows.map((row) => [row.key, row.value]))
}
