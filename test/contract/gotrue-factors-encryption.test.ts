import { hashSync as bcrypt } from 'bcryptjs'
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { encloseFor } from '../../src/base/gotrue-envelope.ts'
import { ann, enroll, verify } from './authenticator-app.ts'
import { claimsOf, password } from './gotrue-world.ts'

test('the secret rests in an envelope where that is wished, and what rests in clear is read too', async () => {
  const encryption = {
    GOTRUE_SECURITY_DB_ENCRYPTION_ENCRYPT: 'true',
    GOTRUE_SECURITY_DB_ENCRYPTION_ENCRYPTION_KEY_ID: 'new',
    GOTRUE_SECURITY_DB_ENCRYPTION_ENCRYPTION_KEY: 'A'.repeat(43),
    GOTRUE_SECURITY_DB_ENCRYPTION_DECRYPTION_KEYS: `old:${'B'.repeat(42)}A`,
  }
  const { world, bearer } = await ann()
  const clear = await enroll(world, bearer, 'in clear')
  const sealed = world.under(encryption)
  const closed = await enroll(sealed, bearer, 'closed')
  const { rows } = await sql<{ secret: string }>`
    select secret from auth.mfa_factors order by friendly_name = 'closed'`.execute(
    world.database.db,
  )
  expect(rows[0]?.secret).toBe(clear.secret)
  expect(JSON.parse(rows[1]?.secret ?? '')).toEqual({
    key_id: 'new',
    alg: 'aes-gcm-hkdf',
    data: expect.stringMatching(/^[\w+/]+=*$/),
    nonce: expect.stringMatching(/^[\w+/]{16}$/),
  })
  const raised = await verify(sealed, bearer, closed)
  expect(raised.status).toBe(200)
  // The other was begun and not finished: it went with the first proof.
  expect(raised.body.user.factors).toHaveLength(1)

  const signedIn = await sealed.signIn()
  const key = await sql<{ key: string }>`
    select refresh_token_hmac_key as key from auth.sessions where id = ${claimsOf(signedIn.access_token).session_id}`.execute(
    world.database.db,
  )
  expect(JSON.parse(key.rows[0]?.key ?? '')).toMatchObject({ key_id: 'new' })
  const refreshed = await sealed.ask('POST', '/token?grant_type=refresh_token', {
    body: { refresh_token: signedIn.refresh_token },
  })
  expect(refreshed.status).toBe(200)
})

test('a password that GoTrue put into an envelope signs in, and is hashed anew', async () => {
  const { world, session } = await ann()
  const key = Buffer.alloc(32, 7).toString('base64url')
  const gotrue = {
    databaseEncryption: true,
    databaseKeyId: 'old',
    databaseKey: key,
    databaseKeys: {},
  }
  const { random } = world.ctx
  const resting = encloseFor({ config: { gotrue }, random }, session.user.id, bcrypt(password, 4))
  const set = sql`update auth.users set encrypted_password = ${resting}`
  await set.execute(world.database.db)
  const keys = { GOTRUE_SECURITY_DB_ENCRYPTION_DECRYPTION_KEYS: `old:${key}` }
  expect((await world.under(keys).signIn()).user.id).toBe(session.user.id)
  const { rows } = await sql<{ hash: string }>`
    select encrypted_password as hash from auth.users`.execute(world.database.db)
  expect(rows[0]?.hash).toMatch(/^\$argon2id\$/)
})
