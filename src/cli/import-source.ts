import pg from 'pg'
import type { ImportBatch } from '../flows/import-authjs.ts'
import { whereabouts } from './configuration.ts'
import { ending } from './ending.ts'
import {
  type CatalogColumn,
  findLayout,
  type Layout,
  type Narrowing,
  plain,
  roles,
  type SourceTable,
} from './import-layout.ts'
import { readBoolean, readPasswordHash, readText, readTime } from './import-values.ts'

type SourceUser = NonNullable<ImportBatch['users']>[number]
type SourceToken = NonNullable<ImportBatch['tokens']>[number]
type Row = Record<string, unknown>

/** What is read of the other database: as it was at one moment, and nothing is written there. */
export interface Source {
  name: string
  layout: Layout
  /** What belongs to nobody, or cannot be read. */
  notices: Record<string, number>
  users(): AsyncGenerator<SourceUser[]>
  tokens(): Promise<SourceToken[]>
  close(): Promise<void>
}

/** Users at a time: few enough for one short transaction on the other side. */
const page = 100

export async function openSource(url: string, narrowing: Narrowing): Promise<Source> {
  const client = await connect(url)
  try {
    await client.query(`set timezone = 'UTC'; begin isolation level repeatable read, read only`)
    const { rows: catalog } = await client.query<CatalogColumn>(catalogQuery)
    const layout = findLayout(catalog, narrowing)
    const { rows: names } = await client.query<{ name: string }>(
      'select current_database() as name',
    )
    const notices: Record<string, number> = {}
    const note = (what: string, count = 1) => {
      if (count > 0) notices[what] = (notices[what] ?? 0) + count
    }
    return {
      name: names[0]?.name ?? '',
      layout,
      notices,
      users: () => readUsers(client, layout, note),
      tokens: () => readTokens(client, layout, note),
      close: () => client.end(),
    }
  } catch (error) {
    await client.end()
    throw error
  }
}

async function connect(url: string): Promise<pg.Client> {
  if (!/^postgres(ql)?:\/\//.test(url)) {
    throw ending('usage', '--from is the address of a Postgres: postgres://user:password@host/name')
  }
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 })
  client.on('error', () => {})
  try {
    await client.connect()
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw ending('failed', `The database at ${whereabouts(url)} cannot be opened: ${reason}`)
  }
  return client
}

const catalogQuery = `
  select n.nspname as schema, c.relname as table, a.attname as column, format_type(a.atttypid, null) as type
  from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
  where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p', 'v', 'm', 'f')
    and n.nspname not in ('pg_catalog', 'information_schema', 'idp') and n.nspname not like 'pg\\_t%'
  order by n.nspname, c.relname, a.attnum`

type Note = (what: string, count?: number) => void

async function* readUsers(
  client: pg.Client,
  layout: Layout,
  note: Note,
): AsyncGenerator<SourceUser[]> {
  const { users } = layout
  const id = column(users, 'id')
  const verified = users.columns.has('emailverified') ? column(users, 'emailverified') : 'null'
  for (const role of roles) note(`${role}_without_user`, await countOrphans(client, layout, role))
  const twice = await accountsTwice(client, layout)
  // Of one address in several spellings, the one that was proved is the user's; else the first.
  await client.query(`
    declare imported cursor for
    select ${id}::text as id, to_jsonb(u) as row,
      row_number() over (partition by lower(nullif(${column(users, 'email')}::text, ''))
        order by (${verified} is null or ${verified}::text in ('false', '0')), ${id}) as place
    from ${quoted(users)} u order by ${id}`)
  for (;;) {
    const { rows } = await client.query<{ id: string; row: Row; place: string }>(
      `fetch ${page} from imported`,
    )
    if (rows.length === 0) return
    const ids = rows.map((row) => row.id)
    const accounts = await childrenOf(client, layout, 'accounts', ids)
    const sessions = await childrenOf(client, layout, 'sessions', ids)
    const authenticators = await childrenOf(client, layout, 'authenticators', ids)
    yield rows.map(({ id, row, place }) =>
      toUser({
        id,
        row: plainKeys(row),
        names: row,
        isTwice: Number(place) > 1,
        accounts: (accounts.get(id) ?? []).flatMap((one) => toAccount(one, note)),
        sessions: (sessions.get(id) ?? []).flatMap((one) => toSession(one, note)),
        authenticators: (authenticators.get(id) ?? []).flatMap((one) =>
          toAuthenticator(plainKeys(one), note),
        ),
        twice,
        note,
      }),
    )
  }
}

/** Accounts that several users have: which of them is the owner, nobody can say. */
async function accountsTwice(client: pg.Client, { accounts }: Layout): Promise<Set<string>> {
  if (accounts === null) return new Set()
  const [provider, subject] = [column(accounts, 'provider'), column(accounts, 'provideraccountid')]
  const { rows } = await client.query<{ provider: string; subject: string }>(`
    select ${provider}::text as provider, ${subject}::text as subject from ${quoted(accounts)}
    group by ${provider}, ${subject} having count(distinct ${column(accounts, 'userid')}) > 1`)
  return new Set(rows.map((row) => JSON.stringify([row.provider, row.subject])))
}

async function countOrphans(
  client: pg.Client,
  layout: Layout,
  role: (typeof roles)[number],
): Promise<number> {
  const table = layout[role]
  if (table === null || role === 'users' || role === 'tokens') return 0
  const { rows } = await client.query<{ count: string }>(`
    select count(*) as count from ${quoted(table)} c where not exists (
      select from ${quoted(layout.users)} u
      where u.${column(layout.users, 'id')}::text = c.${column(table, 'userid')}::text)`)
  return Number(rows[0]?.count ?? 0)
}

async function childrenOf(
  client: pg.Client,
  layout: Layout,
  role: 'accounts' | 'sessions' | 'authenticators',
  ids: string[],
): Promise<Map<string, Row[]>> {
  const table = layout[role]
  const children = new Map<string, Row[]>()
  if (table === null) return children
  const owner = column(table, 'userid')
  const type = table.columns.get('userid')?.type
  // An index on the column serves only its own type.
  const isSameType = type === layout.users.columns.get('id')?.type
  const where = isSameType
    ? `c.${owner} = any($1::text[]::${type}[])`
    : `c.${owner}::text = any($1::text[])`
  const { rows } = await client.query<{ owner: string; row: Row }>(
    `select c.${owner}::text as owner, to_jsonb(c) as row from ${quoted(table)} c where ${where} order by 1`,
    [ids],
  )
  for (const { owner, row } of rows) children.set(owner, [...(children.get(owner) ?? []), row])
  return children
}

const userColumns = new Set(
  'id email emailverified name image createdat updatedat password passwordhash hashedpassword'.split(
    ' ',
  ),
)

interface UserParts {
  id: string
  row: Row
  names: Row
  isTwice: boolean
  accounts: SourceUser['accounts']
  sessions: SourceUser['sessions']
  authenticators: SourceUser['authenticators']
  twice: Set<string>
  note: Note
}

/** The longest that goes in one piece, also through a running server. */
const longest = 500_000

function toUser({ id, row, names, isTwice, twice, note, ...children }: UserParts): SourceUser {
  const email = readText(row.email)
  const password = row.passwordhash ?? row.hashedpassword ?? row.password ?? null
  const passwordHash = readPasswordHash(password)
  if (password !== null && password !== '' && passwordHash === null) note('passwords_not_readable')
  const isAmbiguous = children.accounts.some((one) =>
    twice.has(JSON.stringify([one.provider, one.subject])),
  )
  const user: SourceUser = {
    id,
    email,
    emailVerifiedAt: verifiedAt(row.emailverified, row, note),
    name: readText(row.name),
    avatar: readText(row.image),
    extra: Object.fromEntries(
      Object.entries(names).filter(
        ([key, value]) => !userColumns.has(plain(key)) && value !== null,
      ),
    ),
    passwordHash,
    createdAt: readTime(row.createdat),
    refused: isTwice && email !== null ? 'email_twice' : isAmbiguous ? 'account_twice' : null,
    ...children,
  }
  if (JSON.stringify(user).length <= longest) return user
  const nothing = { accounts: [], sessions: [], authenticators: [] }
  return { ...user, ...nothing, name: null, avatar: null, extra: {}, refused: 'too_large' }
}

/** Some schemas have a flag in place of the date: the address was verified when the row was made, or last changed. */
function verifiedAt(value: unknown, row: Row, note: Note): number | null {
  if (value === null || value === undefined || value === false || value === '') return null
  if (value === true) return readTime(row.updatedat) ?? readTime(row.createdat) ?? 0
  const time = readTime(value)
  if (time === null) note('verification_dates_not_readable')
  return time
}

/** Token fields under Auth.js' own names, whatever the column is called. */
const tokenNames: Record<string, string> = {
  accesstoken: 'access_token',
  refreshtoken: 'refresh_token',
  idtoken: 'id_token',
  expiresat: 'expires_at',
  tokentype: 'token_type',
  scope: 'scope',
  sessionstate: 'session_state',
}
const accountColumns = new Set(
  'id userid type provider provideraccountid createdat updatedat'.split(' '),
)

function toAccount(row: Row, note: Note): SourceUser['accounts'] {
  const { provider, provideraccountid, type } = plainKeys(row)
  const [name, subject] = [readText(provider), readText(provideraccountid)]
  if (name === null || subject === null) {
    note('accounts_not_readable')
    return []
  }
  const tokens = Object.entries(row).flatMap(([key, value]) => {
    if (accountColumns.has(plain(key)) || value === null) return []
    const known = tokenNames[plain(key)] ?? key
    return [[known, known === 'expires_at' ? seconds(value) : value] as const]
  })
  return [
    {
      provider: name,
      subject,
      type: readText(type) ?? 'oauth',
      tokens: Object.fromEntries(tokens),
    },
  ]
}

function seconds(value: unknown): unknown {
  if (typeof value === 'number') return value
  if (typeof value === 'string' && /^\d+$/.test(value)) return Number(value)
  const time = readTime(value)
  return time === null ? value : Math.floor(time / 1000)
}

function toSession(row: Row, note: Note): SourceUser['sessions'] {
  const { sessiontoken, expires } = plainKeys(row)
  const [token, expiresAt] = [readText(sessiontoken), readTime(expires)]
  if (token !== null && expiresAt !== null) return [{ token, expiresAt }]
  note('sessions_not_readable')
  return []
}

function toAuthenticator(row: Row, note: Note): SourceUser['authenticators'] {
  const credentialId = readText(row.credentialid)
  const publicKey = readText(row.credentialpublickey)
  const counter = Number(row.counter)
  if (credentialId === null || publicKey === null || !Number.isSafeInteger(counter)) {
    note('authenticators_not_readable')
    return []
  }
  return [
    {
      credentialId,
      publicKey,
      counter: Math.max(0, counter),
      isBackedUp: readBoolean(row.credentialbackedup),
      deviceType: readText(row.credentialdevicetype) ?? 'singleDevice',
      transports: (readText(row.transports) ?? '').split(',').filter((one) => one !== ''),
      subject: readText(row.provideraccountid) ?? credentialId,
    },
  ]
}

async function readTokens(client: pg.Client, { tokens }: Layout, note: Note) {
  if (tokens === null) return []
  const { rows } = await client.query<{ row: Row }>(
    `select to_jsonb(t) as row from ${quoted(tokens)} t`,
  )
  return rows.flatMap(({ row }): SourceToken[] => {
    const { identifier, token, expires } = plainKeys(row)
    const [who, text, expiresAt] = [readText(identifier), readText(token), readTime(expires)]
    if (who !== null && text !== null && expiresAt !== null) {
      return [{ identifier: who, token: text, expiresAt }]
    }
    note('verification_tokens_not_readable')
    return []
  })
}

function plainKeys(row: Row): Row {
  return Object.fromEntries(Object.entries(row).map(([key, value]) => [plain(key), value]))
}

function quoted({ schema, name }: SourceTable): string {
  return `${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(name)}`
}

function column(table: SourceTable, plainName: string): string {
  const found = table.columns.get(plainName)
  if (found === undefined) throw new Error(`${table.name} has no column ${plainName}.`)
  return pg.escapeIdentifier(found.name)
}
