import { expect, test } from 'vitest'
import { ConfigError, readConfig } from '../config.ts'

const secret = Buffer.alloc(24, 7).toString('base64')

function hookOf(environment: Record<string, string>) {
  const names = Object.entries(environment).map(([key, value]) => [
    `GOTRUE_HOOK_SEND_SMS_${key}`,
    value,
  ])
  const config = readConfig({ mode: 'dev', environment: Object.fromEntries(names) })
  return config.gotrue.hooks.sendSms
}

test('nobody is asked unless a hook is switched on', () => {
  expect(hookOf({})).toBeNull()
  expect(hookOf({ URI: 'whatever', SECRETS: 'whatever' })).toBeNull()
})

test('a hook is a function of the database, or a signed request', () => {
  expect(hookOf({ ENABLED: 'true', URI: 'pg-functions://postgres/public/Send_sms' })).toEqual({
    kind: 'function',
    schema: 'public',
    name: 'Send_sms',
  })
  const second = `v1a,whpk_${Buffer.alloc(32).toString('base64')}:whsk_${Buffer.alloc(64).toString('base64')}`
  expect(
    hookOf({
      ENABLED: 'true',
      URI: 'https://hooks.example.com/sms?kind=1',
      SECRETS: `v1,whsec_${secret}|${second}`,
    }),
  ).toEqual({
    kind: 'http',
    url: 'https://hooks.example.com/sms?kind=1',
    secrets: [`v1,whsec_${secret}`, second],
  })
})

test.each(['localhost', '127.0.0.1:8080', '[::1]', 'host.docker.internal'])(
  'without https only this machine is asked: %s',
  (host) => {
    const SECRETS = `v1,whsec_${secret}`
    expect(hookOf({ ENABLED: 'true', URI: `http://${host}/hook`, SECRETS })).not.toBeNull()
  },
)

const good = `v1,whsec_${secret}`

test.each([
  ['URI is missing', '', good],
  ['URI must begin with pg-functions://', 'ftp://hooks.example.com', good],
  ['URI must begin with pg-functions://', 'no address', good],
  ['URI must name a function', 'pg-functions://postgres/public', good],
  ['URI must name a function', 'pg-functions://postgres/public/a/b', good],
  ['URI must name a function', 'pg-functions://postgres/public/f"()', good],
  ['URI must name a function', `pg-functions://postgres/public/${'f'.repeat(64)}`, good],
  ['URI must be https', 'http://hooks.example.com', good],
  ['URI must not hold a user name', 'https://ann:hidden@hooks.example.com', good],
  ['SECRETS must be v1,whsec_', 'https://hooks.example.com', ''],
  ['SECRETS must be v1,whsec_', 'https://hooks.example.com', 'hidden'],
  ['SECRETS must be v1,whsec_', 'https://hooks.example.com', 'v1,whsec_aGlkZGVu'],
  ['SECRETS must be v1,whsec_', 'https://hooks.example.com', `${good}|hidden`],
])('a start says what is wrong, and no secret: %s (%s)', (problem, URI, SECRETS) => {
  const read = () => hookOf({ ENABLED: 'true', URI, SECRETS })
  expect(read).toThrow(ConfigError)
  expect(read).toThrow(`GOTRUE_HOOK_SEND_SMS_${problem}`)
  expect(read).not.toThrow(/hidden|aGlkZGVu/)
})
