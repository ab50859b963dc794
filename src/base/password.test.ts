import { hashSync as bcrypt } from 'bcryptjs'
import { expect, test } from 'vitest'
import { hashPassword, isKnownHash, isOutdated, passwordMatches } from './password.ts'

test('a password matches its own hash, which is argon2id and salted', async () => {
  const hash = await hashPassword('correct horse')
  expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
  expect(await passwordMatches('correct horse', hash)).toBe(true)
  expect(await passwordMatches('wrong horse', hash)).toBe(false)
  expect(await hashPassword('correct horse')).not.toBe(hash)
  expect(isOutdated(hash)).toBe(false)
})

test("GoTrue's bcrypt hashes match, PHP's name for them too, and are outdated", async () => {
  const hash = bcrypt('correct horse', 4)
  expect(await passwordMatches('correct horse', hash)).toBe(true)
  expect(await passwordMatches('correct horse', `$2y$${hash.slice(4)}`)).toBe(true)
  expect(await passwordMatches('wrong horse', hash)).toBe(false)
  expect(isOutdated(hash)).toBe(true)
})

// The example that Firebase publishes with its own program.
const firebase =
  '$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==$42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ=='

test("Firebase's scrypt matches, as GoTrue writes it down, and is outdated", async () => {
  expect(await passwordMatches('user1password', firebase)).toBe(true)
  expect(await passwordMatches('user2password', firebase)).toBe(false)
  expect(isOutdated(firebase)).toBe(true)
  expect(isKnownHash(firebase)).toBe(true)
})

test('without a hash nothing matches', async () => {
  expect(await passwordMatches('', null)).toBe(false)
  expect(await passwordMatches('anything', null)).toBe(false)
  expect(await passwordMatches('', '')).toBe(false)
})

test.each([
  '$2x$04$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
  'correct horse',
  '$argon2id$v=19$m=9999999,t=2,p=1$c2FsdHNhbHQ$aGFzaA',
  firebase.replace('n=14', 'n=24'),
  firebase.replace('p=1', 'p=99'),
  firebase.replace('v=1', 'v=2'),
  firebase.replace(/sk=[^$]*\$/, 'sk=$'),
  '$argon2d$v=19$m=4096,t=2,p=1$c2FsdHNhbHQ$aGFzaA',
])('%s is a hash that we do not even try', async (hash) => {
  expect(await passwordMatches('correct horse', hash)).toBe(false)
})

test('a hash of a form that we cannot verify is known as such', () => {
  expect(isKnownHash('5f4dcc3b5aa765d61d8327deb882cf99')).toBe(false)
  expect(isKnownHash(bcrypt('x', 4))).toBe(true)
})

test('a flood is refused at a stated length, and those who wait are served', async () => {
  const flood = Array.from({ length: 200 }, () => passwordMatches('x', null))
  const settled = await Promise.allSettled(flood)
  const refused = settled.filter(({ status }) => status === 'rejected')
  expect(refused).toHaveLength(200 - 128)
  expect(refused[0]).toMatchObject({ reason: { code: 'overloaded' } })
})
