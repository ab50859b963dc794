import { expect, test } from 'vitest'
import { minute, second } from '../../src/base/time.ts'
import { type GotrueWorld, gotrueWorld } from './gotrue-world.ts'

const header = 'x-client-address'
const limited = { GOTRUE_RATE_LIMIT_HEADER: header }

/** How many of so many requests are answered before the first 429. */
async function through(
  { ask }: GotrueWorld,
  path: string,
  {
    body = {},
    from = '192.0.2.7',
    most = 40,
  }: { body?: unknown; from?: string; most?: number } = {},
): Promise<number> {
  for (let count = 0; count < most; count += 1) {
    const { status } = await ask('POST', path, { body, headers: { [header]: from } })
    if (status === 429) return count
  }
  return most
}

test('without a header that says where somebody is, there is no limit of its own', async () => {
  const world = await gotrueWorld()
  expect(await through(world, '/otp')).toBe(40)
  expect(await through(await gotrueWorld(limited), '/otp', { from: '' })).toBe(40)
})

test('thirty at once, then one every ten seconds, for each place and each bucket', async () => {
  const world = await gotrueWorld(limited)
  expect(await through(world, '/otp')).toBe(30)
  const refused = await world.ask('POST', '/otp', {
    body: {},
    headers: { [header]: '192.0.2.7, 10.0.0.1' },
  })
  expect([refused.status, refused.body]).toEqual([
    429,
    { code: 429, error_code: 'over_request_rate_limit', msg: 'Request rate limit reached' },
  ])
  expect(Number(refused.headers.get('retry-after'))).toBe(10)
  expect(await through(world, '/otp', { from: '192.0.2.8', most: 3 })).toBe(3)
  expect(await through(world, '/recover', { most: 3 })).toBe(3)
  world.pass(21 * second)
  expect(await through(world, '/otp')).toBe(2)
  world.pass(60 * minute)
  expect(await through(world, '/otp')).toBe(30)
})

test.each([
  ['/token?grant_type=nothing', 'GOTRUE_RATE_LIMIT_TOKEN_REFRESH'],
  ['/token?grant_type=web3', 'GOTRUE_RATE_LIMIT_WEB3'],
  ['/verify', 'GOTRUE_RATE_LIMIT_VERIFY'],
  ['/magiclink', 'GOTRUE_RATE_LIMIT_OTP'],
  ['/resend', 'GOTRUE_RATE_LIMIT_OTP'],
  ['/sso', 'GOTRUE_RATE_LIMIT_SSO'],
  ['/passkeys/authentication/options', 'GOTRUE_RATE_LIMIT_PASSKEY'],
  ['/oauth/clients/register', 'GOTRUE_RATE_LIMIT_OAUTH_DYNAMIC_CLIENT_REGISTER'],
])('%s has a bucket, which %s fills', async (path, name) => {
  const world = await gotrueWorld({ ...limited, [name]: '300' })
  expect(await through(world, path)).toBe(30)
  world.pass(10 * second)
  expect(await through(world, path)).toBe(10)
  expect(await through(world.under({ ...limited, [name]: '0' }), path)).toBe(0)
})

test('anonymous sign-ups have an own bucket, for an hour', async () => {
  const world = await gotrueWorld({
    ...limited,
    GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED: 'true',
    GOTRUE_DISABLE_SIGNUP: 'true',
  })
  expect(await through(world, '/signup')).toBe(30)
  world.pass(2 * minute)
  expect(await through(world, '/signup')).toBe(1)
  expect(await through(world, '/signup', { body: { email: 'ann@example.com' } })).toBe(30)
})

test('of fifty at once thirty pass, whoever is first (K3)', async () => {
  const { ask } = await gotrueWorld(limited)
  const answers = await Promise.all(
    Array.from({ length: 50 }, () =>
      ask('POST', '/otp', { body: {}, headers: { [header]: '192.0.2.7' } }),
    ),
  )
  expect(answers.filter(({ status }) => status === 400)).toHaveLength(30)
  expect(answers.filter(({ status }) => status === 429)).toHaveLength(20)
})

test('a place may be any text (K3)', async () => {
  const { ask } = await gotrueWorld(limited)
  for (const place of ["'; drop table idp.limits; --", 'x'.repeat(5000), '\u00e9', ',,,']) {
    const { status } = await ask('POST', '/otp', { body: {}, headers: { [header]: place } })
    expect(status).toBe(400)
  }
})
