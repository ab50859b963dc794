import { type ProxyTrust, parseProxyTrust } from './client-ip.ts'
import { hour, minute, second } from './time.ts'

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

interface Variable<T> {
  /** The name in the environment, then accepted aliases. `X_FILE` names a file that holds the value. */
  names: readonly [string, ...string[]]
  fallback: T
  parse(text: string): T
}

function text(names: Variable<string>['names'], fallback: string): Variable<string> {
  return { names, fallback, parse: (value) => value }
}

function optional(...names: Variable<string>['names']): Variable<string | null> {
  return { names, fallback: null, parse: (value) => (value === '' ? null : value) }
}

function flag(name: string, fallback: boolean): Variable<boolean> {
  return {
    names: [name],
    fallback,
    parse(value) {
      if (/^(true|1|t|yes|on)$/i.test(value)) return true
      if (/^(false|0|f|no|off|)$/i.test(value)) return false
      throw new Error('must be true or false')
    },
  }
}

function integer(
  names: Variable<number>['names'],
  fallback: number,
  { min = 0, max = Number.MAX_SAFE_INTEGER }: { min?: number; max?: number } = {},
): Variable<number> {
  return {
    names,
    fallback,
    parse(value) {
      const number = Number(value)
      if (!Number.isInteger(number) || number < min || number > max) {
        throw new Error(`must be a whole number from ${min} to ${max}`)
      }
      return number
    },
  }
}

const goUnits: Record<string, number> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: second,
  m: minute,
  h: hour,
}

/** A Go duration (`1h30m`, `90s`) in milliseconds; null when it is none. */
export function parseGoDuration(text: string): number | null {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)]
  if (text === '0') return 0
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== text) return null
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * (goUnits[unit ?? ''] ?? 0), 0)
}

/** In milliseconds; written as a Go duration. */
function duration<T extends number | null>(name: string, fallback: T): Variable<number | T> {
  return {
    names: [name],
    fallback,
    parse(value) {
      const milliseconds = parseGoDuration(value)
      if (milliseconds === null) throw new Error('must be a duration such as 90s, 10m or 24h')
      return milliseconds
    },
  }
}

function list(name: string, fallback: readonly string[]): Variable<readonly string[]> {
  return {
    names: [name],
    fallback,
    parse: (value) =>
      value
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== ''),
  }
}

function url(...names: Variable<string>['names']): Variable<string | null> {
  return {
    names,
    fallback: null,
    parse(value) {
      if (!URL.canParse(value) || !/^https?:$/.test(new URL(value).protocol)) {
        throw new Error('must be a URL that begins with http:// or https://')
      }
      return value.replace(/\/+$/, '')
    },
  }
}

function proxyTrust(...names: Variable<string>['names']): Variable<ProxyTrust> {
  return { names, fallback: { kind: 'nobody' }, parse: parseProxyTrust }
}

/** The house's own variables. */
const serverVariables = {
  port: integer(['PORT', 'GOTRUE_API_PORT'], 3001, { max: 65_535 }),
  host: optional('HOST', 'GOTRUE_API_HOST'),
  databaseUrl: optional('DATABASE_URL', 'GOTRUE_DB_DATABASE_URL', 'DB_URL'),
  databasePoolSize: integer(['GOTRUE_DB_MAX_POOL_SIZE'], 10, { min: 1, max: 1000 }),
  dataDir: text(['SEKISHO_DATA_DIR'], '.sekisho'),
  /** GoTrue's external URL ends in `/auth/v1`; ours is the origin. */
  publicUrl: url('SEKISHO_PUBLIC_URL', 'API_EXTERNAL_URL'),
  secret: optional('SEKISHO_SECRET'),
  /** Whose `X-Forwarded-For` is believed; nobody's unless told. */
  trustProxy: proxyTrust('SEKISHO_TRUST_PROXY', 'TRUST_PROXY_HEADER'),
  logLevel: text(['SEKISHO_LOG_LEVEL', 'GOTRUE_LOG_LEVEL'], 'info'),
}

/** What the GoTrue face honours, by GoTrue's names and defaults (reference/gotrue.md, appendix B). */
const gotrueVariables = {
  siteUrl: url('GOTRUE_SITE_URL', 'SITE_URL'),
  uriAllowList: list('GOTRUE_URI_ALLOW_LIST', []),
  disableSignup: flag('GOTRUE_DISABLE_SIGNUP', false),
  corsAllowedHeaders: list('GOTRUE_CORS_ALLOWED_HEADERS', []),
  jwtSecret: optional('GOTRUE_JWT_SECRET', 'JWT_SECRET', 'SUPABASE_JWT_SECRET'),
  jwtKeyId: optional('GOTRUE_JWT_KEY_ID'),
  jwtExpSeconds: integer(['GOTRUE_JWT_EXP', 'JWT_EXP'], 3600, { min: 1 }),
  jwtAudience: text(['GOTRUE_JWT_AUD'], 'authenticated'),
  jwtIssuer: optional('GOTRUE_JWT_ISSUER'),
  jwtAdminRoles: list('GOTRUE_JWT_ADMIN_ROLES', ['service_role', 'supabase_admin']),
  jwtDefaultRole: text(['GOTRUE_JWT_DEFAULT_GROUP_NAME'], 'authenticated'),
  emailEnabled: flag('GOTRUE_EXTERNAL_EMAIL_ENABLED', true),
  magicLinkEnabled: flag('GOTRUE_EXTERNAL_EMAIL_MAGIC_LINK_ENABLED', true),
  phoneEnabled: flag('GOTRUE_EXTERNAL_PHONE_ENABLED', false),
  anonymousEnabled: flag('GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED', false),
  flowStateExpiry: duration('GOTRUE_EXTERNAL_FLOW_STATE_EXPIRY_DURATION', 5 * minute),
  mailerAutoconfirm: flag('GOTRUE_MAILER_AUTOCONFIRM', false),
  smsAutoconfirm: flag('GOTRUE_SMS_AUTOCONFIRM', false),
  smsProvider: text(['GOTRUE_SMS_PROVIDER'], ''),
  secureEmailChange: flag('GOTRUE_MAILER_SECURE_EMAIL_CHANGE_ENABLED', true),
  mailerOtpExpSeconds: integer(['GOTRUE_MAILER_OTP_EXP'], 86_400, { min: 1 }),
  mailerOtpLength: integer(['GOTRUE_MAILER_OTP_LENGTH'], 6, { min: 6, max: 10 }),
  urlPathInvite: text(['GOTRUE_MAILER_URLPATHS_INVITE'], '/auth/v1/verify'),
  urlPathConfirmation: text(['GOTRUE_MAILER_URLPATHS_CONFIRMATION'], '/auth/v1/verify'),
  urlPathRecovery: text(['GOTRUE_MAILER_URLPATHS_RECOVERY'], '/auth/v1/verify'),
  urlPathEmailChange: text(['GOTRUE_MAILER_URLPATHS_EMAIL_CHANGE'], '/auth/v1/verify'),
  smtpHost: optional('GOTRUE_SMTP_HOST', 'SMTP_HOST'),
  smtpPort: integer(['GOTRUE_SMTP_PORT', 'SMTP_PORT'], 587, { min: 1, max: 65_535 }),
  smtpUser: optional('GOTRUE_SMTP_USER', 'SMTP_USER'),
  smtpPass: optional('GOTRUE_SMTP_PASS', 'SMTP_PASS'),
  smtpAdminEmail: optional('GOTRUE_SMTP_ADMIN_EMAIL', 'SMTP_ADMIN_EMAIL'),
  smtpSenderName: optional('GOTRUE_SMTP_SENDER_NAME', 'SMTP_SENDER_NAME'),
  smtpMaxFrequency: duration('GOTRUE_SMTP_MAX_FREQUENCY', 1 * minute),
  passwordMinLength: integer(['GOTRUE_PASSWORD_MIN_LENGTH'], 6, { min: 6, max: 72 }),
  passwordRequiredCharacters: text(['GOTRUE_PASSWORD_REQUIRED_CHARACTERS'], ''),
  updatePasswordRequireReauthentication: flag(
    'GOTRUE_SECURITY_UPDATE_PASSWORD_REQUIRE_REAUTHENTICATION',
    false,
  ),
  updatePasswordRequireCurrentPassword: flag(
    'GOTRUE_SECURITY_UPDATE_PASSWORD_REQUIRE_CURRENT_PASSWORD',
    false,
  ),
  refreshTokenRotation: flag('GOTRUE_SECURITY_REFRESH_TOKEN_ROTATION_ENABLED', true),
  refreshTokenReuseSeconds: integer(['GOTRUE_SECURITY_REFRESH_TOKEN_REUSE_INTERVAL'], 10),
  refreshTokenAllowReuse: flag('GOTRUE_SECURITY_REFRESH_TOKEN_ALLOW_REUSE', false),
  /** 2 keeps no bearer value at rest; 1 (GoTrue: also 0) writes rows of `auth.refresh_tokens`. */
  refreshTokenAlgorithm: integer(['GOTRUE_SECURITY_REFRESH_TOKEN_ALGORITHM_VERSION'], 2, {
    max: 2,
  }),
  sessionsTimebox: duration('GOTRUE_SESSIONS_TIMEBOX', null),
  sessionsInactivity: duration('GOTRUE_SESSIONS_INACTIVITY_TIMEOUT', null),
  auditToPostgres: {
    ...flag('GOTRUE_AUDIT_LOG_DISABLE_POSTGRES', true),
    parse: (value: string) => !flag('', false).parse(value),
  },
}

type Values<T extends Record<string, Variable<unknown>>> = {
  readonly [K in keyof T]: ReturnType<T[K]['parse']> | T[K]['fallback']
}

/** The configuration: read once, frozen. Milliseconds for durations, unless a name says seconds. */
export interface Config
  extends Omit<Values<typeof serverVariables>, 'publicUrl' | 'host' | 'secret'> {
  readonly mode: Mode
  readonly host: string
  /** The origin of everything, without a slash at its end: `https://id.example.com`. */
  readonly publicUrl: string
  /** The root secret; 32 characters or more. */
  readonly secret: string
  readonly gotrue: Omit<Values<typeof gotrueVariables>, 'siteUrl'> & {
    readonly siteUrl: string
    /** `<publicUrl>/auth/v1`. */
    readonly externalUrl: string
  }
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

  const server = readAll(serverVariables)
  const gotrue = readAll(gotrueVariables)
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
  if (problems.length > 0) throw new ConfigError(problems)

  const externalUrl = `${publicUrl}/auth/v1`
  return deepFreeze({
    ...server,
    mode,
    port,
    host,
    dataDir: flags.dataDir ?? server.dataDir,
    publicUrl,
    secret,
    gotrue: { ...gotrue, siteUrl: gotrue.siteUrl ?? publicUrl, externalUrl },
    origins,
    ignored: Object.keys(environment)
      .filter((name) => name.startsWith('GOTRUE_') && !knownNames.has(name.replace(/_FILE$/, '')))
      .sort(),
  })
}

/** Every variable that this version reads; docs/cli.md has them all. */
export const knownNames: ReadonlySet<string> = new Set(
  [...Object.values(serverVariables), ...Object.values(gotrueVariables)].flatMap(
    ({ names }) => names,
  ),
)

function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value)) {
    if (typeof inner === 'object' && inner !== null) deepFreeze(inner)
  }
  return Object.freeze(value)
}
