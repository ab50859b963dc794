import { connect } from 'node:net'
import { type Config, goesInClear } from '../base/config.ts'
import { hashPassword } from '../base/password.ts'
import { second } from '../base/time.ts'
import { findConnector } from '../connectors/index.ts'
import { listConnectors } from '../model/connector.ts'
import { type Check, ofConfig, ok, type Patient, problem, warning } from './doctor-check.ts'

export const serverChecks: readonly Check[] = [
  {
    name: 'node',
    run({ nodeVersion }) {
      const [major = 0, minor = 0] = nodeVersion.split('.').map(Number)
      return major > 22 || (major === 22 && minor >= 18)
        ? ok(`Node ${nodeVersion}.`)
        : problem(`Node ${nodeVersion} is too old.`, 'Sekisho needs Node 22.18 or newer.')
    },
  },
  {
    name: 'configuration',
    run: ({ problems }) =>
      problems.length === 0
        ? ok('The settings can be read.')
        : problem(problems.join(' '), 'Set what is missing, and mend what is wrong (docs/cli.md).'),
  },
  ofConfig('variables', ({ ignored }) =>
    ignored.length === 0
      ? ok('Every GOTRUE_* variable that is set has an effect.')
      : warning(
          `Without effect in this version: ${ignored.join(', ')}.`,
          'Look for a slip of the pen; docs/gotrue-settings.md has all names.',
        ),
  ),
  ofConfig('secret', ({ secret, mode }) => {
    if (secret === '') {
      return mode === 'dev' ? ok('The secret is made at the first start.') : null
    }
    return looksChosen(secret)
      ? warning(
          'SEKISHO_SECRET looks as if somebody had made it up.',
          'Let chance make one (openssl rand -base64 32), before there is anything that it opens.',
        )
      : ok('The secret is long, and looks like chance.')
  }),
  ofConfig('mode', ({ databaseUrl, publicUrl }) =>
    databaseUrl === null && !isLocal(publicUrl)
      ? warning(
          `The public URL is ${publicUrl}, and the database is the embedded one, which is for one process on one machine.`,
          'For production: sekisho db copy --to postgres://…, then sekisho start with DATABASE_URL.',
        )
      : null,
  ),
  ofConfig('public-url', ({ publicUrl }) => {
    if (publicUrl === '') return null
    return goesInClear(publicUrl)
      ? problem(
          `${publicUrl} is no https: tokens and passwords can be read on the way.`,
          'Put a proxy with TLS before it, and set SEKISHO_PUBLIC_URL to its https address.',
        )
      : ok(`The public URL is ${publicUrl}.`)
  }),
  ofConfig('reachable', (config, patient) => reachable(config, patient)),
  ofConfig('proxies', ({ publicUrl, trustProxy, mode }) =>
    mode === 'start' && publicUrl.startsWith('https:') && trustProxy.kind === 'nobody'
      ? warning(
          'Nobody is believed about the address of a client, and TLS ends before this server: to it, everybody comes from the proxy.',
          'Set SEKISHO_TRUST_PROXY to the number of proxies, or to their networks: limits by address need it.',
        )
      : null,
  ),
  { name: 'mail', run: mail },
  {
    name: 'hashing',
    async run() {
      const rounds = 3
      const asker = { client: { ip: null, userAgent: null } }
      await hashPassword(asker, 'to load it')
      const began = performance.now()
      for (let round = 0; round < rounds; round++) await hashPassword(asker, `round ${round}`)
      const each = (performance.now() - began) / rounds
      const facts = `A password takes ${Math.round(each)} ms to hash: ${(1000 / each).toFixed(0)} a second for each thread.`
      return each < 500
        ? ok(facts)
        : warning(
            facts,
            'Sign-ins will be slow, and many at once are refused: give the machine more CPU.',
          )
    },
  },
]

/** A sentence, a pattern, or one of those that stand in examples. */
function looksChosen(secret: string): boolean {
  const kinds = new Set(secret).size
  const isExample = /secret|password|change|example|sekisho|supabase|your|test|1234|abcd|qwer/i
  return kinds < 12 || isExample.test(secret) || / .* /.test(secret) || /(.{4,})\1/.test(secret)
}

function isLocal(publicUrl: string): boolean {
  const { hostname } = new URL(publicUrl)
  return /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname)
}

/** Asked as a client would: whoever answers must be Sekisho, and know itself by this name. */
async function reachable({ publicUrl, mode }: Config, { fetch }: Patient) {
  if (publicUrl === '') return null
  const address = `${publicUrl}/oidc/.well-known/openid-configuration`
  const todo =
    'Look at DNS, the proxy and the firewall; or ask from another machine, if this one cannot reach itself by that name.'
  try {
    const answer = await fetch(address, {
      signal: AbortSignal.timeout(5 * second),
      redirect: 'manual',
    })
    const found = await answer.json().catch(() => null)
    if (answer.status !== 200 || typeof found?.issuer !== 'string') {
      return problem(`${address} answers ${answer.status}, and not as Sekisho does.`, todo)
    }
    return found.issuer === `${publicUrl}/oidc`
      ? ok(`A server answers at ${publicUrl}.`)
      : problem(
          `The server at ${publicUrl} calls itself ${found.issuer}.`,
          'It runs with another SEKISHO_PUBLIC_URL: set the same one.',
        )
  } catch (error) {
    const why = reasonOf(error)
    return mode === 'dev'
      ? ok(`No server answers at ${publicUrl} (${why}).`)
      : warning(`Nobody answers at ${publicUrl} (${why}).`, `Start the server. If it runs: ${todo}`)
  }
}

async function mail({ config, database }: Patient) {
  if (config === null) return null
  const way = await mailServer(config, database)
  if (way === 'unreadable') return null
  if (way === null) {
    return config.mode === 'dev'
      ? ok('Mails stay in the mailbox of development.')
      : warning(
          'Nothing can send a mail.',
          'Set up a connector (sekisho apply), or GOTRUE_SMTP_HOST and its companions.',
        )
  }
  const failed = await knock(way.host, way.port)
  const where = `${way.name} at ${way.host}:${way.port}`
  return failed === null
    ? ok(`Mails go by ${where}, which can be reached.`)
    : problem(
        `Mails go by ${where}, which cannot be reached: ${failed}.`,
        'Look at its host and port, and at the firewall on the way out.',
      )
}

interface MailServer {
  name: string
  host: string
  port: number
}

/** The way that `deliver` would take. */
async function mailServer(
  { gotrue }: Config,
  database: Patient['database'],
): Promise<MailServer | null | 'unreadable'> {
  if (database !== null && 'survey' in database && database.ctx !== null) {
    // A schema that is still to come has no connectors; keys that do not open are told by another check.
    const setups = await listConnectors(database.ctx).catch(() => 'unreadable' as const)
    if (setups === 'unreadable') return setups
    for (const { connectorId, config } of setups) {
      if (findConnector(connectorId)?.type !== 'Email') continue
      const { host, port, endpoint } = config as { host?: string; port?: number; endpoint?: string }
      if (host !== undefined && port !== undefined) return { name: connectorId, host, port }
      const { hostname } = new URL(endpoint ?? 'https://api.mailgun.net')
      return { name: connectorId, host: hostname, port: 443 }
    }
  }
  const { smtpHost, smtpPort } = gotrue
  return smtpHost === null ? null : { name: 'GOTRUE_SMTP_HOST', host: smtpHost, port: smtpPort }
}

/** Null when somebody opens; nothing is said. */
function knock(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    const end = (outcome: string | null) => {
      socket.destroy()
      resolve(outcome)
    }
    socket.setTimeout(5 * second, () => end('no answer within 5 s'))
    socket.once('connect', () => end(null))
    socket.once('error', (error) => end(reasonOf(error)))
  })
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.cause !== undefined) return reasonOf(error.cause)
  if ('code' in error && typeof error.code === 'string') return error.code
  return error.message
}
