import pg from 'pg'
import { type Rows, rowsOf, type Shape, sessions, users } from './rows.ts'

export interface Seed {
  /** A migrated database, as its superuser. */
  url: string
  users: number
  /** What rows are dated against. */
  now: Date
  /** Of everybody's password. */
  passwordHash: string
  shape?: Shape
  /** How many users go in at a time. */
  batch?: number
  /** Told after each batch. */
  onProgress?: (users: number) => void
}

export interface Seeded {
  rows: number
  /** Of which the filling, without the indexes. */
  fillSeconds: number
  seconds: number
  counts: Record<string, number>
}

export const wide: Shape = { eventsPerUser: 4, auditPerUser: 3 }
export const narrow: Shape = { eventsPerUser: 1, auditPerUser: 1 }

/**
 * Fills a database with users and all that hangs on them, the same for the same numbers. All in one transaction: what
 * is interrupted has left nothing behind. Secondary indexes are made again at the end, each from its own definition.
 */
export async function seed(plan: Seed): Promise<Seeded> {
  const { batch = 100_000, shape = wide } = plan
  const client = new pg.Client({ connectionString: plan.url })
  await client.connect()
  const began = performance.now()
  const seeded: Seeded = { rows: 0, fillSeconds: 0, seconds: 0, counts: {} }
  try {
    await client.query('begin')
    await client.query(settings)
    await client.query(functions)
    await client.query(few)
    const tables = rowsOf(shape)
    const names = [...new Set(tables.map(({ table }) => table))]
    // What is emptied and filled in one transaction needs no WAL where the server keeps as little as it can.
    await client.query(`truncate ${names.join(', ')} cascade`)
    const indexes = await dropIndexes(client, names)
    for (let from = 0; from < plan.users; from += batch) {
      const to = Math.min(from + batch, plan.users) - 1
      for (const rows of tables) {
        const { rowCount } = await client.query(statementOf(plan, rows, { from, to }))
        seeded.rows += rowCount ?? 0
        seeded.counts[rows.table] = (seeded.counts[rows.table] ?? 0) + (rowCount ?? 0)
      }
      plan.onProgress?.(to + 1)
    }
    seeded.fillSeconds = (performance.now() - began) / 1000
    for (const definition of indexes) await client.query(definition)
    await client.query('commit')
    await client.query('vacuum analyze')
  } finally {
    await client.end()
  }
  seeded.seconds = (performance.now() - began) / 1000
  return seeded
}

/** Foreign keys are right by construction (a test looks), and checking each of them takes most of the time. */
const settings = `set local session_replication_role = replica; set local synchronous_commit = off;
  set local statement_timeout = 0; set local maintenance_work_mem = '512MB'; set local work_mem = '128MB'`

const functions = `
  create function pg_temp.id_of(name text) returns uuid language sql immutable parallel safe as
    $$ select overlay(overlay(md5(name) placing '4' from 13) placing '8' from 17)::uuid $$;
  create function pg_temp.row_token(n bigint, j int, g bigint) returns text language sql immutable parallel safe as
    $$ select left(translate(lower(encode(sha256(('row ' || n || '/' || j || '/' || g)::bytea), 'base64')), '+/=', 'abc'), 12) $$;
  create function pg_temp.name_of(n bigint) returns text language sql immutable parallel safe as $$ select
    (array['Ann', 'Bjørn', 'Chloé', 'Dmitri', 'Élodie', 'Фёдор', 'さくら', 'Müge', 'Nguyễn', 'Oluwaseun', '李'])[1 + n % 11] || ' ' ||
    (array['Smith', 'Ångström', 'García', '山田', 'Иванова', 'O''Neill', 'Şahin'])[1 + n % 7] || ' ' || n $$`

/** What does not grow with the users. */
const few = `
  insert into idp.applications (id, name, type) select 'app-' || n, 'Application ' || n, 'Traditional'
    from generate_series(0, 19) n union all select 'shop', 'The Shop', 'Traditional' on conflict do nothing;
  insert into idp.roles (id, name) select 'role-' || n, 'Role ' || n from generate_series(0, 6) n;
  insert into idp.organization_roles (id, name) values ('admin', 'admin'), ('member', 'member');
  insert into auth.oauth_clients (id, registration_type, redirect_uris, grant_types, token_endpoint_auth_method)
    select pg_temp.id_of('client ' || n), 'manual', 'https://example.com/', 'authorization_code', 'none' from generate_series(0, 9) n;
  insert into auth.sso_providers (id, created_at, updated_at) values (pg_temp.id_of('sso'), now(), now())`

function statementOf(
  { users: count, now, passwordHash }: Seed,
  { table, columns, select }: Rows,
  { from, to }: { from: number; to: number },
): string {
  const known: Record<string, string> = {
    from: String(from),
    to: String(to),
    users: String(count),
    now: `${pg.escapeLiteral(now.toISOString())}::timestamptz`,
    hash: pg.escapeLiteral(passwordHash),
  }
  // Casts are written with two colons.
  const filled = `with users as not materialized (${users}), sessions as not materialized (${sessions})
    insert into ${table} (${columns}) select ${select}`
  return filled.replace(/(?<!:):([a-z]+)/g, (whole, name: string) => known[name] ?? whole)
}

/** Drops what can be dropped without a constraint, and returns how it is made again. */
async function dropIndexes(client: pg.Client, tables: readonly string[]): Promise<string[]> {
  const { rows } = await client.query<{ name: string; definition: string }>(
    `select i.indexrelid::regclass::text as name, pg_get_indexdef(i.indexrelid) as definition
     from pg_index i where i.indrelid = any ($1::regclass[])
       and not exists (select from pg_constraint c where c.conindid = i.indexrelid)`,
    [tables],
  )
  for (const { name } of rows) await client.query(`drop index ${name}`)
  return rows.map(({ definition }) => definition)
}
