import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { transaction } from '../../src/base/context.ts'
import { endSessionsOf } from '../../src/model/session.ts'
import { deleteUser, updateUser } from '../../src/model/user.ts'
import { type GotrueWorld, gotrueWorld, password, pathOf } from './gotrue-world.ts'
import {
  codeFor,
  gate,
  me,
  person,
  redemption,
  refresh,
  shopBasic,
  tokensFor,
} from './oidc-client.ts'

// Somebody may come no more: every way to a token has to know. And a door that is closed is closed by whatever address.

const email = 'ann@example.com'

/** What an administrator does to somebody. */
const states: Record<string, (world: GotrueWorld, id: string) => Promise<unknown>> = {
  'is banned': (world, id) =>
    world.ask('PUT', `/admin/users/${id}`, {
      bearer: world.adminKey,
      body: { ban_duration: '1h' },
    }),
  'is deleted': (world, id) =>
    world.ask('DELETE', `/admin/users/${id}`, { bearer: world.adminKey }),
  'is deleted softly': (world, id) =>
    world.ask('DELETE', `/admin/users/${id}`, {
      bearer: world.adminKey,
      body: { should_soft_delete: true },
    }),
}

/** Every way of Supabase Auth to a token: what is made while all is well, and what is tried after. */
const ways: Record<
  string,
  (
    world: GotrueWorld,
  ) => Promise<() => Promise<{ status: number; body: unknown; headers: Headers }>>
> = {
  'a password': async (world) => () =>
    world.ask('POST', '/token?grant_type=password', { body: { email, password } }),
  'a refresh token': async (world) => {
    const { refresh_token } = await world.signIn()
    return () => world.ask('POST', '/token?grant_type=refresh_token', { body: { refresh_token } })
  },
  'an access token': async (world) => {
    const { access_token: bearer } = await world.signIn()
    return () => world.ask('GET', '/user', { bearer })
  },
  'a magic link': async (world) => {
    await world.ask('POST', '/magiclink', { body: { email } })
    const { link } = await world.mailTo(email)
    return () => world.ask('GET', pathOf(link))
  },
  'the digits of a magic link': async (world) => {
    await world.ask('POST', '/magiclink', { body: { email } })
    const { code: token } = await world.mailTo(email)
    return () => world.ask('POST', '/verify', { body: { type: 'magiclink', email, token } })
  },
  'a recovery': async (world) => {
    await world.ask('POST', '/recover', { body: { email } })
    const { link } = await world.mailTo(email)
    const token_hash = new URL(link).searchParams.get('token')
    return () => world.ask('POST', '/verify', { body: { type: 'recovery', token_hash } })
  },
  'a code of PKCE': async (world) => {
    const code_verifier = 'v'.repeat(43)
    const body = { email, code_challenge: code_verifier, code_challenge_method: 'plain' }
    await world.ask('POST', '/otp', { body })
    const { link } = await world.mailTo(email)
    const back = await world.ask('GET', pathOf(link))
    const auth_code = new URL(back.headers.get('location') ?? '').searchParams.get('code')
    expect(auth_code).not.toBeNull()
    return () => world.ask('POST', '/token?grant_type=pkce', { body: { auth_code, code_verifier } })
  },
  'a change of address': async (world) => {
    const { access_token: bearer } = await world.signIn()
    await world.ask('PUT', '/user', { bearer, body: { email: 'new@example.com' } })
    const { link } = await world.mailTo('new@example.com')
    return () => world.ask('GET', pathOf(link))
  },
  'a link of an administrator': async (world) => {
    const { body } = await world.ask('POST', '/admin/generate_link', {
      bearer: world.adminKey,
      body: { type: 'magiclink', email },
    })
    return () =>
      world.ask('POST', '/verify', { body: { type: 'magiclink', token_hash: body.hashed_token } })
  },
}

test.each(Object.keys(states))(
  'who %s comes in by none of the ways of Supabase Auth (D10, E17, A13)',
  async (state) => {
    for (const [way, prepare] of Object.entries(ways)) {
      const world = await gotrueWorld({ GOTRUE_MAILER_SECURE_EMAIL_CHANGE_ENABLED: 'false' })
      const { id } = await world.createAccount()
      const attempt = await prepare(world)
      await states[state]?.(world, id)
      const before = await sessions(world)
      const { status, body, headers } = await attempt()
      const place = headers.get('location') ?? ''
      expect([
        way,
        place === '' ? status >= 400 && status < 500 : place.includes('error='),
      ]).toEqual([way, true])
      expect([way, JSON.stringify(body) + place]).toEqual([
        way,
        expect.not.stringContaining('access_token'),
      ])
      expect([way, await sessions(world)]).toEqual([way, before])
    }
  },
  60_000,
)

async function sessions({ ctx }: GotrueWorld): Promise<number> {
  const { rows } = await sql<{ n: number }>`select count(*)::int as n from auth.sessions`.execute(
    ctx.db,
  )
  return rows[0]?.n ?? 0
}

test.each(['is banned', 'is deleted', 'is signed out everywhere'])(
  'who %s comes in by none of the ways of the OpenID Provider (D5, D10, E17)',
  async (state) => {
    const at = await gate()
    const { browser, user } = await person(at)
    const tokens = await tokensFor(at, browser)
    const code = await codeFor(browser)
    expect((await me(at, tokens.access_token)).status).toBe(200)
    await transaction(at.scene.ctx, async (ctx) => {
      if (state === 'is banned')
        await updateUser(ctx, user.id, { bannedUntil: new Date('2100-01-01') })
      if (state === 'is deleted') await deleteUser(ctx, user.id)
      if (state === 'is signed out everywhere') await endSessionsOf(ctx, user.id)
    })
    expect((await me(at, tokens.access_token)).status).toBe(401)
    expect((await refresh(at, tokens.refresh_token)).status).toBe(400)
    expect((await at.post('/oidc/token', redemption(code), shopBasic)).status).toBe(400)
    await expect(codeFor(browser)).rejects.toThrow()
  },
)

test('a node that has just started knows what was spent and what was ended before (D3, D5)', async () => {
  const world = await gotrueWorld()
  await world.createAccount()
  const spent = await world.signIn()
  let newest = spent.refresh_token
  for (let time = 0; time < 3; time += 1) {
    const { body } = await world.ask('POST', '/token?grant_type=refresh_token', {
      body: { refresh_token: newest },
    })
    newest = body.refresh_token
    world.pass(60_000)
  }
  const ended = await world.signIn()
  await world.ask('POST', '/logout?scope=local', { bearer: ended.access_token })
  // Another process on the same database: nothing of the first one's memory is there.
  const fresh = world.under({})
  for (const { refresh_token } of [ended, spent]) {
    const { status } = await fresh.ask('POST', '/token?grant_type=refresh_token', {
      body: { refresh_token },
    })
    expect(status).toBe(400)
  }
  expect((await fresh.ask('GET', '/user', { bearer: ended.access_token })).status).toBe(403)
  const { status } = await fresh.ask('POST', '/token?grant_type=refresh_token', {
    body: { refresh_token: newest },
  })
  // The replay of an older one ended the family, in the database.
  expect(status).toBe(400)
})

test('a global sign-out wins over refreshes that are under way (D17)', async () => {
  const world = await gotrueWorld()
  await world.createAccount()
  for (let round = 0; round < 5; round += 1) {
    const { access_token: bearer, refresh_token } = await world.signIn()
    const asked = Array.from({ length: 10 }, () =>
      world.ask('POST', '/token?grant_type=refresh_token', { body: { refresh_token } }),
    )
    const out = world.ask('POST', '/logout', { bearer })
    expect((await out).status).toBe(204)
    for (const { body } of await Promise.all(asked)) {
      if (body.access_token === undefined) continue
      expect((await world.ask('GET', '/user', { bearer: body.access_token })).status).toBe(403)
      const again = await world.ask('POST', '/token?grant_type=refresh_token', {
        body: { refresh_token: body.refresh_token },
      })
      expect(again.status).toBe(400)
    }
  }
})

test('an address that is written otherwise opens nothing that the plain one does not (I6, I12)', async () => {
  const world = await gotrueWorld()
  const { id } = await world.createAccount()
  const spellings = [
    ...[
      '//admin/users',
      '/./admin/users',
      '/admin//users',
      '/admin/./users',
      '/user/../admin/users',
      '/admin/users/',
      '/ADMIN/users',
    ],
    ...[
      '/admin%2fusers',
      '/%61dmin/users',
      '/admin/users;x',
      '/admin/users%00',
      '/admin/users%20',
      '/admin\\users',
      '/health/../admin/users',
    ],
    ...[
      `/admin/users/..%2f${id}`,
      `/admin/users/%2e%2e/users/${id}`,
      `/admin/users/${id};x`,
      `/admin/users/${id}x`,
    ],
  ]
  const headers = {
    ...{
      'x-original-url': '/auth/v1/health',
      'x-rewrite-url': '/auth/v1/health',
      'x-middleware-subrequest': 'middleware',
    },
    ...{ 'x-forwarded-prefix': '/public', 'x-http-method-override': 'OPTIONS' },
  }
  const { access_token: bearer } = await world.signIn()
  for (const path of spellings) {
    for (const method of ['GET', 'PUT', 'DELETE', 'POST']) {
      for (const token of [null, bearer]) {
        const { status, body } = await world.ask(method, path, { bearer: token, headers })
        expect([path, method, status]).toEqual([
          path,
          method,
          expect.toSatisfy((one) => one >= 400 && one < 500),
        ])
        expect(JSON.stringify(body)).not.toContain(email)
      }
    }
  }
})

test('whoever shows nothing gets in where everybody may, and nowhere else (I4)', async () => {
  const world = await gotrueWorld({ GOTRUE_SECURITY_MANUAL_LINKING_ENABLED: 'true' })
  const { id } = await world.createAccount()
  const closed = [
    ...[
      'GET /user',
      'PUT /user',
      'POST /logout',
      'GET /reauthenticate',
      'POST /factors',
      `POST /factors/${id}/challenge`,
    ],
    ...[
      `POST /factors/${id}/verify`,
      `DELETE /factors/${id}`,
      'GET /user/identities/authorize',
      `DELETE /user/identities/${id}`,
    ],
    ...[
      'GET /admin/users',
      'POST /admin/users',
      `GET /admin/users/${id}`,
      `PUT /admin/users/${id}`,
      `DELETE /admin/users/${id}`,
    ],
    ...[
      `GET /admin/users/${id}/factors`,
      `DELETE /admin/users/${id}/factors/${id}`,
      'POST /admin/generate_link',
      'POST /invite',
    ],
    ...[
      'GET /admin/audit',
      'GET /admin/sso/providers',
      'POST /admin/sso/providers',
      `PUT /admin/sso/providers/${id}`,
    ],
    ...[
      `DELETE /admin/sso/providers/${id}`,
      'GET /admin/oauth/clients',
      'POST /admin/oauth/clients',
      'GET /admin/custom-providers',
    ],
  ]
  for (const route of closed) {
    const [method = '', path = ''] = route.split(' ')
    for (const bearer of [null, '', 'x', 'null', 'undefined']) {
      const { status } = await world.ask(method, path, {
        bearer,
        ...(method === 'GET' ? {} : { body: {} }),
      })
      expect([route, bearer, status]).toEqual([route, bearer, expect.toBeOneOf([401, 403, 404])])
    }
  }
})

test('every answer of Supabase Auth that holds a token, or says who somebody is, is kept by no cache (D15)', async () => {
  const world = await gotrueWorld()
  await world.createAccount()
  const asked = await world.ask('POST', '/token?grant_type=password', { body: { email, password } })
  const { access_token: bearer, refresh_token } = asked.body
  await world.ask('POST', '/magiclink', { body: { email } })
  const { link } = await world.mailTo(email)
  const answers = [
    asked,
    await world.ask('POST', '/token?grant_type=refresh_token', { body: { refresh_token } }),
    await world.ask('GET', '/user', { bearer }),
    await world.ask('GET', pathOf(link)),
    await world.ask('GET', '/admin/users', { bearer: world.adminKey }),
    await world.ask('POST', '/admin/generate_link', {
      bearer: world.adminKey,
      body: { type: 'magiclink', email },
    }),
    await world.ask('POST', '/token?grant_type=password', { body: { email, password: 'wrong' } }),
  ]
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 303, 200, 200, 400])
  for (const { headers } of answers) expect(headers.get('cache-control')).toContain('no-store')
})

test('no origin is let in with cookies, and none is repeated (I16)', async () => {
  const world = await gotrueWorld()
  for (const origin of [
    'https://evil.example',
    'null',
    'http://localhost:3001.evil.example',
    'https://localhost',
  ]) {
    for (const path of ['/user', '/settings', '/token?grant_type=password', '/admin/users']) {
      for (const method of ['OPTIONS', 'GET', 'POST']) {
        const { headers } = await world.ask(method, path, {
          headers: { origin, 'access-control-request-method': 'POST' },
        })
        // GoTrue says that credentials may come, and browsers send none where the origin is a star.
        expect(headers.get('access-control-allow-origin') ?? '*').toBe('*')
      }
    }
  }
})

test('what everybody may read says no more than this (I11)', async () => {
  const world = await gotrueWorld()
  const settings = await world.ask('GET', '/settings')
  expect(Object.keys(settings.body).sort()).toEqual([
    ...[
      'disable_signup',
      'external',
      'mailer_autoconfirm',
      'passkeys_enabled',
      'phone_autoconfirm',
      'saml_enabled',
      'saml_private_key_next_configured',
      'sms_provider',
    ],
  ])
  const health = await world.ask('GET', '/health')
  expect(Object.keys(health.body).sort()).toEqual(['description', 'name', 'version'])
  const { body: keys } = await world.ask('GET', '/.well-known/jwks.json')
  for (const key of keys.keys) {
    expect(
      Object.keys(key).filter((name) =>
        ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k', 'oth'].includes(name),
      ),
    ).toEqual([])
  }
})
