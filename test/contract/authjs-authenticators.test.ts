import { randomBytes, randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { atOnce, authjsWorld } from './authjs-world.ts'

const { adapter, one, rows, events, audit, newGuest, newUser } = authjsWorld()

function passkey(userId: string, more: object = {}) {
  const credentialID = randomBytes(32).toString('base64')
  return {
    userId,
    credentialID,
    providerAccountId: credentialID,
    credentialPublicKey: randomBytes(77).toString('base64'),
    credentialDeviceType: 'multiDevice',
    credentialBackedUp: true,
    counter: 0,
    transports: 'internal,hybrid',
    ...more,
  }
}

test('a passkey comes back as it was given', async () => {
  const user = await newGuest()
  const given = passkey(user.id)
  expect(await adapter.createAuthenticator(given)).toStrictEqual(given)
  expect(await adapter.getAuthenticator(given.credentialID)).toStrictEqual(given)
  expect(await events(user.id)).toEqual(['user.signed-up', 'factor.created'])
  expect((await audit(user.id)).map(({ action }) => action)).toContain('passkey_created')
})

test("it is a row of GoTrue's passkeys, in bytes", async () => {
  const user = await newGuest()
  const given = passkey(user.id, { counter: 4_000_000_000 })
  await adapter.createAuthenticator(given)
  const row = await one(
    sql<{ credential_id: Uint8Array; public_key: Uint8Array } & Record<string, unknown>>`
      select c.*, sign_count::text as count, a.verbatim from auth.webauthn_credentials c
        join idp.authenticators a on a.credential_id = c.id where user_id = ${user.id}`,
  )
  expect(Buffer.from(row!.credential_id).toString('base64')).toBe(given.credentialID)
  expect(Buffer.from(row!.public_key).toString('base64')).toBe(given.credentialPublicKey)
  expect(row).toMatchObject({
    count: '4000000000',
    transports: ['internal', 'hybrid'],
    backup_eligible: true,
    backed_up: true,
    verbatim: {},
  })
  expect((await adapter.getAuthenticator(given.credentialID))?.counter).toBe(4_000_000_000)
})

test('a passkey that another face enrolled is listed too', async () => {
  const user = await newUser()
  const id = randomBytes(20)
  await rows(sql`
    insert into auth.webauthn_credentials (user_id, credential_id, public_key, sign_count, backup_eligible)
    values (${user.id}, ${id}, ${Buffer.from('key')}, 3, false)`)
  expect(await adapter.listAuthenticatorsByUserId(user.id)).toStrictEqual([
    {
      userId: user.id,
      credentialID: id.toString('base64'),
      providerAccountId: id.toString('base64'),
      credentialPublicKey: Buffer.from('key').toString('base64'),
      credentialDeviceType: 'singleDevice',
      credentialBackedUp: false,
      counter: 3,
      transports: null,
    },
  ])
})

test('texts that are no Base64, and words of its own, come back too', async () => {
  const user = await newGuest()
  const odd = passkey(user.id, {
    credentialID: 'no base64 at all!',
    credentialPublicKey: randomUUID(),
    credentialDeviceType: 'platform',
    providerAccountId: randomUUID(),
    transports: 'usb,ble,nfc',
  })
  await adapter.createAuthenticator(odd)
  expect(await adapter.getAuthenticator(odd.credentialID)).toStrictEqual(odd)
  const uuid = randomUUID()
  const other = passkey(user.id, { credentialID: uuid, providerAccountId: uuid })
  await adapter.createAuthenticator(other)
  expect(await adapter.getAuthenticator(uuid)).toStrictEqual(other)
  expect(await adapter.listAuthenticatorsByUserId(user.id)).toStrictEqual([odd, other])
})

test('transports that are not there are null', async () => {
  const user = await newGuest()
  for (const transports of [undefined, null, '']) {
    const given = passkey(user.id, { transports })
    expect(await adapter.createAuthenticator(given)).toStrictEqual({ ...given, transports: null })
  }
})

test('a long credential id fits', async () => {
  const user = await newGuest()
  const credentialID = randomBytes(1023).toString('base64')
  const given = passkey(user.id, { credentialID, providerAccountId: credentialID })
  await adapter.createAuthenticator(given)
  expect(await adapter.getAuthenticator(credentialID)).toStrictEqual(given)
})

test('an unknown credential is null', async () => {
  for (const id of ['AAAA', 'unknown', '', 'a\0b', undefined]) {
    expect(await adapter.getAuthenticator(id as string)).toBeNull()
  }
})

test('a user without passkeys has none, and so has nobody', async () => {
  const user = await newGuest()
  for (const id of [user.id, randomUUID(), 'invalid', '']) {
    expect(await adapter.listAuthenticatorsByUserId(id)).toEqual([])
  }
})

test('a credential belongs to one user: of twenty who enrol it at once, one does (O6)', async () => {
  const users = await Promise.all(Array.from({ length: 20 }, () => newGuest()))
  const shared = passkey('')
  const { values, errors } = await atOnce(20, (index) =>
    adapter.createAuthenticator({ ...shared, userId: users[index]!.id }),
  )
  expect(values).toHaveLength(1)
  expect(errors.map((error) => error.code)).toEqual(Array(19).fill('conflict'))
  expect(await adapter.getAuthenticator(shared.credentialID)).toStrictEqual(values[0])
})

test('a passkey needs a user, an id and a counter', async () => {
  const user = await newGuest()
  for (const userId of [randomUUID(), 'invalid']) {
    await expect(adapter.createAuthenticator(passkey(userId))).rejects.toMatchObject({
      code: 'user_not_found',
    })
  }
  const bad = [{ credentialID: '' }, { credentialPublicKey: undefined }, { counter: -1 }]
  for (const more of bad) {
    await expect(adapter.createAuthenticator(passkey(user.id, more))).rejects.toMatchObject({
      code: 'input_invalid',
    })
  }
  expect(await adapter.listAuthenticatorsByUserId(user.id)).toEqual([])
})

test('the counter counts up, and is on record', async () => {
  const user = await newGuest()
  const given = passkey(user.id)
  await adapter.createAuthenticator(given)
  const after = { ...given, counter: 7 }
  expect(await adapter.updateAuthenticatorCounter(given.credentialID, 7)).toStrictEqual(after)
  expect(await adapter.getAuthenticator(given.credentialID)).toStrictEqual(after)
  expect((await events(user.id)).at(-1)).toBe('factor.used')
  const row = await one(
    sql<{ last_used_at: Date }>`
      select last_used_at from auth.webauthn_credentials where user_id = ${user.id}`,
  )
  expect(row?.last_used_at).toBeInstanceOf(Date)
})

test('the counter never goes back, in whatever order twenty sign-ins arrive (O4)', async () => {
  const user = await newGuest()
  const given = passkey(user.id)
  await adapter.createAuthenticator(given)
  const { errors } = await atOnce(20, (index) =>
    adapter.updateAuthenticatorCounter(given.credentialID, (index * 7) % 20),
  )
  expect(errors).toEqual([])
  expect((await adapter.getAuthenticator(given.credentialID))?.counter).toBe(19)
  expect((await adapter.updateAuthenticatorCounter(given.credentialID, 3)).counter).toBe(19)
})

test('a passkey whose counter stays 0 goes on', async () => {
  const user = await newGuest()
  const given = passkey(user.id)
  await adapter.createAuthenticator(given)
  expect(await adapter.updateAuthenticatorCounter(given.credentialID, 0)).toStrictEqual(given)
})

test('the counter of an unknown credential, and one that is no number, are thrown', async () => {
  await expect(adapter.updateAuthenticatorCounter('AAAA', 1)).rejects.toMatchObject({
    code: 'not_found',
  })
  for (const counter of [-1, 1.5, Number.NaN, undefined]) {
    await expect(
      adapter.updateAuthenticatorCounter('AAAA', counter as number),
    ).rejects.toMatchObject({ code: 'input_invalid' })
  }
})
