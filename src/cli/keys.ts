import type { CommandResult } from '../flows/administer.ts'
import { ask, type CommonOptions } from './ask.ts'
import { facts, printJson, say, table } from './print.ts'

/** `sekisho keys` */
export async function showKeys(options: CommonOptions): Promise<void> {
  const keys = await ask(options, 'keys', {})
  if (options.json) return printJson(keys)
  process.stdout.write(
    `${facts({ 'anon key': keys.anonKey, 'service-role key': keys.serviceRoleKey, JWKS: JSON.stringify(keys.jwks) })}\n`,
  )
}

/** `sekisho keys list` */
export async function listKeys(options: CommonOptions): Promise<void> {
  show(options, await ask(options, 'keys.list', {}))
}

export interface RotateOptions extends CommonOptions {
  purpose: string
  algorithm?: string
  now?: boolean
}

/** `sekisho keys rotate` */
export async function rotateKeys(options: RotateOptions): Promise<void> {
  const { purpose, algorithm, now } = options
  const name = now ? 'keys.replace' : 'keys.announce'
  show(options, await ask(options, name, { purpose, algorithm }))
  if (options.json) return
  say(
    now
      ? 'The new keys sign from now on. The old ones are accepted while their tokens live; delete one with: sekisho keys delete <id>.'
      : 'The next keys are published. They sign twenty minutes from now, when everybody has read them; a server must run then.',
  )
}

/** `sekisho keys delete` */
export async function deleteKey(id: string, options: CommonOptions): Promise<void> {
  const gone = await ask(options, 'keys.delete', { id })
  if (options.json) printJson(gone)
  else say(`The key ${id} is deleted: nothing that it signed is accepted any more.`)
}

function show(options: CommonOptions, keys: CommandResult<'keys.list'>): void {
  if (options.json) {
    keys.forEach(printJson)
    return
  }
  const rows = keys.map(({ id, purpose, algorithm, state, createdAt, expiresAt }) => [
    id,
    purpose,
    algorithm,
    state,
    new Date(createdAt).toISOString(),
    expiresAt === null ? '' : new Date(expiresAt).toISOString(),
  ])
  const head = ['ID', 'PURPOSE', 'ALGORITHM', 'STATE', 'MADE', 'UNTIL']
  process.stdout.write(`${table([head, ...rows])}\n`)
}
