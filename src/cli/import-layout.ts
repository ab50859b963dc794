import { ending } from './ending.ts'

/** A column of the database that is read, as its catalog has it. */
export interface CatalogColumn {
  schema: string
  table: string
  column: string
  type: string
}

export interface SourceTable {
  schema: string
  name: string
  /** By the name without case and underscores: `providerAccountId` and `provider_account_id` are one. */
  columns: Map<string, { name: string; type: string }>
}

export const roles = ['users', 'accounts', 'sessions', 'tokens', 'authenticators'] as const
export type Role = (typeof roles)[number]

/** Where the models of Auth.js are. Only users have to be there. */
export type Layout = { users: SourceTable } & Record<Exclude<Role, 'users'>, SourceTable | null>

export interface Narrowing {
  schema?: string | undefined
  prefix?: string | undefined
}

const forms: Record<Role, { columns: string[]; name: RegExp }> = {
  users: { columns: ['id', 'email'], name: /users?$/ },
  accounts: { columns: ['userid', 'provider', 'provideraccountid'], name: /accounts?$/ },
  sessions: { columns: ['userid', 'sessiontoken', 'expires'], name: /sessions?$/ },
  tokens: { columns: ['identifier', 'token', 'expires'], name: /verificationtokens?$/ },
  authenticators: {
    columns: ['userid', 'credentialid', 'credentialpublickey', 'counter'],
    name: /authenticators?$/,
  },
}

/**
 * Finds the tables by their columns, and where several have them, by their names: `users`, `"User"`, `myapp_user` are the same
 * model. What stays unclear is asked back.
 */
export function findLayout(catalog: readonly CatalogColumn[], narrowing: Narrowing = {}): Layout {
  const tables = tablesOf(catalog).filter(
    ({ schema, name }) =>
      (narrowing.schema === undefined || schema === narrowing.schema) &&
      (narrowing.prefix === undefined || name.startsWith(narrowing.prefix)),
  )
  const sets = groups(tables).filter((set) => isAuthjs(set))
  const [layout, ...others] = sets
  if (layout === undefined) {
    throw ending(
      'usage',
      'No tables of Auth.js were found there: users (id, email) with accounts (userId, provider, providerAccountId) or ' +
        'sessions (userId, sessionToken, expires). Is it the right database? --schema and --prefix say where to look.',
    )
  }
  if (others.length > 0) {
    const places = sets.map(({ users }) => `  ${users.schema}.${users.name}`).join('\n')
    throw ending(
      'usage',
      `There are several sets of tables of Auth.js; choose one with --schema or --prefix:\n${places}`,
    )
  }
  return layout
}

function isAuthjs(set: Partial<Layout>): set is Layout {
  return Boolean(set.users && (set.accounts || set.sessions))
}

function tablesOf(catalog: readonly CatalogColumn[]): SourceTable[] {
  const tables = new Map<string, SourceTable>()
  for (const { schema, table, column, type } of catalog) {
    const key = JSON.stringify([schema, table])
    const known = tables.get(key) ?? { schema, name: table, columns: new Map() }
    known.columns.set(plain(column), { name: column, type })
    tables.set(key, known)
  }
  return [...tables.values()]
}

/** A name without case, underscores and hyphens. */
export function plain(name: string): string {
  return name.toLowerCase().replace(/[_\-\s]/g, '')
}

/** One set for each schema and prefix; a role that only one table of the schema can play is that table's. */
function groups(tables: SourceTable[]): Partial<Layout>[] {
  return candidates(tables, 'users').map((users) => {
    const prefix = prefixOf(users, 'users')
    const near = tables.filter(({ schema }) => schema === users.schema)
    const play = (role: Exclude<Role, 'users'>): SourceTable | null => {
      const able = candidates(near, role)
      const own = able.filter((table) => prefixOf(table, role) === prefix)
      if (own[0] !== undefined) return own[0]
      const isOnlyUsers = candidates(near, 'users').length === 1
      return isOnlyUsers && able.length === 1 ? (able[0] ?? null) : null
    }
    return {
      users,
      accounts: play('accounts'),
      sessions: play('sessions'),
      tokens: play('tokens'),
      authenticators: play('authenticators'),
    }
  })
}

function candidates(tables: SourceTable[], role: Role): SourceTable[] {
  const { columns, name } = forms[role]
  return tables.filter(
    (table) =>
      columns.every((column) => table.columns.has(column)) &&
      // Only users are known by their name: many tables have an id and an address.
      (role !== 'users' || name.test(plain(table.name))),
  )
}

function prefixOf(table: SourceTable, role: Role): string {
  return plain(table.name).replace(forms[role].name, '')
}
