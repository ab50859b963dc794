import { ask, type CommonOptions } from './ask.ts'
import { facts, printJson, say, table } from './print.ts'

export interface TokenOptions extends CommonOptions {
  user: string
  name: string
  expires?: string
}

/** `sekisho token create` */
export async function createToken(options: TokenOptions): Promise<void> {
  const { user: who, name, expires: expiresAt } = options
  const made = await ask(options, 'token.create', { who, name, expiresAt })
  if (options.json) return printJson(made)
  const until = made.expiresAt === null ? 'never' : new Date(made.expiresAt).toISOString()
  process.stdout.write(`${facts({ token: made.value, name: made.name, expires: until })}\n`)
  say('It is shown this once: here only its hash is kept.')
}

/** `sekisho token list` */
export async function listTokens(options: Omit<TokenOptions, 'name'>): Promise<void> {
  const tokens = await ask(options, 'token.list', { who: options.user })
  if (options.json) return tokens.forEach(printJson)
  if (tokens.length === 0) return say('This user has no tokens.')
  const rows = tokens.map(({ name, createdAt, expiresAt }) => [
    new Date(createdAt).toISOString(),
    expiresAt === null ? '' : new Date(expiresAt).toISOString(),
    name,
  ])
  process.stdout.write(`${table([['MADE', 'EXPIRES', 'NAME'], ...rows])}\n`)
}

/** `sekisho token delete` */
export async function deleteToken(options: TokenOptions): Promise<void> {
  const { user: who, name } = options
  const gone = await ask(options, 'token.delete', { who, name })
  if (options.json) printJson(gone)
  else say(`The token ${name} is deleted; nobody can exchange it any more.`)
}
