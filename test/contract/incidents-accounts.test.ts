import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { minute } from '../../src/base/time.ts'
import { ann } from '../servers/provider-dialects.ts'
import { type ExternalWorld, externalWorld, settingsOf } from './gotrue-external-world.ts'
import { fragmentOf, type GotrueWorld, gotrueWorld, password, pathOf } from './gotrue-world.ts'

// Accounts that somebody prepared for their owner to come to, and what a user may not say of themselves.

const email = 'ann@example.com'
const verifier = 'v'.repeat(43)
const code_challenge = createHash('sha256').update(verifier).digest('base64url')

/** Somebody signs up with an address that is not theirs, and never proves it. */
async function prepared(): Promise<ExternalWorld> {
  const world = await externalWorld(settingsOf('github', 'gitlab'))
  const taken = await world.ask('POST', '/signup', {
    body: { email, password: 'the attacker’s own', data: { seed: 1 } },
  })
  expect(taken.status).toBe(200)
  world.pass(2 * minute)
  return world
}

async function follow(world: GotrueWorld): Promise<string> {
  const { link } = await world.mailTo(email)
  const answer = await world.ask('GET', pathOf(link))
  return fragmentOf(answer).access_token ?? ''
}

/** The ways in which the owner of an address proves it; each ends with a session of theirs. */
const proofs: Record<string, (world: ExternalWorld) => Promise<string>> = {
  async 'a magic link'(world) {
    expect((await world.ask('POST', '/magiclink', { body: { email } })).status).toBe(200)
    return follow(world)
  },
  async 'the digits of a magic link'(world) {
    await world.ask('POST', '/otp', { body: { email, create_user: true } })
    const { code: token } = await world.mailTo(email)
    const { body } = await world.ask('POST', '/verify', { body: { type: 'email', email, token } })
    return body.access_token
  },
  async 'a magic link with PKCE'(world) {
    const body = { email, code_challenge, code_challenge_method: 's256' }
    await world.ask('POST', '/otp', { body })
    const { link } = await world.mailTo(email)
    const back = await world.ask('GET', pathOf(link))
    const auth_code = new URL(back.headers.get('location') ?? '').searchParams.get('code')
    const got = await world.ask('POST', '/token?grant_type=pkce', {
      body: { auth_code, code_verifier: verifier },
    })
    return got.body.access_token
  },
  async 'a recovery'(world) {
    expect((await world.ask('POST', '/recover', { body: { email } })).status).toBe(200)
    return follow(world)
  },
  async 'an invitation'(world) {
    const invited = await world.ask('POST', '/invite', { bearer: world.adminKey, body: { email } })
    expect(invited.status).toBe(200)
    return follow(world)
  },
  async 'a link that an administrator hands on'(world) {
    const { body } = await world.ask('POST', '/admin/generate_link', {
      bearer: world.adminKey,
      body: { type: 'recovery', email },
    })
    return fragmentOf(await world.ask('GET', pathOf(body.action_link))).access_token ?? ''
  },
  async 'a provider'(world) {
    world.providers.person = { ...ann, email }
    return fragmentOf(await world.goThrough('github')).access_token ?? ''
  },
}

describe('an account that a stranger made and never proved', () => {
  test.each(Object.keys(proofs))('is its owner’s alone after %s (A1, A2, A3)', async (way) => {
    const world = await prepared()
    const bearer = await proofs[way]?.(world)
    const { body } = await world.ask('GET', '/user', { bearer: bearer ?? '' })
    expect(body).toMatchObject({ email, email_confirmed_at: expect.any(String) })
    const attacker = await world.ask('POST', '/token?grant_type=password', {
      body: { email, password: 'the attacker’s own' },
    })
    expect([attacker.status, attacker.body.error_code]).toEqual([400, 'invalid_credentials'])
    // The owner chooses a password of their own, which is theirs.
    const chosen = await world.ask('PUT', '/user', { bearer: bearer ?? '', body: { password } })
    expect(chosen.status).toBe(200)
    expect((await world.signIn(email)).user.id).toBe(body.id)
  })

  test.each(['a magic link', 'a recovery', 'an invitation'])(
    'loses the identity that was left in it, after %s (A1, A2, A3)',
    async (way) => {
      const world = await externalWorld({
        ...settingsOf('github', 'gitlab'),
        GOTRUE_MAILER_ALLOW_UNVERIFIED_EMAIL_SIGN_INS: 'true',
      })
      world.providers.person = { ...ann, email, isVerified: false, id: '66' }
      const { access_token: eve = '', refresh_token = '' } = fragmentOf(
        await world.goThrough('gitlab'),
      )
      const { body: shell } = await world.ask('GET', '/user', { bearer: eve })
      expect(shell.identities).toHaveLength(1)
      world.pass(2 * minute)
      const bearer = await proofs[way]?.(world)
      const { body } = await world.ask('GET', '/user', { bearer: bearer ?? '' })
      expect(body.id).toBe(shell.id)
      expect(body.identities.map(({ provider }: { provider: string }) => provider)).not.toContain(
        'gitlab',
      )
      expect((await world.ask('GET', '/user', { bearer: eve })).status).toBe(403)
      const refreshed = await world.ask('POST', '/token?grant_type=refresh_token', {
        body: { refresh_token },
      })
      expect(refreshed.status).toBe(400)
      // The stranger who comes again is somebody else, or nobody.
      const { access_token: again } = fragmentOf(await world.goThrough('gitlab'))
      if (again !== undefined) {
        expect((await world.ask('GET', '/user', { bearer: again })).body.id).not.toBe(shell.id)
      }
    },
  )

  test('keeps what its owner put into it: the confirmation that they asked for changes nothing', async () => {
    const world = await gotrueWorld()
    await world.ask('POST', '/signup', { body: { email, password, data: { seed: 1 } } })
    await follow(world)
    expect((await world.signIn(email)).user.user_metadata).toMatchObject({ seed: 1 })
  })
})

test('a change of address that waits dies when somebody else proves the address (A2)', async () => {
  const world = await gotrueWorld({ GOTRUE_MAILER_SECURE_EMAIL_CHANGE_ENABLED: 'false' })
  await world.createAccount('eve@example.com')
  const { access_token: bearer } = await world.signIn('eve@example.com')
  await world.ask('PUT', '/user', { bearer, body: { email } })
  const { link } = await world.mailTo(email)
  const { id } = await world.createAccount(email)
  const late = await world.ask('GET', pathOf(link))
  expect(late.headers.get('location')).toContain('error')
  expect((await world.signIn(email)).user.id).toBe(id)
  expect((await world.signIn('eve@example.com')).user.email).toBe('eve@example.com')
})

test('of two changes of address at once, each mail confirms its own address or none (B12)', async () => {
  const world = await gotrueWorld({
    GOTRUE_MAILER_SECURE_EMAIL_CHANGE_ENABLED: 'false',
    GOTRUE_SMTP_MAX_FREQUENCY: '0s',
  })
  await world.createAccount('eve@example.com')
  const { access_token: bearer } = await world.signIn('eve@example.com')
  const wanted = Array.from({ length: 10 }, (_, at) =>
    at % 2 ? 'eve2@example.com' : 'victim@example.com',
  )
  await Promise.all(wanted.map((email) => world.ask('PUT', '/user', { bearer, body: { email } })))
  const mails = (await world.mails()).filter(({ to }) => to === 'eve2@example.com')
  for (const { link, code } of mails) {
    await world.ask('GET', pathOf(link ?? ''))
    for (const claimed of ['eve2@example.com', 'victim@example.com']) {
      await world.ask('POST', '/verify', {
        body: { type: 'email_change', email: claimed, token: code },
      })
    }
  }
  const { rows } = await sql<{ email: string }>`select email from auth.users`.execute(world.ctx.db)
  expect(['eve@example.com', 'eve2@example.com']).toContain(rows[0]?.email)
  expect(mails.length).toBeGreaterThan(0)
})

const forged = {
  ...{
    email_confirmed_at: '2020-01-01T00:00:00Z',
    confirmed_at: '2020-01-01T00:00:00Z',
    email_verified: true,
  },
  ...{
    phone_confirmed_at: '2020-01-01T00:00:00Z',
    phone_verified: true,
    role: 'service_role',
    aud: 'service_role',
  },
  ...{
    app_metadata: { role: 'admin' },
    raw_app_meta_data: { role: 'admin' },
    is_super_admin: true,
    is_sso_user: true,
  },
  ...{
    banned_until: null,
    ban_duration: 'none',
    id: '00000000-0000-4000-8000-000000000000',
    instance_id: 'x',
  },
  ...{
    encrypted_password: 'x',
    password_hash: 'x',
    is_anonymous: true,
    created_at: '2000-01-01T00:00:00Z',
    deleted_at: null,
  },
  ...{
    confirmation_token: 'x',
    recovery_token: 'x',
    user_id: '00000000-0000-4000-8000-000000000000',
    sub: 'x',
  },
  ...{
    email_confirm: true,
    phone_confirm: true,
    user_metadata: { own: 1 },
    raw_user_meta_data: { own: 1 },
  },
}

/** All of a user's row that no user may write. */
async function guarded(world: GotrueWorld, address: string): Promise<unknown> {
  const { rows } = await sql<
    Record<string, unknown>
  >`select * from auth.users where email = ${address}`.execute(world.ctx.db)
  const { updated_at: _, raw_user_meta_data: __, last_sign_in_at: ___, ...rest } = rows[0] ?? {}
  return rest
}

test('a user verifies, promotes and renames nobody by what they send beside (A14, I5)', async () => {
  const world = await gotrueWorld()
  await world.createAccount(email)
  const { access_token: bearer } = await world.signIn(email)
  const before = await guarded(world, email)
  const changed = await world.ask('PUT', '/user', {
    bearer,
    body: { ...forged, app_metadata: undefined, data: forged },
  })
  expect(changed.status).toBe(200)
  // GoTrue says aloud that this one is not theirs.
  expect((await world.ask('PUT', '/user', { bearer, body: forged })).status).toBe(403)
  expect(await guarded(world, email)).toEqual(before)
  const { access_token } = await world.signIn(email)
  const claims = JSON.parse(Buffer.from(access_token.split('.')[1], 'base64url').toString())
  expect(claims).toMatchObject({
    role: 'authenticated',
    aud: 'authenticated',
    email,
    is_anonymous: false,
  })
  expect(claims.app_metadata).toEqual({ provider: 'email', providers: ['email'] })
})

test('who signs up has what everybody has, whatever they send beside (A14, I5)', async () => {
  const world = await gotrueWorld()
  await world.ask('POST', '/signup', { body: { email: 'plain@example.com', password } })
  await world.ask('POST', '/signup', { body: { ...forged, email, password, data: forged } })
  const own = ['id', 'email', 'encrypted_password', 'confirmation_token', 'created_at']
  const without = (row: unknown) =>
    Object.entries(row as object).filter(([name]) => !own.includes(name))
  expect(without(await guarded(world, email))).toEqual(
    without(await guarded(world, 'plain@example.com')),
  )
  const { rows } = await sql<{ n: number }>`
    select count(*)::int as n from auth.users where id = ${forged.id}::uuid`.execute(world.ctx.db)
  expect(rows).toEqual([{ n: 0 }])
})

test('without a session nobody is whom a body, a query or a header names (I2)', async () => {
  const world = await gotrueWorld()
  const { id } = await world.createAccount(email)
  const named = { user_id: id, userId: id, id, sub: id, email, user: { id } }
  const headers = {
    'x-user-id': id,
    'x-supabase-user': id,
    'x-forwarded-user': email,
    cookie: `user_id=${id}`,
  }
  const routes = [
    ...[
      'GET /user',
      'PUT /user',
      'POST /logout',
      'GET /reauthenticate',
      'POST /factors',
      'GET /user/identities/authorize',
    ],
    ...[
      `DELETE /user/identities/${id}`,
      `DELETE /factors/${id}`,
      'GET /user/oauth/grants',
      'GET /passkeys',
      'POST /passkeys/registration/options',
    ],
    ...[
      'GET /admin/users',
      `GET /admin/users/${id}`,
      `PUT /admin/users/${id}`,
      `DELETE /admin/users/${id}`,
      'POST /invite',
    ],
  ]
  for (const route of routes) {
    const [method = '', path = ''] = route.split(' ')
    const { status } = await world.ask(
      method,
      `${path}?${new URLSearchParams({ user_id: id, sub: id })}`,
      {
        headers,
        ...(method === 'GET' ? {} : { body: named }),
      },
    )
    expect([route, status]).toEqual([route, expect.toBeOneOf([401, 403, 404])])
  }
  expect((await world.signIn(email)).user.id).toBe(id)
})

test('whoever takes an address that somebody had is somebody new: nothing of the old account comes to them (A15)', async () => {
  const world = await gotrueWorld()
  const first = await world.createAccount(email)
  const old = await world.signIn(email)
  await world.ask('POST', '/recover', { body: { email } })
  const { link } = await world.mailTo(email)
  await world.ask('DELETE', `/admin/users/${first.id}`, { bearer: world.adminKey })
  const second = await world.createAccount(email)
  expect(second.id).not.toBe(first.id)
  expect((await world.ask('GET', '/user', { bearer: old.access_token })).status).toBe(403)
  const refreshed = await world.ask('POST', '/token?grant_type=refresh_token', {
    body: { refresh_token: old.refresh_token },
  })
  expect(refreshed.status).toBe(400)
  expect((await world.ask('GET', pathOf(link))).headers.get('location')).toContain('error')
  const { rows } = await sql<{ n: number }>`select count(*)::int as n from auth.sessions`.execute(
    world.ctx.db,
  )
  expect(rows).toEqual([{ n: 0 }])
})
