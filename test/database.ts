import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, inject } from 'vitest'
import { type OpenDatabase, openDatabase, type Query } from '../src/db/open.ts'
import { onServer, withName } from './setup/names.ts'
import './setup/provided.ts'

export type DatabaseKind = OpenDatabase['kind']

/** The kind that this run's project asks for; the same test files run on both. */
export function databaseKind(): DatabaseKind {
  const kind = inject('databaseKind')
  if (!kind)
    throw new Error('This file is a unit test by its place (vitest.config.ts): no database')
  return kind
}

export interface TestDatabase extends OpenDatabase {
  /** Its address, for another process; null where it is embedded. */
  readonly url: string | null
  /** The statements since the last call. */
  queries(): Query[]
  /** Deletes every row of every table. */
  clear(): Promise<void>
}

/** An empty, migrated database for this file. To be called outside of tests; use it inside of them. */
export function withDatabase(): TestDatabase {
  let opened: { database: OpenDatabase; url: string | null; drop(): Promise<void> } | undefined
  let seen: Query[] = []

  beforeAll(async () => {
    opened = await (databaseKind() === 'postgres' ? openCopy() : openSnapshot())
    opened.database.onQuery((query) => seen.push(query))
  }, 60_000)

  afterAll(async () => {
    await opened?.database.close()
    await opened?.drop()
  })

  function current() {
    if (!opened) throw new Error('The database is open inside of tests only')
    return opened
  }

  return {
    get db() {
      return current().database.db
    },
    get kind() {
      return current().database.kind
    },
    get url() {
      return current().url
    },
    observed: (tell) => current().database.observed(tell),
    pool: () => current().database.pool(),
    execute: (text) => current().database.execute(text),
    onQuery: (listener) => current().database.onQuery(listener),
    onNotice: (listener) => current().database.onNotice(listener),
    guard: (options) => current().database.guard(options),
    close: () => current().database.close(),
    queries() {
      const queries = seen
      seen = []
      return queries
    },
    async clear() {
      await current().database.execute(deleteEverything)
      seen = []
    },
  }
}

async function openSnapshot() {
  const snapshot = new Blob([await readFile(inject('snapshot'))])
  return {
    database: await openDatabase({ memory: true, snapshot }),
    url: null,
    drop: async () => {},
  }
}

async function openCopy() {
  const copy = await createDatabase()
  return { database: await openDatabase({ url: copy.url }), ...copy }
}

/** A migrated database on the Postgres of this run, for a process of its own. */
export function createDatabase(): Promise<{ url: string; drop(): Promise<void> }> {
  return create(`template ${inject('postgres').template}`)
}

/** A database of this run's kind, before any migration; closed and gone when the file ends. */
export function withBareDatabases(): () => Promise<{ database: OpenDatabase; url: string | null }> {
  const endings: (() => Promise<void>)[] = []
  afterAll(async () => {
    for (const end of endings.reverse()) await end()
  })
  return async () => {
    const made = databaseKind() === 'postgres' ? await create('') : null
    if (made) endings.push(made.drop)
    const database = await openDatabase(made ? { url: made.url } : { memory: true })
    endings.push(database.close)
    return { database, url: made?.url ?? null }
  }
}

async function create(from: string) {
  if (databaseKind() !== 'postgres') throw new Error('Only the Postgres project has a server')
  const server = inject('postgres').url
  const name = `sekisho_test_${randomBytes(6).toString('hex')}`
  await onServer(server, `create database ${name} ${from}`)
  return {
    url: withName(server, name),
    drop: () => onServer(server, `drop database if exists ${name} with (force)`),
  }
}

const deleteEverything = `
do $$
declare
  found record;
begin
  set local session_replication_role = replica;
  for found in
    select schemaname, tablename from pg_tables
    where schemaname in ('auth', 'idp') and not (schemaname = 'idp' and tablename = 'migrations')
  loop
    execute format('delete from %I.%I', found.schemaname, found.tablename);
  end loop;
end $$`
