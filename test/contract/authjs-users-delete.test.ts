import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { atOnce, authjsWorld, tomorrow } from './authjs-world.ts'

const { adapter, rows, events, newUser } = authjsWorld()

describe('deleteUser', () => {
  test('nothing of a user stays, and the open links to the address die (A15, D12)', async () => {
    const user = await newUser()
    const credentialID = Buffer.from(randomUUID()).toString('base64')
    const sessionToken = randomUUID()
    const token = randomUUID()
    await adapter.linkAccount({
      userId: user.id,
      provider: 'passkey',
      providerAccountId: credentialID,
      type: 'webauthn',
    })
    await adapter.createAuthenticator({
      userId: user.id,
      credentialID,
      providerAccountId: credentialID,
      credentialPublicKey: 'AAAA',
      credentialDeviceType: 'multiDevice',
      credentialBackedUp: true,
      counter: 0,
    })
    await adapter.createSession({ sessionToken, userId: user.id, expires: tomorrow() })
    await adapter.createVerificationToken({ identifier: user.email, token, expires: tomorrow() })

    expect(await adapter.deleteUser(user.id)).toEqual(user)

    expect(await adapter.getUser(user.id)).toBeNull()
    expect(await adapter.getUserByEmail(user.email)).toBeNull()
    expect(await adapter.getAccount(credentialID, 'passkey')).toBeNull()
    expect(await adapter.getSessionAndUser(sessionToken)).toBeNull()
    expect(await adapter.getAuthenticator(credentialID)).toBeNull()
    expect(await adapter.listAuthenticatorsByUserId(user.id)).toEqual([])
    expect(await adapter.useVerificationToken({ identifier: user.email, token })).toBeNull()
    for (const table of [
      'auth.sessions',
      'auth.identities',
      'auth.webauthn_credentials',
      'idp.profiles',
    ]) {
      const left = await rows(sql`select 1 from ${sql.table(table)} where user_id = ${user.id}`)
      expect(left, table).toEqual([])
    }
    expect((await events(user.id)).at(-1)).toBe('user.deleted')
  })

  test('who is not there is deleted quietly', async () => {
    for (const id of [randomUUID(), 'invalid', '']) {
      expect(await adapter.deleteUser(id)).toBeNull()
    }
  })

  test('of twenty who delete at once, one is told whom', async () => {
    const user = await newUser()
    const { values, errors } = await atOnce(20, () => adapter.deleteUser(user.id))
    expect(errors).toEqual([])
    expect(values.filter((value) => value !== null)).toEqual([user])
    expect((await events(user.id)).filter((type) => type === 'user.deleted')).toHaveLength(1)
  })
})
