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

test('a GOTRUE_ name that means nothing here is listed', () => {
  const environment = {
    ...production,
    GOTRUE_DB_DRIVER: 'postgres',
    GOTRUE_JWT_EXP: '60',
    OTHER: 'x',
  }
  expect(readConfig({ mode: 'start', environment }).ignored).toEqual(['GOTRUE_DB_DRIVER'])
})

test('a value may stand in a file', () => {
  const { SEKISHO_SECRET: _, ...rest } = production
  const environment = { ...rest, SEKISHO_SECRET_FILE: '/run/secrets/sekisho' }
  const config = readConfig({ mode: 'start', environment, readFile: () => `${secret}\n` })
  expect(config.secret).toBe(secret)
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
  ['SEKISHO_SECRET', 'short', 'SEKISHO_SECRET is too short: 32 characters or more.'],
])('%s=%s is refused with a sentence', (name, value, problem) => {
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
