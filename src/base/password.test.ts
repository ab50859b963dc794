import { hashSync as bcrypt } from 'bcryptjs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { hashPassword, isKnownHash, isOutdated, passwordMatches } from './password.ts'
import { costOf } from './password-cost.ts'

const nobody = { client: { ip: null, userAgent: null } }

test('a password matches its own hash, which is argon2id and salted', async () => {
  const hash = await hashPassword(nobody, 'correct horse')
  expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
  expect(await passwordMatches(nobody, 'correct horse', hash)).toBe(true)
  expect(await passwordMatches(nobody, 'wrong horse', hash)).toBe(false)
  expect(await hashPassword(nobody, 'correct horse')).not.toBe(hash)
  expect(isOutdated(hash)).toBe(false)
})

test("GoTrue's bcrypt hashes match, PHP's name for them too, and are outdated", async () => {
  const hash = bcrypt('correct horse', 4)
  expect(await passwordMatches(nobody, 'correct horse', hash)).toBe(true)
  expect(await passwordMatches(nobody, 'correct horse', `$2y$${hash.slice(4)}`)).toBe(true)
  expect(await passwordMatches(nobody, 'wrong horse', hash)).toBe(false)
  expect(isOutdated(hash)).toBe(true)
})

// The example that Firebase publishes with its own program.
const firebase =
  '$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==$42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ=='

test("Firebase's scrypt matches, as GoTrue writes it down, and is outdated", async () => {
  expect(await passwordMatches(nobody, 'user1password', firebase)).toBe(true)
  expect(await passwordMatches(nobody, 'user2password', firebase)).toBe(false)
  expect(isOutdated(firebase)).toBe(true)
  expect(isKnownHash(firebase)).toBe(true)
})

test('without a hash nothing matches', async () => {
  expect(await passwordMatches(nobody, '', null)).toBe(false)
  expect(await passwordMatches(nobody, 'anything', null)).toBe(false)
  expect(await passwordMatches(nobody, '', '')).toBe(false)
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
  expect(await passwordMatches(nobody, 'correct horse', hash)).toBe(false)
})

test('a hash of a form that we cannot verify is known as such', () => {
  expect(isKnownHash('5f4dcc3b5aa765d61d8327deb882cf99')).toBe(false)
  expect(isKnownHash(bcrypt('x', 4))).toBe(true)
})

test('what an import brings is weighed before it is tried, and what costs too much is not known (M2)', () => {
  const salted = 'c29tZXNhbHRzb21l$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNo'
  const argon = (costs: string) => `$argon2id$v=19$${costs}$${salted}`
  expect(costOf(argon('m=19456,t=2,p=1'))).toBe(1)
  expect(costOf(argon('t=4,p=8,m=77824'))).toBe(8)
  expect(costOf(`$2b$10$${'a'.repeat(53)}`)).toBe(10)
  expect(costOf(`$2b$14$${'a'.repeat(53)}`)).toBe(160)
  expect(costOf(firebase)).toBe(4.5)
  const tooDear = [
    ...['m=4194304,t=2,p=1', 'm=19456,t=1000,p=1', 'm=19456,t=2,p=255', 'm=131073,t=1,p=1'],
    ...['m=0,t=2,p=1', 'm=19456,t=0,p=1', 'm=19456,t=2,p=0', 'm=8,t=1,p=8', 'm=8,m=8,t=1'],
  ].map(argon)
  const others = [
    `$2b$31$${'a'.repeat(53)}`,
    `$2b$03$${'a'.repeat(53)}`,
    firebase.replace('n=14', 'n=30'),
  ]
  for (const hash of [...tooDear, ...others, '$pbkdf2-sha256$i=1000000000$c2FsdA$aGFzaA']) {
    expect([hash, isKnownHash(hash)]).toEqual([hash, false])
  }
})

const base64 = fc.string({ unit: fc.constantFrom(...'AZaz09+/'), maxLength: 90 })

test('whatever hash is known, it is answered, and no worker fails of it', async () => {
  const hashes = fc
    .tuple(
      fc.constantFrom('i', 'id'),
      fc.constantFrom(16, 19),
      fc.integer({ min: 0, max: 70 }),
      base64,
      base64,
    )
    .map(
      ([kind, version, memory, salt, tag]) =>
        `$argon2${kind}$v=${version}$m=${memory},t=1,p=1$${salt}$${tag}`,
    )
  await fc.assert(
    fc.asyncProperty(hashes, async (hash) => {
      if (isKnownHash(hash)) expect(await passwordMatches(nobody, 'x', hash)).toBe(false)
    }),
    {
      numRuns: 300,
      examples: [[`$argon2id$v=19$m=8,t=1,p=1$${'A'.repeat(11)}$${'A'.repeat(17)}`]],
    },
  )
})

test('what a thread is told stays whole: a long password, and one that is no UTF-16 (M5)', async () => {
  for (const password of ['x'.repeat(100_000), '\u0000', '\ud800', '😀'.repeat(1000)]) {
    const hash = await hashPassword(nobody, password)
    expect(await passwordMatches(nobody, password, hash)).toBe(true)
    expect(await passwordMatches(nobody, `${password} `, hash)).toBe(false)
  }
})
