import { createHash, randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { atOnce, authjsWorld, freshEmail, tomorrow, yesterday } from './authjs-world.ts'

const { adapter, rows } = authjsWorld()

const link = (more: object = {}) => ({
  identifier: freshEmail(),
  token: createHash('sha256').update(randomUUID()).digest('hex'),
  expires: new Date('2031-02-03T04:05:06.789Z'),
  ...more,
})

test('a token comes back once, as it was given', async () => {
  const given = link()
  expect(await adapter.createVerificationToken(given)).toStrictEqual(given)
  const { identifier, token } = given
  expect(await adapter.useVerificationToken({ identifier, token })).toStrictEqual(given)
  expect(await adapter.useVerificationToken({ identifier, token })).toBeNull()
})

test('only the hash of a token rests (N2)', async () => {
  const given = link()
  await adapter.createVerificationToken(given)
  const stored = await rows(
    sql<{ purpose: string; channel: string; hash: Uint8Array; text: string }>`
      select purpose, channel, hash, v::text as text from idp.verifications v where recipient = ${given.identifier}`,
  )
  expect(stored).toMatchObject([{ purpose: 'authjs', channel: 'email' }])
  expect(Buffer.from(stored[0]!.hash)).toEqual(createHash('sha256').update(given.token).digest())
  expect(stored[0]!.text).not.toContain(given.token)
})

test('of twenty clicks at once, one wins (C17)', async () => {
  const { identifier, token, expires } = link()
  await adapter.createVerificationToken({ identifier, token, expires })
  const { values, errors } = await atOnce(20, () =>
    adapter.useVerificationToken({ identifier, token }),
  )
  expect(errors).toEqual([])
  expect(values.filter((value) => value !== null)).toEqual([{ identifier, token, expires }])
})

test('of twenty clicks at once on a link that does not say whose it is, one wins', async () => {
  const given = link()
  await adapter.createVerificationToken(given)
  const { values } = await atOnce(20, () => adapter.useVerificationToken({ token: given.token }))
  expect(values.filter((value) => value !== null)).toEqual([given])
})

test('one address may have many open links, and a click takes its own', async () => {
  const identifier = freshEmail()
  const [first, second] = [link({ identifier }), link({ identifier })]
  await adapter.createVerificationToken(first)
  await adapter.createVerificationToken(second)
  expect(await adapter.useVerificationToken(first)).toStrictEqual(first)
  expect(await adapter.useVerificationToken(second)).toStrictEqual(second)
})

test('a wrong token or a wrong address is nobody, and voids nothing (C17)', async () => {
  const given = link()
  await adapter.createVerificationToken(given)
  const { identifier, token } = given
  const wrong = [
    { identifier, token: randomUUID() },
    { identifier, token: '' },
    { identifier, token: undefined },
    { identifier: freshEmail(), token },
    { identifier: identifier.toUpperCase(), token },
    { identifier: '', token },
    { identifier: 'a\0b', token },
    { identifier: '%', token },
  ]
  for (const asked of wrong) expect(await adapter.useVerificationToken(asked as never)).toBeNull()
  expect(await adapter.useVerificationToken({ identifier, token })).toStrictEqual(given)
})

test('two addresses that share a token each have their own', async () => {
  const [first, second] = [link(), link()]
  const token = first.token
  await adapter.createVerificationToken(first)
  await adapter.createVerificationToken({ ...second, token })
  expect(await adapter.useVerificationToken({ token })).not.toBeNull()
  expect(await adapter.useVerificationToken({ token })).not.toBeNull()
  expect(await adapter.useVerificationToken({ token })).toBeNull()
})

test('a token that is past its end comes back too: Auth.js says so itself', async () => {
  const given = link({ expires: yesterday() })
  await adapter.createVerificationToken(given)
  expect(await adapter.useVerificationToken(given)).toStrictEqual(given)
})

test('the same token for the same address is refused', async () => {
  const given = link()
  await adapter.createVerificationToken(given)
  await expect(adapter.createVerificationToken(given)).rejects.toMatchObject({ code: 'conflict' })
})

test('a date that is none, and an address that cannot be kept, are refused', async () => {
  const bad = [{ expires: new Date('never') }, { identifier: 'a\0b' }]
  for (const more of bad) {
    await expect(adapter.createVerificationToken(link(more))).rejects.toMatchObject({
      code: 'input_invalid',
    })
  }
})

test('a code of the hosted pages is no token of Auth.js (C16)', async () => {
  const { identifier, token } = link()
  await adapter.createVerificationToken({ identifier, token, expires: tomorrow() })
  await rows(sql`
    update idp.verifications set purpose = 'sign-in' where recipient = ${identifier}`)
  expect(await adapter.useVerificationToken({ identifier, token })).toBeNull()
  expect(await adapter.useVerificationToken({ token })).toBeNull()
})

test('asking and clicking are on record, without the token', async () => {
  const { identifier, token, expires } = link()
  await adapter.createVerificationToken({ identifier, token, expires })
  await adapter.useVerificationToken({ identifier, token })
  await adapter.useVerificationToken({ identifier, token })
  const recorded = await rows(
    sql<{ type: string; text: string }>`
      select type, e::text as text from idp.events e where details->>'recipient' = ${identifier} order by id`,
  )
  expect(recorded.map(({ type }) => type)).toEqual(['verification.sent', 'verification.finished'])
  for (const { text } of recorded) expect(text).not.toContain(token)
})
