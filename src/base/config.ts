import { gotrueVariables } from './config/gotrue.ts'
import { type Hooks, readHooks } from './config/gotrue-hooks.ts'
import { isWithoutMeaning } from './config/gotrue-without-meaning.ts'
import {
  logLevel,
  readTracing,
  type TracingConfig,
  telemetryVariables,
} from './config/telemetry.ts'
import {
  duration,
  flag,
  integer,
  list,
  oneOf,
  optional,
  proxyTrust,
  text,
  url,
  type Values,
  type Variable,
} from './config/variables.ts'
import { keySetProblem } from './jwk.ts'
import { hour, second } from './time.ts'

/** Where a value of the configuration came from. */
export type Origin = 'default' | 'flag' | 'data directory' | `environment (${string})`

export type Mode = 'dev' | 'start'

/** What was said wrongly; `sekisho start` prints all of them as one numbered list. */
export class ConfigError extends Error {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.name = 'ConfigError'
    this.problems = problems
  }
}

/** The house's own variables. */
const serverVariables = {
  port: integer(['PORT', 'GOTRUE_API_PORT'], 3001, { max: 65_535 }),
  host: optional('HOST', 'GOTRUE_API_HOST'),
  databaseUrl: optional('DATABASE_URL', 'GOTRUE_DB_DATABASE_URL', 'DB_URL'),
  databasePoolSize: integer(['GOTRUE_DB_MAX_POOL_SIZE'], 10, { min: 1, max: 1000 }),
  /** How long `sekisho start` waits for a database that does not answer yet. */
  databaseWaitSeconds: integer(['SEKISHO_DATABASE_WAIT_SECONDS'], 30, { max: 3600 }),
  /** After SIGTERM the server still answers so long, and says at `/readyz` that it is about to go. */
  drainSeconds: integer(['SEKISHO_DRAIN_SECONDS'], 0, { max: 600 }),
  dataDir: text(['SEKISHO_DATA_DIR'], '.sekisho'),
  /** How long a commit of the embedded database may wait for the disk; 0: it is answered when it is there. */
  syncDelay: duration('SEKISHO_SYNC_DELAY', 1 * second),
  /** How often the embedded database is backed up into its directory; 0: never. */
  backupEvery: duration('SEKISHO_BACKUP_EVERY', 24 * hour),
  /** GoTrue's external URL ends in `/auth/v1`; ours is the origin. */
  publicUrl: url('SEKISHO_PUBLIC_URL', 'API_EXTERNAL_URL', 'GOTRUE_API_EXTERNAL_URL'),
  /** Where clients of GoTrue's face come in, when it is not `/auth/v1` of the public URL. */
  apiExternalUrl: url('API_EXTERNAL_URL', 'GOTRUE_API_EXTERNAL_URL'),
  /** A second port, whose root is GoTrue's face, as in GoTrue's image. Zero: none. */
  gotruePort: integer(['SEKISHO_GOTRUE_PORT'], 0, { max: 65_535 }),
  /** Whether opening a mailed link uses it up, or first asks to press a button. */
  mailLinks: oneOf('SEKISHO_MAIL_LINKS', ['confirm', 'direct'], 'direct'),
  secret: optional('SEKISHO_SECRET'),
  /** Whose `X-Forwarded-For` is believed; nobody's unless told. */
  trustProxy: proxyTrust('SEKISHO_TRUST_PROXY', 'TRUST_PROXY_HEADER'),
  /** Hosts inside our own network that an application's addresses (its keys, its back-channel) may name. */
  privateHosts: list('SEKISHO_PRIVATE_HOSTS', []),
  logLevel: logLevel('SEKISHO_LOG_LEVEL', 'GOTRUE_LOG_LEVEL'),
  /** Prometheus's figures on a port of their own. Zero: none. */
  metricsPort: integer(['SEKISHO_METRICS_PORT'], 0, { max: 65_535 }),
  metricsHost: text(['SEKISHO_METRICS_HOST', 'OTEL_EXPORTER_PROMETHEUS_HOST'], '127.0.0.1'),
  /** Whether applications may register themselves at `/oidc/register`: by the token below, or anybody's. */
  registration: oneOf('SEKISHO_REGISTRATION', ['off', 'token', 'open'], 'off'),
  /** The initial access token (RFC 7591 § 3). */
  registrationToken: optional('SEKISHO_REGISTRATION_TOKEN'),
  /** Whether the address of a document about it is an application's id. */
  clientDocuments: flag('SEKISHO_CLIENT_DOCUMENTS', false),
  /** What applications that introduced themselves may ask of a user's own data. */
  registrationScopes: list('SEKISHO_REGISTRATION_SCOPES', ['profile', 'email']),
  /** The OpenID Provider's signing keys are replaced after so many days; 0: only by hand. */
  keyRotationDays: integer(['SEKISHO_KEY_ROTATION_DAYS'], 90, { max: 3650 }),
  /** Events that are older go (`idp.events`); 0: they stay for ever. */
  eventsRetentionDays: integer(['SEKISHO_EVENTS_RETENTION_DAYS'], 0, { max: 36_500 }),
  /** The same of GoTrue's log, `auth.audit_log_entries`. */
  auditLogRetentionDays: integer(['SEKISHO_AUDIT_LOG_RETENTION_DAYS'], 0, { max: 36_500 }),
}

/** The configuration: read once, frozen. Milliseconds for durations, unless a name says seconds. */
export interface Config
  extends Omit<Values<typeof serverVariables>, 'publicUrl' | 'apiExternalUrl' | 'host' | 'secret'> {
  readonly mode: Mode
  readonly host: string
  /** The origin of everything, without a slash at its end: `https://id.example.com`. */
  readonly publicUrl: string
  /** The root secret; 32 characters or more. */
  readonly secret: string
  readonly gotrue: Omit<Values<typeof gotrueVariables>, 'siteUrl'> & {
    readonly siteUrl: string
    /** `<publicUrl>/auth/v1`, unless `API_EXTERNAL_URL` says another. */
    readonly externalUrl: string
    /** Where the links of mails begin; another one for requests by a host of `GOTRUE_MAILER_EXTERNAL_HOSTS`. */
    readonly linkUrl: string
    readonly hooks: Hooks
  }
  /** Null where nobody asked for traces. */
  readonly tracing: TracingConfig | null
  readonly origins: Readonly<Record<string, Origin>>
  /** `GOTRUE_*` names in the environment that mean nothing to this version; listed at start. */
  readonly ignored: readonly string[]
}

export interface ConfigSources {
  mode: Mode
  environment: Readonly<Record<string, string | undefined>>
  /** From the command line; they win over the environment. */
  flags?: { port?: number; host?: string; dataDir?: string; publicUrl?: string }
  /** `X_FILE` variables are read with it. */
  readFile?(path: string): string
  /** The secret of a development data directory, made at first start. */
  storedSecret?: string
}

/** Reads the configuration; throws one `ConfigError` with everything that is wrong. */
export function readConfig(sources: ConfigSources): Config {
  const { mode, environment, flags = {} } = sources
  const problems: string[] = []
  const origins: Record<string, Origin> = {}

  function readAll<T extends Record<string, Variable<unknown>>>(variables: T): Values<T> {
    return Object.fromEntries(
      Object.entries(variables).map(([key, variable]) => [key, read(key, variable)]),
    ) as Values<T>
  }

  function read(key: string, variable: Variable<unknown>): unknown {
    for (const name of variable.names) {
      const value = lookUp(name)
      if (value === undefined) continue
      origins[key] = `environment (${name})`
      try {
        return variable.parse(value)
      } catch (error) {
        problems.push(`${name} ${error instanceof Error ? error.message : 'is wrong'}.`)
        return variable.fallback
      }
    }
    origins[key] = 'default'
    return variable.fallback
  }

  function lookUp(name: string): string | undefined {
    const path = environment[`${name}_FILE`]
    if (environment[name] !== undefined || path === undefined) return environment[name]
    try {
      return sources.readFile?.(path).trim()
    } catch {
      problems.push(`${name}_FILE names a file that cannot be read: ${path}.`)
      return undefined
    }
  }

  /** A mail's template may be the name of a file, which is read now, as everything of the environment is. */
  function withFiles<T extends object>(values: T): T {
    const read = Object.entries(values).map(([key, value]) => {
      const isFile = /^template[A-Z]/.test(key) && typeof value === 'string' && /^file:/.test(value)
      if (!isFile) return [key, value]
      const path = value.replace(/^file:(?:\/\/(?=\/))?/, '')
      try {
        return [key, sources.readFile?.(path) ?? null]
      } catch {
        problems.push(`A mail template names a file that cannot be read: ${path}.`)
        return [key, null]
      }
    })
    return Object.fromEntries(read)
  }

  const server = readAll(serverVariables)
  const gotrue = withFiles(readAll(gotrueVariables))
  const telemetry = readAll(telemetryVariables)
  const port = flags.port ?? server.port
  const host = flags.host ?? server.host ?? (mode === 'dev' ? 'localhost' : '0.0.0.0')
  for (const name of ['port', 'host', 'dataDir', 'publicUrl'] as const) {
    if (flags[name] !== undefined) origins[name] = 'flag'
  }
  const publicUrl =
    flags.publicUrl ??
    server.publicUrl?.replace(/\/auth\/v1$/, '') ??
    (mode === 'dev' ? `http://localhost:${port}` : '')
  const secret = server.secret ?? sources.storedSecret ?? ''
  if (server.secret === null && sources.storedSecret !== undefined)
    origins.secret = 'data directory'

  if (mode === 'start') {
    if (server.databaseUrl === null)
      problems.push('DATABASE_URL is missing: postgres://user:password@host:5432/database.')
    if (publicUrl === '')
      problems.push(
        'SEKISHO_PUBLIC_URL is missing: the URL at which browsers reach this server, e.g. https://id.example.com.',
      )
    if (secret === '')
      problems.push(
        'SEKISHO_SECRET is missing: 32 characters or more, e.g. from `openssl rand -base64 32`. Keep it: it opens what is encrypted in the database.',
      )
  }
  if (secret !== '' && secret.length < 32)
    problems.push('SEKISHO_SECRET is too short: 32 characters or more.')
  if (gotrue.jwtSecret !== null && gotrue.jwtSecret.length < 32) {
    problems.push(
      'GOTRUE_JWT_SECRET is too short for HS256: 32 characters or more (RFC 7518 § 3.2).',
    )
  }
  const keyProblem = gotrue.jwtKeys.length === 0 ? null : keySetProblem(gotrue.jwtKeys)
  if (keyProblem !== null) problems.push(`GOTRUE_JWT_KEYS cannot be used: ${keyProblem}.`)
  if (gotrue.mailerAutoconfirm && gotrue.allowUnverifiedEmailSignIns) {
    problems.push(
      'GOTRUE_MAILER_AUTOCONFIRM and GOTRUE_MAILER_ALLOW_UNVERIFIED_EMAIL_SIGN_INS exclude each other.',
    )
  }
  if (gotrue.captchaEnabled && gotrue.captchaSecret === null) {
    problems.push('GOTRUE_SECURITY_CAPTCHA_SECRET is missing: the secret of your captcha site.')
  }
  if (gotrue.databaseEncryption && (gotrue.databaseKeyId === null || gotrue.databaseKey === null)) {
    problems.push(
      'GOTRUE_SECURITY_DB_ENCRYPTION_ENCRYPT wants _ENCRYPTION_KEY_ID and _ENCRYPTION_KEY: 32 bytes in base64url.',
    )
  }
  if (gotrue.samlEnabled && gotrue.samlPrivateKey === null) {
    problems.push(
      'GOTRUE_SAML_PRIVATE_KEY is missing: an RSA key for GOTRUE_SAML_ENABLED, e.g. from `openssl genrsa 2048`.',
    )
  }
  if (gotrue.maxRequestDuration === 0) {
    problems.push('GOTRUE_API_MAX_REQUEST_DURATION must be longer than nothing.')
  }
  if (server.registration === 'token' && (server.registrationToken ?? '').length < 32) {
    problems.push(
      'SEKISHO_REGISTRATION_TOKEN is missing or too short: 32 characters or more, for SEKISHO_REGISTRATION=token.',
    )
  }
  if (server.gotruePort !== 0 && server.gotruePort === port) {
    problems.push('SEKISHO_GOTRUE_PORT must be another port than PORT.')
  }
  const metricsPort =
    server.metricsPort === 0 && telemetry.metricsEnabled
      ? telemetry.prometheusPort
      : server.metricsPort
  if (metricsPort !== 0 && [port, server.gotruePort].includes(metricsPort)) {
    problems.push('SEKISHO_METRICS_PORT must be another port than PORT and SEKISHO_GOTRUE_PORT.')
  }
  const tracing = readTracing(telemetry, problems)
  const hooks = readHooks(gotrue, problems)
  if (problems.length > 0) throw new ConfigError(problems)

  const { apiExternalUrl, ...rest } = server
  const externalUrl = externalUrlOf(publicUrl, apiExternalUrl, server.gotruePort)
  return deepFreeze({
    ...rest,
    mode,
    port,
    host,
    dataDir: flags.dataDir ?? server.dataDir,
    publicUrl,
    secret,
    metricsPort,
    tracing,
    gotrue: {
      ...gotrue,
      siteUrl: gotrue.siteUrl ?? publicUrl,
      externalUrl,
      linkUrl: externalUrl,
      hooks,
    },
    origins,
    ignored: Object.keys(environment)
      .filter((name) => name.startsWith('GOTRUE_') && !isKnown(name.replace(/_FILE$/, '')))
      .sort(),
  })
}

/** Plain http to other machines: whoever listens on the way has every token (RFC 8414 § 2 wants https). */
export function goesInClear(publicUrl: string): boolean {
  const { protocol, hostname } = new URL(publicUrl)
  return protocol === 'http:' && !/^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(hostname)
}

/** An own path, or an own port, is where GoTrue's clients come in; a bare origin is the house's. */
function externalUrlOf(publicUrl: string, api: string | null, gotruePort: number): string {
  if (api !== null && (gotruePort !== 0 || new URL(api).pathname !== '/')) return api
  return `${publicUrl}/auth/v1`
}

function isKnown(name: string): boolean {
  return knownNames.has(name) || isWithoutMeaning(name)
}

/** Every variable that this version reads: docs/cli.md has the house's, docs/gotrue-settings.md GoTrue's. */
export const knownNames: ReadonlySet<string> = new Set(
  [serverVariables, gotrueVariables, telemetryVariables].flatMap((table) =>
    Object.values<Variable<unknown>>(table).flatMap(({ names }) => names),
  ),
)

function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value)) {
    if (typeof inner === 'object' && inner !== null) deepFreeze(inner)
  }
  return Object.freeze(value)
}
