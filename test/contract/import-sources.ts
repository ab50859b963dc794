import pg from 'pg'

/** Databases as other adapters of Auth.js keep them: their names, types and ids. */
export interface Shape {
  /** The id that the adapter would give to the user of this number. */
  id(number: number): string
  /** How a column of Auth.js is spelled. */
  column(name: string): string
  tables: Record<'users' | 'accounts' | 'sessions' | 'tokens', string> & { authenticators?: string }
  types: { id: string; date: string; expiresAt: string }
  date(time: Date): unknown
}

const uuid = (number: number) => `6f1f0000-0000-4000-9000-${String(number).padStart(12, '0')}`
const camel = (name: string) =>
  name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase()).replace(/Id$/, 'Id')
const camelButTokens = (name: string) =>
  /^(access_token|refresh_token|id_token|expires_at|token_type|session_state)$/.test(name)
    ? name
    : camel(name)
const snake = (name: string) => name
const asDate = (time: Date) => time

export const shapes: Record<string, Shape> = {
  'pg-adapter': {
    id: String,
    column: camelButTokens,
    tables: {
      users: 'users',
      accounts: 'accounts',
      sessions: 'sessions',
      tokens: 'verification_token',
    },
    types: { id: 'integer', date: 'timestamptz', expiresAt: 'bigint' },
    date: asDate,
  },
  'prisma-adapter': {
    id: (number) => `clx9z0000000008l4${String(number).padStart(8, '0')}`,
    column: camelButTokens,
    tables: {
      users: '"User"',
      accounts: '"Account"',
      sessions: '"Session"',
      tokens: '"VerificationToken"',
      authenticators: '"Authenticator"',
    },
    types: { id: 'text', date: 'timestamp(3)', expiresAt: 'integer' },
    date: (time) => time.toISOString().replace('Z', ''),
  },
  'drizzle-adapter': {
    id: uuid,
    column: camelButTokens,
    tables: {
      users: '"myapp_user"',
      accounts: '"myapp_account"',
      sessions: '"myapp_session"',
      tokens: '"myapp_verificationToken"',
      authenticators: '"myapp_authenticator"',
    },
    types: { id: 'text', date: 'timestamp', expiresAt: 'integer' },
    date: (time) => time.toISOString().replace('Z', ''),
  },
  'kysely-adapter': {
    id: uuid,
    column: camelButTokens,
    tables: {
      users: '"User"',
      accounts: '"Account"',
      sessions: '"Session"',
      tokens: '"VerificationToken"',
    },
    types: { id: 'uuid', date: 'timestamptz', expiresAt: 'bigint' },
    date: asDate,
  },
  'typeorm-adapter': {
    id: uuid,
    column: camelButTokens,
    tables: {
      users: 'users',
      accounts: 'accounts',
      sessions: 'sessions',
      tokens: 'verification_tokens',
    },
    types: { id: 'uuid', date: 'varchar', expiresAt: 'bigint' },
    date: (time) => time.toISOString(),
  },
  'snake case in a schema of its own': {
    id: uuid,
    column: snake,
    tables: {
      users: 'next_auth.users',
      accounts: 'next_auth.accounts',
      sessions: 'next_auth.sessions',
      tokens: 'next_auth.verification_tokens',
      authenticators: 'next_auth.authenticators',
    },
    types: { id: 'uuid', date: 'bigint', expiresAt: 'bigint' },
    date: (time) => time.getTime(),
  },
}

/** A database of that shape, empty; `put` writes a row under Auth.js' own names, in snake case. */
export async function makeSource(url: string, shape: Shape) {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const { tables, types, column } = shape
  const columns = (list: string) =>
    list
      .split(',')
      .map((one) => {
        const [name = '', ...type] = one.trim().split(' ')
        return `"${column(name)}" ${type.join(' ')}`
      })
      .join(', ')
  if (tables.users.includes('.')) {
    await client.query(`create schema ${tables.users.split('.')[0]}`)
  }
  await client.query(
    `create table ${tables.users} (${columns(
      `id ${types.id} primary key, name text, email text, email_verified ${types.date}, image text, role text, password text`,
    )})`,
  )
  await client.query(
    `create table ${tables.accounts} (${columns(
      `user_id ${types.id}, type text, provider text, provider_account_id text, access_token text, refresh_token text,
     id_token text, expires_at ${types.expiresAt}, token_type text, scope text, session_state text, tenant text`,
    )})`,
  )
  await client.query(
    `create table ${tables.sessions} (${columns(`user_id ${types.id}, session_token text, expires ${types.date}`)})`,
  )
  await client.query(
    `create table ${tables.tokens} (${columns(`identifier text, token text, expires ${types.date}`)})`,
  )
  if (tables.authenticators) {
    await client.query(
      `create table ${tables.authenticators} (${columns(
        `user_id ${types.id}, credential_id text, provider_account_id text, credential_public_key text, counter integer,
       credential_device_type text, credential_backed_up boolean, transports text`,
      )})`,
    )
  }
  return {
    client,
    async put(role: keyof Shape['tables'], row: Record<string, unknown>) {
      const names = Object.keys(row).map((name) => `"${column(name)}"`)
      const values = Object.values(row).map((value) =>
        value instanceof Date ? shape.date(value) : value,
      )
      await client.query(
        `insert into ${tables[role]} (${names}) values (${values.map((_, index) => `$${index + 1}`)})`,
        values,
      )
    },
  }
}
