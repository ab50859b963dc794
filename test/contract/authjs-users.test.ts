import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { atOnce, authjsWorld, freshEmail, tomorrow } from './authjs-world.ts'

const { adapter, one, rows, events, audit, newUser, newGuest, database } = authjsWorld()

describe('createUser', () => {
  test('a user is what was given, with the id that was given', async () => {
    const id = randomUUID()
    const given = {
      id,
      name: 'Fay',
      email: freshEmail(),
      image: 'https://example.com/fay.png',
      emailVerified: new Date('2026-03-04T05:06:07.089Z'),
    }
    expect(await adapter.createUser(given)).toStrictEqual(given)
    expect(await adapter.getUser(id)).toStrictEqual(given)
  })

  test('an address alone is enough, as WebAuthn gives it, and proves nothing', async () => {
    const email = freshEmail()
    const user = await adapter.createUser({ email })
    expect(user).toStrictEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      email,
      emailVerified: null,
      name: null,
      image: null,
    })
  })

  test('keys that are there and undefined are null', async () => {
    const user = await adapter.createUser({
      id: undefined,
      name: undefined,
      email: undefined,
      image: undefined,
      emailVerified: undefined,
    })
    expect(user).toMatchObject({ name: null, email: null, image: null, emailVerified: null })
  })

  test('an id that is no uuid is replaced by one', async () => {
    const user = await adapter.createUser({ id: '12345', email: freshEmail() })
    expect(user.id).toMatch(/^[0-9a-f-]{36}$/)
    expect(await adapter.getUser(user.id)).toEqual(user)
  })

  test('many users may have no address', async () => {
    const first = await adapter.createUser({ name: 'One', email: '' })
    const second = await adapter.createUser({ name: 'Two' })
    expect(first.id).not.toBe(second.id)
    expect(first.email).toBeNull()
  })

  test('an address is kept in lower case, and is taken in any case', async () => {
    const email = freshEmail()
    const user = await adapter.createUser({ email: email.toUpperCase() })
    expect(user.email).toBe(email)
    await expect(adapter.createUser({ email })).rejects.toMatchObject({ code: 'email_exists' })
    await expect(adapter.createUser({ email: email.toUpperCase() })).rejects.toMatchObject({
      code: 'email_exists',
    })
  })

  test('of twenty first sign-ins at once with one address, one makes the user', async () => {
    const email = freshEmail()
    const { values, errors } = await atOnce(20, () =>
      adapter.createUser({ id: randomUUID(), email, emailVerified: new Date() }),
    )
    expect(values).toHaveLength(1)
    expect(errors.map((error) => error.code)).toEqual(Array(19).fill('email_exists'))
    expect(await rows(sql`select id from auth.users where email = ${email}`)).toHaveLength(1)
    expect(await events(values[0]!.id)).toEqual(['user.signed-up'])
  })

  test('what else a profile holds comes back with the user, and cannot pass for its id', async () => {
    const extra = { role: 'admin', phone: '00000000000', tags: ['a', 'b'], nested: { deep: true } }
    const user = await newGuest({ ...extra, nothing: undefined, gone: null })
    expect(user).toMatchObject({ ...extra, gone: null })
    expect(user).not.toHaveProperty('nothing')
    expect(await adapter.getUserByEmail(user.email)).toStrictEqual(user)
    const row = await one(
      sql<{ custom_data: unknown }>`
        select custom_data from idp.profiles where user_id = ${user.id}`,
    )
    expect(row?.custom_data).toEqual({ authjs: { ...extra, gone: null } })
  })

  test('names and pictures may be longer than 255 characters', async () => {
    const image = `data:image/png;base64,${'A'.repeat(20_000)}`
    expect((await newGuest({ image })).image).toBe(image)
  })

  test('what Postgres cannot keep is refused, and nothing is written', async () => {
    const email = freshEmail()
    for (const more of [{ name: 'a\0b' }, { role: 'a\0b' }, { emailVerified: new Date('never') }]) {
      await expect(adapter.createUser({ email, ...more })).rejects.toMatchObject({
        code: 'input_invalid',
      })
    }
    expect(await adapter.getUserByEmail(email)).toBeNull()
  })

  test('somebody who came by a mail is one of whom GoTrue says that the address is confirmed', async () => {
    const user = await newUser()
    const row = await one(
      sql<Record<string, unknown>>`select * from auth.users where id = ${user.id}`,
    )
    expect(row).toMatchObject({
      instance_id: '00000000-0000-0000-0000-000000000000',
      aud: 'authenticated',
      role: 'authenticated',
      email: user.email,
      email_confirmed_at: user.emailVerified,
      confirmed_at: user.emailVerified,
      encrypted_password: null,
      confirmation_token: '',
      recovery_token: '',
      email_change: '',
      email_change_token_new: '',
      email_change_token_current: '',
      phone: null,
      phone_change: '',
      phone_change_token: '',
      reauthentication_token: '',
      raw_app_meta_data: { provider: 'email', providers: ['email'] },
      is_sso_user: false,
      is_anonymous: false,
      deleted_at: null,
    })
    const data = {
      sub: user.id,
      email: user.email,
      email_verified: true,
      phone_verified: false,
    }
    expect(row?.raw_user_meta_data).toEqual(data)
    expect(await identities(user.id)).toEqual([
      { provider: 'email', provider_id: user.id, identity_data: data },
    ])
    expect(await events(user.id)).toEqual(['user.signed-up'])
    expect(await audit(user.id)).toEqual([
      {
        actor_id: user.id,
        actor_via_sso: false,
        actor_username: user.email,
        action: 'user_signedup',
        log_type: 'team',
        traits: { provider: 'email' },
      },
    ])
  })

  test('somebody who came by a provider has proved no address, and has no email identity', async () => {
    const user = await newGuest()
    expect(user.emailVerified).toBeNull()
    expect(await identities(user.id)).toEqual([])
  })
})

describe('getUser, getUserByEmail', () => {
  test('nobody is null, and so is every id that is none', async () => {
    for (const id of [randomUUID(), 'invalid', '1', '', 'a\0b', `${randomUUID()}x`]) {
      expect(await adapter.getUser(id)).toBeNull()
    }
  })

  test('an address is found in any case', async () => {
    const user = await newGuest()
    expect(await adapter.getUserByEmail(user.email.toUpperCase())).toEqual(user)
  })

  test('an address is no pattern, and nothing is nobody', async () => {
    const user = await newGuest()
    const hostile = [
      '',
      '%',
      '%@example.com',
      user.email.replace('-', '_'),
      'a\0b',
      undefined,
      null,
    ]
    for (const email of hostile) {
      expect(await adapter.getUserByEmail(email as string)).toBeNull()
    }
  })

  test('a user whom GoTrue deleted softly is nobody', async () => {
    const user = await newGuest()
    await rows(sql`update auth.users set deleted_at = now() where id = ${user.id}`)
    expect(await adapter.getUser(user.id)).toBeNull()
    expect(await adapter.getUserByEmail(user.email)).toBeNull()
    await expect(adapter.updateUser({ id: user.id, name: 'Ghost' })).rejects.toMatchObject({
      code: 'user_not_found',
    })
  })
})

describe('updateUser', () => {
  test('absent and undefined keys stay, and the whole user comes back', async () => {
    const user = await newGuest({ role: 'admin', plan: 'free' })
    const after = await adapter.updateUser({ id: user.id, name: 'Bob', email: undefined })
    expect(after).toStrictEqual({ ...user, name: 'Bob' })
    const again = await adapter.updateUser({ id: user.id, plan: 'paid', role: undefined } as never)
    expect(again).toStrictEqual({ ...user, name: 'Bob', plan: 'paid' })
    expect(await events(user.id)).toEqual(['user.signed-up', 'user.updated', 'user.updated'])
  })

  test('null clears', async () => {
    const user = await newUser({ name: 'Ann', image: 'https://example.com/a.png', role: 'admin' })
    const after = await adapter.updateUser({
      id: user.id,
      name: null,
      image: null,
      role: null,
      emailVerified: null,
    } as never)
    expect(after).toStrictEqual({
      id: user.id,
      email: user.email,
      name: null,
      image: null,
      role: null,
      emailVerified: null,
    })
  })

  test('a user without profile, whom GoTrue made, gets one', async () => {
    const user = await newGuest()
    await rows(sql`delete from idp.profiles where user_id = ${user.id}`)
    expect(await adapter.getUser(user.id)).toMatchObject({ name: null, image: null })
    const after = await adapter.updateUser({ id: user.id, name: 'Cy' })
    expect(after).toMatchObject({ name: 'Cy', image: null, email: user.email })
  })

  test('an unknown user is thrown', async () => {
    for (const id of [randomUUID(), 'invalid', '']) {
      await expect(adapter.updateUser({ id, name: 'Nobody' })).rejects.toMatchObject({
        code: 'user_not_found',
      })
    }
  })

  test('an address of somebody else is refused, and nothing changes', async () => {
    const [user, other] = [await newUser(), await newUser()]
    await expect(
      adapter.updateUser({ id: user.id, name: 'New', email: other.email.toUpperCase() }),
    ).rejects.toMatchObject({ code: 'email_exists' })
    expect(await adapter.getUser(user.id)).toEqual(user)
  })

  test('a new address is in the email identity too, and a cleared one is nowhere', async () => {
    const user = await newUser()
    const email = freshEmail()
    await adapter.updateUser({ id: user.id, email: email.toUpperCase() })
    expect(await identities(user.id)).toMatchObject([{ identity_data: { email } }])
    const after = await adapter.updateUser({ id: user.id, email: null })
    expect(after).toMatchObject({ email: null, emailVerified: null })
    expect(await identities(user.id)).toEqual([])
    const row = await one(
      sql<{ raw_app_meta_data: unknown }>`
        select raw_app_meta_data from auth.users where id = ${user.id}`,
    )
    expect(row?.raw_app_meta_data).toEqual({})
  })

  test('a magic link proves the address, to the millisecond, each time anew', async () => {
    const user = await newGuest()
    const first = new Date('2026-01-02T03:04:05.678Z')
    const after = await adapter.updateUser({ id: user.id, emailVerified: first })
    expect(after).toStrictEqual({ ...user, emailVerified: first })
    expect(await identities(user.id)).toEqual([
      {
        provider: 'email',
        provider_id: user.id,
        identity_data: {
          sub: user.id,
          email: user.email,
          email_verified: true,
          phone_verified: false,
        },
      },
    ])
    const second = new Date('2026-01-03T03:04:05.999Z')
    await adapter.updateUser({ id: user.id, emailVerified: second })
    expect((await adapter.getUser(user.id))?.emailVerified).toEqual(second)
    expect(await identities(user.id)).toHaveLength(1)
  })

  test('who proves an address gets the account without what a stranger left in it (A3)', async () => {
    const user = await newGuest()
    await adapter.linkAccount({
      userId: user.id,
      provider: 'github',
      providerAccountId: randomUUID(),
      type: 'oauth',
    })
    const sessionToken = randomUUID()
    await adapter.createSession({ sessionToken, userId: user.id, expires: tomorrow() })
    // A stranger signed up with this address at another door, and waits.
    await rows(sql`
      update auth.users set encrypted_password = 'x', recovery_token = ${randomUUID()}, email_change = 'evil@example.com',
        email_change_token_new = ${randomUUID()}, phone = ${String(Date.now())} where id = ${user.id}`)
    await rows(sql`
      insert into auth.identities (user_id, provider, provider_id, identity_data)
      values (${user.id}, 'evil', ${randomUUID()}, '{}')`)
    await rows(sql`
      insert into auth.sessions (id, user_id, aal) values (${randomUUID()}, ${user.id}, 'aal1')`)
    await rows(sql`
      insert into auth.one_time_tokens (id, user_id, token_type, token_hash, relates_to)
      values (${randomUUID()}, ${user.id}, 'recovery_token', 'x', 'x')`)

    await adapter.updateUser({ id: user.id, emailVerified: new Date() })

    expect(
      await one(sql`
        select encrypted_password, recovery_token, email_change, email_change_token_new, phone,
          (select count(*)::int from auth.one_time_tokens t where t.user_id = u.id) as links,
          (select count(*)::int from auth.sessions s where s.user_id = u.id) as sessions
        from auth.users u where id = ${user.id}`),
    ).toEqual({
      encrypted_password: null,
      recovery_token: '',
      email_change: '',
      email_change_token_new: '',
      phone: null,
      links: 0,
      sessions: 1,
    })
    // What came through Auth.js itself stays, by the app's own rules.
    expect((await identities(user.id)).map(({ provider }) => provider)).toEqual(['github', 'email'])
    expect(await adapter.getSessionAndUser(sessionToken)).not.toBeNull()
  })

  test('who has proved the address before keeps a password', async () => {
    const user = await newUser()
    await rows(sql`update auth.users set encrypted_password = 'x' where id = ${user.id}`)
    await adapter.updateUser({ id: user.id, emailVerified: new Date() })
    const row = await one(
      sql<{ encrypted_password: string }>`
        select encrypted_password from auth.users where id = ${user.id}`,
    )
    expect(row?.encrypted_password).toBe('x')
  })

  test('an address that the owner of a phone never proved does not open the account (A2)', async () => {
    const user = await newGuest()
    await rows(sql`
      update auth.users set phone = ${String(Date.now())}, phone_confirmed_at = now() where id = ${user.id}`)
    await expect(
      adapter.updateUser({ id: user.id, emailVerified: new Date() }),
    ).rejects.toMatchObject({ code: 'email_not_confirmed' })
    expect((await adapter.getUser(user.id))?.emailVerified).toBeNull()
  })
})

test('who acts is written with every event', async () => {
  const user = await newUser()
  await adapter.updateUser({ id: user.id, name: 'Dee' })
  const actors = await rows(
    sql<{ actor: string }>`select distinct actor from idp.events where user_id = ${user.id}`,
  )
  expect(actors).toEqual([{ actor: 'system:authjs' }])
})

test('reading a user is one query', async () => {
  const user = await newGuest()
  database.queries()
  await adapter.getUser(user.id)
  await adapter.getUserByEmail(user.email)
  expect(database.queries()).toHaveLength(2)
})

function identities(userId: string) {
  return rows(
    sql<{ provider: string; provider_id: string; identity_data: unknown }>`
      select provider, provider_id, identity_data from auth.identities where user_id = ${userId} order by created_at`,
  )
}
