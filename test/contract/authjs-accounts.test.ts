import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { sekishoAdapter } from '../../authjs/index.ts'
import { atOnce, authjsWorld, secret } from './authjs-world.ts'

const { adapter, database, one, rows, events, audit, newUser, newGuest } = authjsWorld()

const idToken = (claims: object) =>
  ['{}', JSON.stringify(claims), 'x']
    .map((part) => Buffer.from(part).toString('base64url'))
    .join('.')

function oidcAccount(userId: string) {
  return {
    userId,
    type: 'oidc' as const,
    provider: 'google',
    providerAccountId: randomUUID(),
    access_token: `access-${'a'.repeat(4000)}`,
    refresh_token: 'refresh',
    id_token: idToken({ iss: 'https://accounts.google.com', sub: '1' }),
    token_type: 'bearer' as const,
    scope: 'openid email',
    expires_at: 4_102_444_800,
    session_state: 'state',
    'not-before-policy': 0,
    ext_expires_in: 3599,
  }
}

test('an account comes back as it was given, whatever the provider answered', async () => {
  const user = await newGuest()
  const account = oidcAccount(user.id)
  await adapter.linkAccount(account)
  expect(await adapter.getAccount(account.providerAccountId, 'google')).toStrictEqual(account)
  expect(await events(user.id)).toEqual(['user.signed-up', 'identity.linked'])
})

test('the tokens rest encrypted, and open at their own row only (N2)', async () => {
  const user = await newGuest()
  const [first, second] = [oidcAccount(user.id), oidcAccount(user.id)]
  await adapter.linkAccount(first)
  await adapter.linkAccount(second)
  const stored = await rows(
    sql<{ text: string; issuer: string; type: string; scope: string }>`
      select t::text as text, issuer, type, scope from idp.identity_tokens t join auth.identities i on i.id = t.identity_id
      where i.user_id = ${user.id}`,
  )
  expect(stored).toHaveLength(2)
  for (const row of stored) {
    expect(row).toMatchObject({
      issuer: 'https://accounts.google.com',
      type: 'oidc',
      scope: 'openid email',
    })
    expect(row.text).not.toContain('refresh')
    expect(row.text).not.toContain('access-')
  }
  const whole = await rows(
    sql<{ text: string }>`select i::text as text from auth.identities i where user_id = ${user.id}`,
  )
  for (const { text } of whole) expect(text).not.toContain('access-')

  await rows(sql`
    update idp.identity_tokens t set sealed = (
      select o.sealed from idp.identity_tokens o join auth.identities i on i.id = o.identity_id
      where i.provider_id = ${first.providerAccountId})
    from auth.identities i where i.id = t.identity_id and i.provider_id = ${second.providerAccountId}`)
  await expect(adapter.getAccount(second.providerAccountId, 'google')).rejects.toThrow(/not open/)
})

test('without a secret an account is linked, and its tokens are not kept', async () => {
  const user = await newGuest()
  const account = oidcAccount(user.id)
  const bare = sekishoAdapter({ database })
  const { userId, type, provider, providerAccountId, scope } = account
  const kept = { userId, type, provider, providerAccountId, scope }
  expect(await bare.linkAccount(account)).toStrictEqual(kept)
  expect(await adapter.getAccount(account.providerAccountId, 'google')).toStrictEqual(kept)
  const sealed = oidcAccount(user.id)
  await adapter.linkAccount(sealed)
  expect(await bare.getAccount(sealed.providerAccountId, 'google')).toMatchObject({ userId, scope })
})

test('another secret does not open the tokens, and says why', async () => {
  const user = await newGuest()
  const account = oidcAccount(user.id)
  await adapter.linkAccount(account)
  const other = sekishoAdapter({ database, secret: `${secret} of another world` })
  await expect(other.getAccount(account.providerAccountId, 'google')).rejects.toThrow(
    /SEKISHO_SECRET/,
  )
})

test('an account without tokens has its four keys, and undefined ones are none', async () => {
  const user = await newGuest()
  const account = {
    userId: user.id,
    type: 'webauthn' as const,
    provider: 'passkey',
    providerAccountId: randomUUID(),
  }
  await adapter.linkAccount({ ...account, access_token: undefined, scope: undefined } as never)
  expect(await adapter.getAccount(account.providerAccountId, 'passkey')).toStrictEqual(account)
})

test('a user is found by both keys of an account, in the case they have', async () => {
  const [ann, bob] = [await newGuest(), await newGuest()]
  const providerAccountId = `Ab-${randomUUID()}`
  const key = { providerAccountId, type: 'oauth' as const }
  await adapter.linkAccount({ ...key, userId: ann.id, provider: 'github' })
  await adapter.linkAccount({ ...key, userId: bob.id, provider: 'gitlab' })
  expect(await adapter.getUserByAccount({ provider: 'github', providerAccountId })).toEqual(ann)
  expect(await adapter.getUserByAccount({ provider: 'gitlab', providerAccountId })).toEqual(bob)
  const strangers = [
    { provider: 'google', providerAccountId },
    { provider: 'GitHub', providerAccountId },
    { provider: 'github', providerAccountId: providerAccountId.toLowerCase() },
    { provider: 'github', providerAccountId: '' },
    { provider: 'github', providerAccountId: 'a\0b' },
    { provider: 'github', providerAccountId: undefined as never },
  ]
  for (const stranger of strangers) {
    expect(await adapter.getUserByAccount(stranger)).toBeNull()
    expect(await adapter.getAccount(stranger.providerAccountId, stranger.provider)).toBeNull()
  }
})

test('an account that somebody has is never taken over (A12)', async () => {
  const [ann, bob] = [await newGuest(), await newGuest()]
  const account = oidcAccount(ann.id)
  await adapter.linkAccount(account)
  for (const userId of [bob.id, ann.id]) {
    await expect(
      adapter.linkAccount({ ...account, userId, refresh_token: 'evil' } as never),
    ).rejects.toMatchObject({ code: 'identity_exists' })
  }
  expect(await adapter.getUserByAccount(account)).toEqual(ann)
  expect(await adapter.getAccount(account.providerAccountId, 'google')).toStrictEqual(account)
  expect(await events(bob.id)).toEqual(['user.signed-up'])
})

test('of twenty who link one account at once, one has it', async () => {
  const users = await Promise.all(Array.from({ length: 20 }, () => newGuest()))
  const providerAccountId = randomUUID()
  const { values, errors } = await atOnce(20, (index) =>
    adapter.linkAccount({ ...oidcAccount(users[index]!.id), providerAccountId }),
  )
  expect(values).toHaveLength(1)
  expect(errors.map((error) => error.code)).toEqual(Array(19).fill('identity_exists'))
  const owner = await adapter.getUserByAccount({ provider: 'google', providerAccountId })
  expect(owner?.id).toBe(values[0]!.userId)
})

test('an account needs a user', async () => {
  for (const userId of [randomUUID(), 'invalid']) {
    await expect(adapter.linkAccount(oidcAccount(userId))).rejects.toMatchObject({
      code: 'user_not_found',
    })
  }
})

test('an unlinked account is gone, and its tokens with it', async () => {
  const user = await newUser()
  const account = oidcAccount(user.id)
  await adapter.linkAccount(account)
  expect(await adapter.unlinkAccount(account)).toStrictEqual(account)
  expect(await adapter.getAccount(account.providerAccountId, 'google')).toBeNull()
  expect(await adapter.getUserByAccount(account)).toBeNull()
  expect(await adapter.getUser(user.id)).toEqual(user)
  expect(
    await one(sql`
      select count(*)::int as count from idp.identity_tokens t join auth.identities i on i.id = t.identity_id
      where i.user_id = ${user.id}`),
  ).toEqual({ count: 0 })
  expect(await events(user.id)).toEqual(['user.signed-up', 'identity.linked', 'identity.unlinked'])
})

test('what is not linked is unlinked quietly, and tells nothing', async () => {
  const { values, errors } = await atOnce(3, (index) =>
    adapter.unlinkAccount({
      provider: 'google',
      providerAccountId: [randomUUID(), '', 'a\0b'][index]!,
    }),
  )
  expect(errors).toEqual([])
  expect(values).toEqual([undefined, undefined, undefined])
})

test('GoTrue sees an account as an identity, and its providers in the app metadata', async () => {
  const user = await newUser()
  const account = oidcAccount(user.id)
  await adapter.linkAccount(account)
  expect(
    await one(sql`
      select i.identity_data, i.email, u.raw_app_meta_data from auth.identities i join auth.users u on u.id = i.user_id
      where i.provider_id = ${account.providerAccountId}`),
  ).toEqual({
    identity_data: { sub: account.providerAccountId, iss: 'https://accounts.google.com' },
    email: null,
    raw_app_meta_data: { provider: 'email', providers: ['email', 'google'] },
  })
  const linked = (await audit(user.id)).find(({ action }) => action === 'identity_linked')
  expect(linked).toMatchObject({
    log_type: 'user',
    actor_username: user.email,
    traits: {
      identity_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      provider: 'google',
      provider_id: account.providerAccountId,
    },
  })
  await adapter.unlinkAccount(account)
  expect(await one(sql`select raw_app_meta_data from auth.users where id = ${user.id}`)).toEqual({
    raw_app_meta_data: { provider: 'email', providers: ['email'] },
  })
})

test('who came by a provider first has that provider', async () => {
  const user = await newGuest()
  await adapter.linkAccount(oidcAccount(user.id))
  await adapter.linkAccount({ ...oidcAccount(user.id), provider: 'github' })
  expect(await one(sql`select raw_app_meta_data from auth.users where id = ${user.id}`)).toEqual({
    raw_app_meta_data: { provider: 'google', providers: ['google', 'github'] },
  })
})

test('an identity that GoTrue linked is an account too', async () => {
  const user = await newUser()
  const providerAccountId = randomUUID()
  await rows(sql`
    insert into auth.identities (user_id, provider, provider_id, identity_data)
    values (${user.id}, 'github', ${providerAccountId}, ${JSON.stringify({ sub: providerAccountId })}::jsonb)`)
  expect(await adapter.getUserByAccount({ provider: 'github', providerAccountId })).toEqual(user)
  expect(await adapter.getAccount(providerAccountId, 'github')).toStrictEqual({
    userId: user.id,
    type: 'oauth',
    provider: 'github',
    providerAccountId,
  })
})

test("the house's own identities are no accounts: a provider by that name could name any user (A11)", async () => {
  const user = await newUser()
  const key = { provider: 'email', providerAccountId: user.id }
  expect(await adapter.getUserByAccount(key)).toBeNull()
  expect(await adapter.getAccount(user.id, 'email')).toBeNull()
  expect(await adapter.unlinkAccount(key)).toBeUndefined()
  for (const provider of ['email', 'phone', '']) {
    await expect(
      adapter.linkAccount({
        provider,
        providerAccountId: randomUUID(),
        type: 'oauth',
        userId: user.id,
      }),
    ).rejects.toMatchObject({ code: 'input_invalid' })
  }
  expect(await rows(sql`select provider from auth.identities where user_id = ${user.id}`)).toEqual([
    { provider: 'email' },
  ])
})
