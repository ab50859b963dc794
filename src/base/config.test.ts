import { expect, test } from 'vitest'
import { parseGoDuration } from './config/variables.ts'
import { ConfigError, readConfig } from './config.ts'
import { hour, minute, second } from './time.ts'

const secret = 'a root secret of thirty-two characters'
const production = {
  DATABASE_URL: 'postgres://sekisho@localhost/sekisho',
  SEKISHO_PUBLIC_URL: 'https://id.example.com/',
  SEKISHO_SECRET: secret,
}

function problemsOf(work: () => unknown): readonly string[] {
  try {
    work()
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

test('development needs nothing', () => {
  const config = readConfig({ mode: 'dev', environment: {}, storedSecret: secret })
  expect(config).toMatchObject({
    port: 3001,
    host: 'localhost',
    publicUrl: 'http://localhost:3001',
    databaseUrl: null,
    dataDir: '.sekisho',
    gotrue: { siteUrl: 'http://localhost:3001', externalUrl: 'http://localhost:3001/auth/v1' },
    origins: { port: 'default', secret: 'data directory' },
  })
})

test('metrics and traces are off, until somebody asks by a name of ours, of OpenTelemetry or of GoTrue', () => {
  const read = (environment: Record<string, string>) => {
    const { metricsPort, metricsHost, tracing } = readConfig({
      mode: 'dev',
      environment,
      storedSecret: secret,
    })
    return { metricsPort, metricsHost, address: tracing?.address }
  }
  const off = { metricsPort: 0, metricsHost: '127.0.0.1', address: undefined }
  expect(read({})).toEqual(off)
  expect(read({ SEKISHO_METRICS_PORT: '9000' })).toEqual({ ...off, metricsPort: 9000 })
  expect(read({ OTEL_EXPORTER_PROMETHEUS_PORT: '9000' })).toEqual(off)
  expect(read({ GOTRUE_METRICS_ENABLED: 'true' })).toEqual({ ...off, metricsPort: 9464 })
  expect(
    read({
      GOTRUE_METRICS_ENABLED: 'true',
      OTEL_EXPORTER_PROMETHEUS_PORT: '9100',
      OTEL_EXPORTER_PROMETHEUS_HOST: '0.0.0.0',
    }),
  ).toEqual({ ...off, metricsPort: 9100, metricsHost: '0.0.0.0' })
  const traces = 'http://localhost:4318/v1/traces'
  expect(read({ GOTRUE_TRACING_ENABLED: 'true' })).toEqual({ ...off, address: traces })
  expect(read({ OTEL_TRACES_EXPORTER: 'otlp' })).toEqual({ ...off, address: traces })
  expect(read({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318/' })).toEqual({
    ...off,
    address: 'http://c:4318/v1/traces',
  })
  const clash = { SEKISHO_METRICS_PORT: '3001' }
  expect(problemsOf(() => read(clash))).toEqual([
    'SEKISHO_METRICS_PORT must be another port than PORT and SEKISHO_GOTRUE_PORT.',
  ])
})

test("a log level is one of ours or GoTrue's", () => {
  const level = (SEKISHO_LOG_LEVEL: string) =>
    readConfig({ mode: 'dev', environment: { SEKISHO_LOG_LEVEL }, storedSecret: secret }).logLevel
  expect(['debug', 'WARNING', 'panic', ''].map(level)).toEqual(['debug', 'warn', 'fatal', 'info'])
  expect(problemsOf(() => level('loud'))).toEqual([
    'SEKISHO_LOG_LEVEL must be one of trace, debug, info, warn, error, fatal, silent.',
  ])
})

test('production says all that is missing at once', () => {
  const problems = problemsOf(() => readConfig({ mode: 'start', environment: {} }))
  expect(problems.map((problem) => problem.split(' ')[0])).toEqual([
    'DATABASE_URL',
    'SEKISHO_PUBLIC_URL',
    'SEKISHO_SECRET',
  ])
})

test('every value says where it came from', () => {
  const config = readConfig({
    mode: 'start',
    environment: { ...production, GOTRUE_JWT_EXP: '600' },
    flags: { port: 8080 },
  })
  expect(config).toMatchObject({
    port: 8080,
    publicUrl: 'https://id.example.com',
    gotrue: { jwtExpSeconds: 600, passwordMinLength: 6 },
    origins: {
      port: 'flag',
      jwtExpSeconds: 'environment (GOTRUE_JWT_EXP)',
      passwordMinLength: 'default',
    },
  })
})

test('the configuration cannot be changed', () => {
  const config = readConfig({ mode: 'start', environment: production })
  expect(() => Object.assign(config.gotrue, { jwtExpSeconds: 1 })).toThrow(TypeError)
})

test("GoTrue's external URL is the origin with /auth/v1 behind it", () => {
  const { SEKISHO_PUBLIC_URL: _, ...rest } = production
  const config = readConfig({
    mode: 'start',
    environment: { ...rest, API_EXTERNAL_URL: 'https://id.example.com/auth/v1' },
  })
  expect(config.publicUrl).toBe('https://id.example.com')
})

test('a GOTRUE_ name that nobody knows is listed; one that can mean nothing here is not', () => {
  const environment = {
    ...production,
    GOTRUE_DB_DRIVER: 'postgres',
    GOTRUE_DB_ADVISOR_ENABLED: 'true',
    GOTRUE_FROM_TOMORROW: 'x',
    GOTRUE_JWT_EXP: '60',
    OTHER: 'x',
  }
  expect(readConfig({ mode: 'start', environment }).ignored).toEqual(['GOTRUE_FROM_TOMORROW'])
})

test.each([
  [{}, 'https://id.example.com/auth/v1'],
  [{ API_EXTERNAL_URL: 'https://api.example.com' }, 'https://id.example.com/auth/v1'],
  [{ API_EXTERNAL_URL: 'https://api.example.com/auth/v1' }, 'https://api.example.com/auth/v1'],
  [
    { API_EXTERNAL_URL: 'http://localhost:9999', SEKISHO_GOTRUE_PORT: '9999' },
    'http://localhost:9999',
  ],
])("with %j GoTrue's clients come in at %s", (environment, url) => {
  const config = readConfig({ mode: 'start', environment: { ...production, ...environment } })
  expect(config.gotrue).toMatchObject({ externalUrl: url, linkUrl: url })
})

test('what an empty variable of a compose file says is the default', () => {
  const environment = { ...production, GOTRUE_JWT_EXP: '', GOTRUE_SMTP_MAX_FREQUENCY: '' }
  expect(readConfig({ mode: 'start', environment }).gotrue).toMatchObject({
    jwtExpSeconds: 3600,
    smtpMaxFrequency: minute,
  })
})

test('a number of mails is for an hour, or a bucket that fills up in the time that is named', () => {
  const read = (value: string) =>
    readConfig({
      mode: 'start',
      environment: { ...production, GOTRUE_RATE_LIMIT_EMAIL_SENT: value },
    }).gotrue.rateLimitEmailSent
  expect(read('30')).toEqual({ kind: 'fixed', count: 30, window: hour })
  expect(read('0')).toEqual({ kind: 'fixed', count: 0, window: hour })
  expect(read('30/10m')).toEqual({ kind: 'bucket', count: 30, window: 10 * minute })
  expect(read('')).toBeNull()
})

test('a value may stand in a file', () => {
  const { SEKISHO_SECRET: _, ...rest } = production
  const environment = { ...rest, SEKISHO_SECRET_FILE: '/run/secrets/sekisho' }
  const config = readConfig({ mode: 'start', environment, readFile: () => `${secret}\n` })
  expect(config.secret).toBe(secret)
})

test("a mail's template may stand in a file, which is read at the start", () => {
  const environment = {
    ...production,
    GOTRUE_MAILER_TEMPLATES_INVITE: 'file:///etc/mails/invite.html',
    GOTRUE_MAILER_TEMPLATES_RECOVERY: '/mails/recovery.html',
  }
  const readFile = (path: string) => `<p>${path}</p>`
  expect(readConfig({ mode: 'start', environment, readFile }).gotrue).toMatchObject({
    templateInvite: '<p>/etc/mails/invite.html</p>',
    templateRecovery: '/mails/recovery.html',
  })
  const gone = () => {
    throw new Error('ENOENT')
  }
  expect(problemsOf(() => readConfig({ mode: 'start', environment, readFile: gone }))).toEqual([
    'A mail template names a file that cannot be read: /etc/mails/invite.html.',
  ])
})

test.each([
  ['PORT', '70000', 'PORT must be a whole number from 0 to 65535.'],
  ['GOTRUE_DISABLE_SIGNUP', 'perhaps', 'GOTRUE_DISABLE_SIGNUP must be true or false.'],
  [
    'GOTRUE_SMTP_MAX_FREQUENCY',
    '60',
    'GOTRUE_SMTP_MAX_FREQUENCY must be a duration such as 90s, 10m or 24h.',
  ],
  [
    'SEKISHO_PUBLIC_URL',
    'id.example.com',
    'SEKISHO_PUBLIC_URL must be a URL that begins with http:// or https://.',
  ],
  [
    'GOTRUE_RATE_LIMIT_EMAIL_SENT',
    'many',
    'GOTRUE_RATE_LIMIT_EMAIL_SENT must be a number for an hour such as 30, or 30/10m.',
  ],
  [
    'GOTRUE_SECURITY_CAPTCHA_PROVIDER',
    'riddle',
    'GOTRUE_SECURITY_CAPTCHA_PROVIDER must be hcaptcha or turnstile.',
  ],
  [
    'GOTRUE_SECURITY_CAPTCHA_ENABLED',
    'true',
    'GOTRUE_SECURITY_CAPTCHA_SECRET is missing: the secret of your captcha site.',
  ],
  [
    'GOTRUE_SMTP_HEADERS',
    '{"X-Tag":"one"}',
    'GOTRUE_SMTP_HEADERS must be a JSON object of lists: {"X-Name": ["value"]}.',
  ],
  ['GOTRUE_JWT_KEYS', '{}', 'GOTRUE_JWT_KEYS must be a JSON array of keys (JWK).'],
  ['SEKISHO_SECRET', 'short', 'SEKISHO_SECRET is too short: 32 characters or more.'],
])('%s=%s is refused with a sentence (F2)', (name, value, problem) => {
  const environment = { ...production, [name]: value }
  expect(problemsOf(() => readConfig({ mode: 'start', environment }))).toContain(problem)
})

test('durations are written as Go writes them', () => {
  expect(parseGoDuration('1h30m')).toBe(hour + 30 * minute)
  expect(parseGoDuration('1.5s')).toBe(1.5 * second)
  expect(parseGoDuration('0')).toBe(0)
  expect(parseGoDuration('5')).toBeNull()
  expect(parseGoDuration('5m later')).toBeNull()
})
