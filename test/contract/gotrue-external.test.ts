import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { minute } from '../../src/base/time.ts'
import { ann } from '../servers/provider-dialects.ts'
import { type ExternalWorld, externalWorld, settingsOf } from './gotrue-external-world.ts'
import { fragmentOf, queryOf } from './gotrue-world.ts'

// `/authorize` and `/callback`: both flows, and what goes wrong on the way.

const verifier = 'v'.repeat(43)
const pkce = {
  code_challenge: createHash('sha256').update(verifier).digest('base64url'),
  code_challenge_method: 's256',
}
const github = settingsOf('github')

function redeem(world: ExternalWorld, code: string) {
  return world.ask('POST', '/token?grant_type=pkce', {
    body: { auth_code: code, code_verifier: verifier },
  })
}

test('with PKCE the app gets a code, and for it a session with the provider’s tokens', async () => {
  const world = await externalWorld({
    ...github,
    GOTRUE_URI_ALLOW_LIST: 'https://app.example.com/**',
  })
  const back = await world.goThrough('github', {
    ...pkce,
    redirect_to: 'https://app.example.com/here?a=1',
  })
  expect(back.headers.get('location')).toMatch(
    /^https:\/\/app\.example\.com\/here\?a=1&code=[0-9a-f-]{36}$/,
  )
  const { rows } = await sql<Record<string, string>>`
    select provider_type, provider_access_token, authentication_method, referrer from auth.flow_state`.execute(
    world.ctx.db,
  )
  expect(rows).toEqual([
    {
      provider_type: 'github',
      provider_access_token: expect.stringMatching(/^v1\./),
      authentication_method: 'oauth',
      referrer: 'https://app.example.com/here?a=1',
    },
  ])
  const { code = '' } = queryOf(back)
  const wrong = await world.ask('POST', '/token?grant_type=pkce', {
    body: { auth_code: code, code_verifier: 'w'.repeat(43) },
  })
  expect([wrong.status, wrong.body.error_code]).toEqual([400, 'bad_code_verifier'])
  const { status, body } = await redeem(world, code)
  expect([status, body.provider_token, body.provider_refresh_token]).toEqual([
    200,
    expect.stringMatching(/^access-/),
    expect.stringMatching(/^refresh-/),
  ])
  expect((await redeem(world, code)).body.error_code).toBe('flow_state_not_found')
  expect(await world.audited()).toEqual(['user_signedup', 'login'])
})

test('GoTrue’s own codes, whose tokens rest in clear, are redeemed too', async () => {
  const world = await externalWorld(github)
  const { code = '' } = queryOf(await world.goThrough('github', pkce))
  await sql`update auth.flow_state set provider_access_token = 'clear', provider_refresh_token = null`.execute(
    world.ctx.db,
  )
  const { body } = await redeem(world, code)
  expect([body.provider_token, body.provider_refresh_token]).toEqual(['clear', undefined])
})

test('who comes again finds the same account, with what the provider says by now', async () => {
  const world = await externalWorld(github)
  await world.goThrough('github')
  world.providers.person = { ...ann, given: 'Anna', email: 'new@example.com' }
  const { access_token: bearer = '' } = fragmentOf(await world.goThrough('github'))
  const { body } = await world.ask('GET', '/user', { bearer })
  expect(body).toMatchObject({ email: 'ann@example.com', user_metadata: { name: 'Anna Archer' } })
  expect(body.identities).toHaveLength(1)
  expect(body.identities[0]).toMatchObject({ email: 'new@example.com' })
  expect(await world.audited()).toEqual(['user_signedup', 'login'])
})

test('of fifty who come back with one state, one asks the provider, and one comes in (C9, E15)', async () => {
  for (const query of [{}, pkce]) {
    const world = await externalWorld(github)
    const { url } = world.providers.visit(await world.goTo('github', query))
    const path = url.pathname.replace('/auth/v1', '') + url.search
    const answers = await Promise.all(Array.from({ length: 50 }, () => world.ask('GET', path)))
    const good = answers.filter(({ headers }) => !/error/.test(headers.get('location') ?? ''))
    expect(good).toHaveLength(1)
    const asked = world.providers.asked.filter(({ method }) => method === 'POST')
    expect(asked).toHaveLength(1)
    const codes = new Set(answers.map((answer) => queryOf(answer).error_code))
    expect([...codes].filter((code) => code !== undefined)).toEqual(
      query === pkce ? ['flow_state_already_used'] : ['bad_oauth_state'],
    )
    const texts = new Set(answers.map((answer) => queryOf(answer).error_description))
    expect([...texts].filter((text) => text !== undefined)).toEqual([
      query === pkce ? 'State has already been used' : 'OAuth state not found or expired',
    ])
    const { rows } = await sql`select id from auth.users`.execute(world.ctx.db)
    expect(rows).toHaveLength(1)
  }
})

test('of ten browsers with one new person each gets in, to one account', async () => {
  const world = await externalWorld(github)
  const ways = await Promise.all(Array.from({ length: 10 }, () => world.goTo('github')))
  const answers = await Promise.all(ways.map((way) => world.comeBack(way)))
  expect(answers.map((answer) => Boolean(fragmentOf(answer).access_token))).not.toContain(false)
  const { rows } = await sql`select id from auth.users`.execute(world.ctx.db)
  expect(rows).toHaveLength(1)
})

test('the way there takes one question to the database', async () => {
  const world = await externalWorld(github)
  await world.goTo('github')
  world.queries()
  await world.goTo('github', pkce)
  expect(world.queries()).toHaveLength(1)
})

test('a state is good for five minutes', async () => {
  const world = await externalWorld(github)
  const way = await world.goTo('github')
  world.pass(5 * minute)
  expect(queryOf(await world.comeBack(way))).toEqual({
    error: 'invalid_request',
    error_code: 'bad_oauth_state',
    error_description: 'OAuth state has expired',
  })
})

const site = 'https://site.example.com/welcome'

test.each([
  ['no state', '', 'bad_oauth_callback', 'OAuth state parameter missing'],
  ['no uuid', 'state=x', 'bad_oauth_state', 'OAuth state parameter is invalid'],
  ['NUL', 'state=%00', 'bad_oauth_state', 'OAuth state parameter is invalid'],
  [
    'an unknown state',
    'state=00000000-0000-4000-8000-000000000000',
    'bad_oauth_state',
    'OAuth state not found or expired',
  ],
])('%s leads to the site, by GET and by POST', async (_, query, code, message) => {
  const world = await externalWorld({ GOTRUE_SITE_URL: site })
  for (const method of ['GET', 'POST']) {
    const answer = await world.ask(method, `/callback?${query}`)
    expect(answer.status).toBe(303)
    expect(answer.headers.get('location')).toMatch(
      `${site}?error=invalid_request&error_code=${code}`,
    )
    expect(queryOf(answer).error_description).toBe(message)
    expect(answer.body).toEqual({ code: 400, error_code: code, msg: message })
  }
})

test('a body that is no form is refused, and nothing is spent', async () => {
  const world = await externalWorld(github)
  const state = new URL(await world.goTo('github')).searchParams.get('state') ?? ''
  const tooLarge = await world.ask('POST', '/callback', { body: 'a'.repeat(2_000_000) })
  expect([tooLarge.status, tooLarge.body.error_code]).toEqual([413, 'request_entity_too_large'])
  const nul = await world.ask('POST', '/callback', { body: `state=${state}&code=%00` })
  expect([nul.status, nul.body.error_code]).toEqual([400, 'bad_json'])
  const noCode = await world.ask('POST', '/callback', { body: `state=${state}` })
  expect([noCode.status, queryOf(noCode).error_code]).toEqual([302, 'bad_oauth_callback'])
  const { rows } = await sql`select id from auth.flow_state`.execute(world.ctx.db)
  expect(rows).toHaveLength(1)
})

test('what the provider says against it reaches the app, in query and fragment', async () => {
  const world = await externalWorld(github)
  const state = new URL(await world.goTo('github')).searchParams.get('state')
  const said = `error=access_denied&error_description=${encodeURIComponent('She said "no"')}`
  const answer = await world.ask('GET', `/callback?state=${state}&${said}`)
  expect(answer.status).toBe(302)
  expect(queryOf(answer)).toEqual({ error: 'access_denied', error_description: 'She said "no"' })
  expect(fragmentOf(answer)).toEqual({ ...queryOf(answer), sb: '' })
  // She may think better of it.
  const again = await world.ask('GET', `/callback?state=${state}`)
  expect(queryOf(again).error_description).toBe(
    'OAuth callback with missing authorization code missing',
  )
})

test.each([
  [
    'refuses the code',
    'https://github.com/login/oauth/access_token',
    () => Response.json({ error: 'bad_verification_code' }),
    'Unable to exchange external code: code',
  ],
  [
    'breaks down',
    'https://api.github.com/user',
    () => new Response('<h1>sorry', { status: 502 }),
    'Error getting user profile from external provider',
  ],
  [
    'redirects us into our own network',
    'https://api.github.com/user',
    () => Response.redirect('http://169.254.169.254/latest', 302),
    'Error getting user profile from external provider',
  ],
  [
    'talks without end',
    'https://api.github.com/user',
    () => new Response('x'.repeat(1_000_000)),
    'Error getting user profile from external provider',
  ],
  [
    'says nothing of who it is',
    'https://api.github.com/user',
    () => Response.json([]),
    'Error getting user profile from external provider',
  ],
  [
    'gives no address',
    'https://api.github.com/user/emails',
    () => Response.json({ none: true }),
    'Error getting user email from external provider',
  ],
])('a provider that %s leaves nothing behind', async (_, address, response, message) => {
  const world = await externalWorld(github)
  world.providers.answer(address, response)
  const answer = await world.goThrough('github')
  expect([answer.status, queryOf(answer)]).toEqual([
    302,
    { error: 'server_error', error_code: 'unexpected_failure', error_description: message },
  ])
  const { rows } = await sql`select id from auth.users`.execute(world.ctx.db)
  expect(rows).toEqual([])
})

test('hostile facts of a profile are kept without what cannot be kept (M5)', async () => {
  const world = await externalWorld(github)
  const nested = '['.repeat(20_000) + ']'.repeat(20_000)
  const profile = `{"id":1,"name":"A\\u0000nn \\ud800","login":${nested},"avatar_url":7}`
  world.providers.answer('https://api.github.com/user', () => new Response(profile))
  const { access_token: bearer = '' } = fragmentOf(await world.goThrough('github'))
  const { body } = await world.ask('GET', '/user', { bearer })
  expect(body.user_metadata).toMatchObject({ name: 'Ann \ufffd', sub: '1' })
})

test('the secret of the way to the provider is sealed, spent once, and expires (C9)', async () => {
  const world = await externalWorld(settingsOf('x'))
  const ways = [await world.goTo('x'), await world.goTo('x'), await world.goTo('x')]
  const states = await sql<{ id: string; code_verifier: string }>`
    select id, code_verifier from auth.oauth_client_states`.execute(world.ctx.db)
  expect(states.rows.map(({ code_verifier }) => code_verifier.slice(0, 3))).toEqual([
    'v1.',
    'v1.',
    'v1.',
  ])
  expect(fragmentOf(await world.comeBack(ways[0] ?? '')).provider_token).toBeDefined()
  const change = (text: string) =>
    sql`update auth.oauth_client_states set ${sql.raw(text)}`.execute(world.ctx.db)
  await change("provider_type = 'github'")
  expect(queryOf(await world.comeBack(ways[1] ?? ''))).toMatchObject({
    error: 'invalid_request',
    error_code: 'oauth_invalid_state',
    error_description: 'OAuth provider mismatch',
  })
  await change("provider_type = 'x', created_at = created_at - interval '5 minutes'")
  expect(queryOf(await world.comeBack(ways[2] ?? ''))).toMatchObject({
    error_code: 'oauth_client_state_expired',
    error_description: 'OAuth state expired',
  })
  const gone = await world.goTo('x')
  await sql`delete from auth.oauth_client_states`.execute(world.ctx.db)
  expect(queryOf(await world.comeBack(gone)).error_code).toBe('oauth_client_state_not_found')
  const without = await world.goTo('x')
  await sql`update auth.flow_state set oauth_client_state_id = null`.execute(world.ctx.db)
  expect(queryOf(await world.comeBack(without)).error_description).toBe(
    'OAuth PKCE code verifier missing',
  )
})

test('Twitter’s token comes back to whom it was given', async () => {
  const world = await externalWorld(settingsOf('twitter'))
  const mine = world.providers.visit(await world.goTo('twitter'))
  const theirs = world.providers.visit(await world.goTo('twitter'))
  mine.url.searchParams.set('oauth_token', theirs.url.searchParams.get('oauth_token') ?? '')
  const answer = await world.ask('GET', `/callback${mine.url.search}`)
  expect(queryOf(answer)).toMatchObject({ error: 'server_error' })
})

test('a provider that was switched off meanwhile is not asked (A13)', async () => {
  const world = await externalWorld(github)
  const way = await world.goTo('github')
  const off = world.under({})
  expect(queryOf(await off.comeBack(way))).toMatchObject({
    error: 'invalid_request',
    error_code: 'oauth_provider_not_supported',
    error_description: 'Unsupported provider: provider is not enabled',
  })
})

test('one place may be set for all callbacks to end at', async () => {
  const world = await externalWorld({
    ...github,
    GOTRUE_EXTERNAL_REDIRECT_URL: 'https://front.example.com/done',
  })
  const { headers } = await world.goThrough('github')
  expect(headers.get('location')).toMatch(/^https:\/\/front\.example\.com\/done#access_token=/)
})

const halfSet = {
  GOTRUE_EXTERNAL_GITHUB_ENABLED: 'true',
  GOTRUE_EXTERNAL_GOOGLE_ENABLED: 'true',
  GOTRUE_EXTERNAL_GOOGLE_CLIENT_ID: 'an-id',
  GOTRUE_EXTERNAL_KEYCLOAK_ENABLED: 'true',
  GOTRUE_EXTERNAL_KEYCLOAK_CLIENT_ID: 'an-id',
  GOTRUE_EXTERNAL_KEYCLOAK_SECRET: 'a-secret',
}

test.each([
  ['', 'Unsupported provider: Provider  could not be found'],
  ['provider=nobody', 'Unsupported provider: Provider nobody could not be found'],
  ['provider=%00', 'Unsupported provider: Provider \0 could not be found'],
  ['provider=apple', 'Unsupported provider: provider is not enabled'],
  ['provider=github', 'Unsupported provider: missing OAuth client ID'],
  ['provider=google', 'Unsupported provider: missing OAuth secret'],
  ['provider=keycloak', 'Unsupported provider: unable to find URL for the keycloak provider'],
  ['provider=custom:none', 'Unsupported provider: custom provider custom:none not found'],
  ['provider=x&code_challenge=a', 'PKCE flow requires code_challenge_method and code_challenge'],
])('/authorize?%s is refused as JSON', async (query, message) => {
  const world = await externalWorld(halfSet)
  const { status, body } = await world.ask('GET', `/authorize?${query}`)
  expect([status, body]).toEqual([
    400,
    { code: 400, error_code: 'validation_failed', msg: message },
  ])
})
