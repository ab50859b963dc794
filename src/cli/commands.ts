import { readFileSync } from 'node:fs'
import { migrate } from '../db/migrate.ts'
import { readDeclaration, sayApplied } from './apply.ts'
import { ask, type CommonOptions } from './ask.ts'
import { open, readForCommand, whereabouts } from './configuration.ts'
import { ending } from './ending.ts'
import { facts, printJson, say, table } from './print.ts'

/** `sekisho migrate` */
export async function migrateDatabase({ json, ...flags }: CommonOptions): Promise<void> {
  const config = readForCommand(flags)
  const { databaseUrl, dataDir } = config
  say(
    `Using ${databaseUrl === null ? `the data directory ${dataDir}` : `the database ${whereabouts(databaseUrl)}`}.`,
  )
  const database = await open(config)
  try {
    const migrated = await migrate(database)
    for (const warning of migrated.warnings) say(`Warning: ${warning}.`)
    if (json) return printJson(migrated)
    say(
      migrated.applied.length === 0 ? 'Nothing to do.' : `Applied: ${migrated.applied.join(', ')}.`,
    )
  } finally {
    await database.close()
  }
}

export interface AppOptions extends CommonOptions {
  id?: string
  name: string
  type: string
  description?: string
  redirectUri?: string[]
  postLogoutRedirectUri?: string[]
  secretStdin?: boolean
  adapter?: boolean
}

/** `sekisho app create` */
export async function createApp(options: AppOptions): Promise<void> {
  const { id, name, type, description } = options
  const made = await ask(options, 'app.create', {
    id,
    name,
    type,
    description,
    ...(options.secretStdin ? { secret: secretFromStdin() } : {}),
    oidcClientMetadata: {
      redirectUris: options.redirectUri ?? [],
      postLogoutRedirectUris: options.postLogoutRedirectUri ?? [],
    },
    ...(options.adapter ? { customClientMetadata: { isAuthjsAdapter: true } } : {}),
  })
  show(options, made, { id: made.id, secret: 'secret' in made ? made.secret : null })
}

/** `sekisho app list` */
export async function listApps(options: CommonOptions): Promise<void> {
  const apps = await ask(options, 'app.list', {})
  if (options.json) return apps.forEach(printJson)
  if (apps.length === 0) return say('There are no applications yet.')
  const rows = apps.map(({ id, name, type }) => [id, type, name])
  process.stdout.write(`${table([['ID', 'TYPE', 'NAME'], ...rows])}\n`)
}

/** `sekisho app get` */
export async function getApp(id: string, options: CommonOptions): Promise<void> {
  const app = await ask(options, 'app.get', { id })
  show(options, app, {
    id: app.id,
    secret: 'secret' in app ? app.secret : null,
    name: app.name,
    type: app.type,
    description: app.description,
    'redirect URIs': app.oidcClientMetadata.redirectUris,
    'after sign-out': app.oidcClientMetadata.postLogoutRedirectUris,
    created: new Date(app.createdAt).toISOString(),
  })
}

/** `sekisho app delete` */
export async function deleteApp(id: string, options: CommonOptions): Promise<void> {
  const gone = await ask(options, 'app.delete', { id })
  if (options.json) printJson(gone)
  else say(`The application ${id} is deleted.`)
}

export interface UserOptions extends CommonOptions {
  email?: string
  phone?: string
  username?: string
  name?: string
  passwordStdin?: boolean
}

/** `sekisho user create` */
export async function createUser(options: UserOptions): Promise<void> {
  const user = await ask(options, 'user.create', {
    primaryEmail: options.email,
    primaryPhone: options.phone,
    username: options.username,
    name: options.name,
    ...(options.passwordStdin ? { password: secretFromStdin() } : {}),
  })
  show(options, user, { id: user.id })
}

export interface ListOptions extends CommonOptions {
  search?: string
  limit?: number
  offset?: number
}

/** `sekisho user list` */
export async function listUsers({ search, limit, offset, ...options }: ListOptions): Promise<void> {
  const { users, total } = await ask(options, 'user.list', { search, limit, offset })
  if (options.json) return users.forEach(printJson)
  if (users.length === 0) return say('There are no users here.')
  const rows = users.map((user) => [
    user.id,
    user.primaryEmail ?? user.primaryPhone ?? '',
    user.username ?? '',
    user.name ?? '',
  ])
  process.stdout.write(`${table([['ID', 'ADDRESS', 'USERNAME', 'NAME'], ...rows])}\n`)
  if (users.length < total) say(`${users.length} of ${total}; more with --limit and --offset.`)
}

/** `sekisho user get` */
export async function getUser(who: string, options: CommonOptions): Promise<void> {
  const user = await ask(options, 'user.get', { who })
  const {
    createdAt,
    updatedAt: _,
    lastSignInAt,
    customData: _custom,
    profile: _own,
    ...rest
  } = user
  show(options, user, {
    ...rest,
    created: new Date(createdAt).toISOString(),
    'last sign-in': lastSignInAt === null ? 'never' : new Date(lastSignInAt).toISOString(),
  })
}

/** `sekisho user delete` */
export async function deleteUser(who: string, options: CommonOptions): Promise<void> {
  const gone = await ask(options, 'user.delete', { who })
  if (options.json) printJson(gone)
  else say(`The user ${who} is deleted, with every session.`)
}

/** `sekisho apply` */
export async function apply(path: string, options: CommonOptions): Promise<void> {
  const wanted = readDeclaration(path)
  const applied = await ask(options, 'apply', wanted)
  if (options.json) return applied.forEach(printJson)
  sayApplied(applied)
}

function show(options: CommonOptions, json: unknown, forPeople: Record<string, unknown>): void {
  if (options.json) printJson(json)
  else process.stdout.write(`${facts(forPeople)}\n`)
}

/** Passwords and secrets never stand among the arguments, where every user of the machine may read them. */
function secretFromStdin(): string {
  const text = readFileSync(0, 'utf8').replace(/\r?\n$/, '')
  if (text === '') throw ending('usage', 'Nothing came on standard input.')
  return text
}
