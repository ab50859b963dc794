import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { person } from '../../src/flows/people.ts'
import { createApp } from '../../src/main.ts'
import { ann } from '../servers/provider-dialects.ts'
import { client } from '../servers/providers.ts'
import { externalWorld, settingsOf } from './gotrue-external-world.ts'
import { fragmentOf, gotrueWorld } from './gotrue-world.ts'

// What a provider says that is not to be believed, and what a failing or a listing server may not say.

const google = {
  iss: 'https://accounts.google.com',
  aud: client.id,
  sub: '4711',
  email: 'ann@example.com',
}

test.each(['false', '0', 0, 1, null, [], {}, 'yes', 'TRUE', [true], undefined])(
  'an address that the provider calls verified by %j draws nobody into an account (A8, A10)',
  async (email_verified) => {
    const world = await externalWorld(settingsOf('google'))
    const { id } = await world.createAccount('ann@example.com')
    const id_token = await world.providers.idToken({
      ...google,
      ...(email_verified === undefined ? {} : { email_verified }),
    })
    const { status, body } = await world.ask('POST', '/token?grant_type=id_token', {
      body: { provider: 'google', id_token },
    })
    expect([status, body.access_token]).toEqual([
      expect.toSatisfy((one) => one >= 400 && one < 500),
      undefined,
    ])
    const { rows } = await sql<{ n: number }>`
      select count(*)::int as n from auth.identities where provider = 'google' and user_id = ${id}`.execute(
      world.ctx.db,
    )
    expect(rows).toEqual([{ n: 0 }])
  },
)

test('an address in the form that comes from Apple is nobody’s: the one in the token counts (A9)', async () => {
  const world = await externalWorld(settingsOf('apple'))
  const victim = await world.createAccount('victim@example.com')
  world.providers.person = { ...ann, email: 'eve@example.com' }
  const { form } = world.providers.visit(await world.goTo('apple'))
  const forged = new URLSearchParams(form ?? {})
  forged.set(
    'user',
    JSON.stringify({
      name: { firstName: 'Eve' },
      email: 'victim@example.com',
      email_verified: true,
      sub: '1',
    }),
  )
  const back = await world.ask('POST', '/callback', {
    body: forged.toString(),
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  })
  const { body } = await world.ask('GET', '/user', { bearer: fragmentOf(back).access_token ?? '' })
  expect(body.email).toBe('eve@example.com')
  expect(body.id).not.toBe(victim.id)
})

test.each([undefined, '', null, {}, [], ' \u0000'.trim(), true])(
  'a profile whose subject is %j is nobody (A16)',
  async (id) => {
    const world = await externalWorld(settingsOf('github'))
    for (const email of ['ann@example.com', 'bob@example.com']) {
      world.providers.person = { ...ann, email }
      world.providers.answer('https://api.github.com/user', () => Response.json({ id, login: 'x' }))
      const back = await world.goThrough('github')
      expect(back.headers.get('location')).toContain('error')
    }
    const { rows } = await sql`select id from auth.identities`.execute(world.ctx.db)
    expect(rows).toEqual([])
  },
)

test('the way to link an account is a new one each time, and none that was not begun (A6)', async () => {
  const world = await externalWorld({
    ...settingsOf('github'),
    GOTRUE_SECURITY_MANUAL_LINKING_ENABLED: 'true',
  })
  await world.createAccount('ann@example.com')
  const { access_token: bearer } = await world.signIn('ann@example.com')
  const states = new Set<string>()
  for (let time = 0; time < 20; time += 1) {
    const { body } = await world.ask(
      'GET',
      '/user/identities/authorize?provider=github&skip_http_redirect=true',
      { bearer },
    )
    states.add(new URL(body.url).searchParams.get('state') ?? '')
  }
  expect(states.size).toBe(20)
  for (const state of states) {
    const other = state.slice(0, -1) + (state.endsWith('0') ? '1' : '0')
    if (states.has(other)) continue
    const { headers } = await world.ask(
      'GET',
      `/callback?code=code-1&state=${encodeURIComponent(other)}`,
    )
    expect(headers.get('location') ?? 'error').toContain('error')
  }
  const { body } = await world.ask('GET', '/user', { bearer })
  expect(body.identities).toHaveLength(1)
})

test('a sign-out that the database did not take says so (D13)', async () => {
  const at = await gotrueWorld()
  await at.createAccount()
  const { access_token } = await at.signIn()
  let isDown = true
  const db = at.ctx.db.withPlugin({
    transformQuery({ node }) {
      const text = JSON.stringify(node)
      if (
        isDown &&
        /delete from|update /i.test(text) &&
        /sessions|refresh_tokens|tokens/.test(text)
      ) {
        throw Object.assign(new Error('connection lost to db-1.internal as sekisho_owner'), {
          code: 'ECONNRESET',
        })
      }
      return node
    },
    transformResult: async ({ result }) => result,
  })
  const app = createApp({ ...at.ctx, db })
  const headers = { authorization: `Bearer ${access_token}` }
  const failed = await app.request('/auth/v1/logout', { method: 'POST', headers })
  expect(failed.status).toBeGreaterThanOrEqual(500)
  expect(await failed.text()).not.toMatch(/db-1|sekisho_owner|delete from/)
  expect((await app.request('/auth/v1/user', { headers })).status).toBe(200)
  isDown = false
  expect((await app.request('/auth/v1/logout', { method: 'POST', headers })).status).toBe(204)
  expect((await app.request('/auth/v1/user', { headers })).status).toBe(403)
})

test('a secret is shown when it is made, and by no list after (E18)', async () => {
  const world = await externalWorld({ GOTRUE_OAUTH_SERVER_ENABLED: 'true' })
  const issuer = 'https://id.corp.example'
  world.providers.describe(issuer)
  const admin = (method: string, path: string, body?: unknown) =>
    world.ask(method, path, { bearer: world.adminKey, ...(body === undefined ? {} : { body }) })
  const made = await admin('POST', '/admin/oauth/clients', {
    client_name: 'Shop',
    redirect_uris: ['https://shop.example/cb'],
  })
  const secret = made.body.client_secret
  expect(secret).toMatch(/.{20,}/)
  const provider = await admin('POST', '/admin/custom-providers', {
    ...{
      provider_type: 'oidc',
      identifier: 'custom:corp',
      name: 'Corp',
      client_id: 'x',
      client_secret: 'the secret at corp',
      issuer,
    },
  })
  expect(provider.status).toBeLessThan(300)
  const { body: user } = await admin('POST', '/admin/users', {
    email: 'ann@example.com',
    password: 'correct horse battery',
    email_confirm: true,
  })
  const { rows } = await sql<{ text: string }>`
    select concat_ws(' ', encrypted_password, (select client_secret_hash from auth.oauth_clients limit 1)) as text from auth.users`.execute(
    world.ctx.db,
  )
  const secrets = [secret, 'the secret at corp', ...(rows[0]?.text ?? '').split(' ')]
  expect(secrets).toHaveLength(4)
  for (const path of [
    '/admin/oauth/clients',
    `/admin/oauth/clients/${made.body.client_id}`,
    '/admin/custom-providers',
    '/admin/users',
    `/admin/users/${user.id}`,
    '/settings',
    '/admin/audit',
  ]) {
    const { body, status } = await admin('GET', path)
    expect([path, status]).toEqual([path, 200])
    for (const one of secrets) expect(JSON.stringify(body)).not.toContain(one)
  }
})

test('a username is no address, nor anything that is read as one (I13)', () => {
  for (const username of [
    'ann@example.com',
    '@ann',
    'ann＠example.com',
    '+14155553915',
    '14155553915',
    'ann example',
    '',
  ]) {
    expect([username, person.safeParse({ username }).success]).toEqual([username, false])
  }
  expect(person.safeParse({ username: 'ann' }).success).toBe(true)
})
