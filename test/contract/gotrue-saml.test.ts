import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import {
  app,
  arrive,
  depart,
  entityId,
  honest,
  ownNextKey,
  samlWorld,
  statementOf,
} from './gotrue-saml-world.ts'
import { claimsOf, fragmentOf, queryOf } from './gotrue-world.ts'

const minute = 60_000
const hour = 60 * minute

const verifier = 'v'.repeat(64)

test('somebody signs in at their company, and is a user of enterprise sign-on', async () => {
  const world = await samlWorld()
  const { requestId, relayState, url } = await depart(world)
  expect(url.origin + url.pathname).toBe('https://idp.example.com/sso')
  expect(url.searchParams.get('tenant')).toBe('a')

  const answer = await arrive(world, honest(statementOf(world, { inResponseTo: requestId })), {
    relayState,
  })
  expect(answer.status).toBe(302)
  expect(answer.headers.get('location')).toMatch(new RegExp(`^${app}/in#`))
  const tokens = fragmentOf(answer)
  expect(Object.keys(tokens).sort()).toEqual(
    ['access_token', 'expires_at', 'expires_in', 'refresh_token', 'sb', 'token_type'].sort(),
  )
  const claims = claimsOf(String(tokens.access_token))
  expect(claims.amr).toEqual([
    { method: 'sso/saml', timestamp: expect.any(Number), provider: world.providerId },
  ])
  expect(claims.app_metadata).toEqual({
    provider: `sso:${world.providerId}`,
    providers: [`sso:${world.providerId}`],
  })
  const { body: user } = await world.ask('GET', '/user', { bearer: String(tokens.access_token) })
  expect(user).toMatchObject({ email: 'ann@company.example', role: 'authenticated' })
  expect(user.email_confirmed_at).toBeTruthy()
  expect(user.identities).toMatchObject([
    {
      id: 'ann-1',
      provider: `sso:${world.providerId}`,
      identity_data: {
        iss: entityId,
        sub: 'ann-1',
        email: 'ann@company.example',
        email_verified: true,
        phone_verified: false,
      },
    },
  ])
  const { rows } = await sql<{ is_sso_user: boolean }>`select is_sso_user from auth.users`.execute(
    world.ctx.db,
  )
  expect(rows).toEqual([{ is_sso_user: true }])
  expect(await world.events()).toEqual([
    ...['key.created', 'connector.created', 'user.created', 'user.signed-up', 'user.signed-in'],
  ])
  expect(await world.audited()).toContain('user_signedup')

  const again = await world.ask('POST', '/token?grant_type=refresh_token', {
    body: { refresh_token: tokens.refresh_token },
  })
  expect(again.status).toBe(200)
})

test('the second time they are the same user, with what the company says of them now', async () => {
  const world = await samlWorld(
    {},
    {
      attribute_mapping: {
        keys: {
          full_name: { names: ['nothing', 'displayName'] },
          groups: { name: 'groups', array: true },
          first: { name: 'groups' },
          plan: { name: 'plan', default: 'basic' },
          email: { name: 'mail' },
          sub: { name: 'displayName' },
        },
      },
    },
  )
  const come = (change: object) =>
    arrive(
      world,
      honest(
        statementOf(world, { assertionId: `_${Math.floor(world.ctx.now().getTime())}`, ...change }),
      ),
    )
  const first = claimsOf(String(fragmentOf(await come({})).access_token))
  world.pass(minute)
  const attributes = {
    mail: ['ann@company.example'],
    displayName: ['Ann Again'],
    groups: ['a', 'b'],
  }
  const second = claimsOf(String(fragmentOf(await come({ attributes })).access_token))
  expect(second.sub).toBe(first.sub)
  expect(second.user_metadata).toMatchObject({
    full_name: 'Ann Again',
    sub: 'ann-1',
    custom_claims: { groups: ['a', 'b'], first: 'a', plan: 'basic' },
  })
})

test('the address of a company does not open the account that has it here, nor the other way round (A11)', async () => {
  const world = await samlWorld()
  const { id } = await world.createAccount('ann@company.example')
  const tokens = fragmentOf(await arrive(world, honest(statementOf(world))))
  const claims = claimsOf(String(tokens.access_token))
  expect(claims.sub).not.toBe(id)
  expect(claims.email).toBe('ann@company.example')
  const mine = await world.signIn('ann@company.example')
  expect(mine.user.id).toBe(id)
})

test('a subject that changed is the same person of the company, by their address', async () => {
  const world = await samlWorld()
  const first = fragmentOf(await arrive(world, honest(statementOf(world))))
  const second = fragmentOf(
    await arrive(world, honest(statementOf(world, { assertionId: '_b', nameId: 'ann-2' }))),
  )
  expect(claimsOf(String(second.access_token)).sub).toBe(claimsOf(String(first.access_token)).sub)
})

test('with PKCE the app gets a code, and one session only', async () => {
  const world = await samlWorld()
  const { requestId, relayState } = await depart(world, {
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 's256',
  })
  const ends = new Date(world.ctx.now().getTime() + 2 * hour).toISOString()
  const xml = honest(statementOf(world, { inResponseTo: requestId, sessionEndsAt: ends }))
  const answer = await arrive(world, xml, { relayState })
  const { code } = queryOf(answer)
  const redeem = () =>
    world.ask('POST', '/token?grant_type=pkce', {
      body: { auth_code: code, code_verifier: verifier },
    })
  const { status, body } = await redeem()
  expect(status).toBe(200)
  expect(claimsOf(body.access_token).amr).toMatchObject([
    { method: 'sso/saml', provider: world.providerId },
  ])
  expect((await redeem()).status).toBe(404)
  const { rows } = await sql<{ not_after: Date }>`select not_after from auth.sessions`.execute(
    world.ctx.db,
  )
  expect(rows.map(({ not_after }) => not_after.toISOString())).toEqual([ends])
})

test('a session lasts no longer than the company lets it', async () => {
  const world = await samlWorld()
  const ends = new Date(world.ctx.now().getTime() + 2 * hour).toISOString()
  const { refresh_token } = fragmentOf(
    await arrive(world, honest(statementOf(world, { sessionEndsAt: ends }))),
  )
  world.pass(3 * hour)
  const { status, body } = await world.ask('POST', '/token?grant_type=refresh_token', {
    body: { refresh_token },
  })
  expect(status).toBe(400)
  expect(body.msg).toBe('Invalid Refresh Token: Session Expired')
})

test('who comes unasked ends where they want to, if that is allowed, else at the site (G11)', async () => {
  const world = await samlWorld()
  const come = async (assertionId: string, relayState: string) => {
    const answer = await arrive(world, honest(statementOf(world, { assertionId })), { relayState })
    return answer.headers.get('location')?.split('#')[0]
  }
  expect(await come('_1', `${app}/deep`)).toBe(`${app}/deep`)
  expect(await come('_2', 'https://evil.example/')).toBe('http://localhost:3001')
  expect(await come('_3', 'javascript:alert(1)')).toBe('http://localhost:3001')
  expect(await come('_4', '')).toBe('http://localhost:3001')
})

test('a state is good once, and for two minutes (C9)', async () => {
  const world = await samlWorld()
  const one = await depart(world)
  const xml = honest(statementOf(world, { inResponseTo: one.requestId }))
  await arrive(world, xml, one)
  const replayed = await arrive(world, xml, one)
  expect(replayed.status).toBe(303)
  expect(replayed.headers.get('location')).toMatch(/^http:\/\/localhost:3001\?error=/)
  expect(queryOf(replayed)).toMatchObject({ error_code: 'saml_relay_state_not_found' })
  const two = await depart(world)
  world.pass(2 * minute)
  const late = honest(statementOf(world, { assertionId: '_2', inResponseTo: two.requestId }))
  expect(queryOf(await arrive(world, late, two))).toMatchObject({
    error_code: 'saml_relay_state_expired',
    error_description: 'SAML RelayState has expired. Try logging in again?',
  })
})

test('fifty who bring the same assertion are one (G8)', async () => {
  const world = await samlWorld({ GOTRUE_SAML_RATE_LIMIT_ASSERTION: '1000' })
  const xml = honest(statementOf(world))
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, at) => arrive(world.from(`198.18.0.${at}`), xml)),
  )
  expect(answers.filter(({ status }) => status === 302)).toHaveLength(1)
  const others = answers.filter(({ status }) => status === 303)
  expect(others).toHaveLength(49)
  for (const one of others) expect(queryOf(one).error_code).toBe('validation_failed')
  const { rows } = await sql`select id from auth.sessions`.execute(world.ctx.db)
  expect(rows).toHaveLength(1)
})

test('a provider that is switched off, or gone, lets nobody in who has left already (A13)', async () => {
  const world = await samlWorld()
  const set = (disabled: boolean) =>
    world.ask('PUT', `/admin/sso/providers/${world.providerId}`, {
      bearer: world.adminKey,
      body: { disabled },
    })
  const gone = await depart(world)
  await set(true)
  const start = await world.ask('POST', '/sso', { body: { domain: 'company.example' } })
  expect([start.status, start.body.error_code]).toEqual([404, 'sso_provider_disabled'])
  expect(start.body.msg).toBe('SSO Provider is currently disabled')
  const xml = honest(statementOf(world, { inResponseTo: gone.requestId }))
  expect(queryOf(await arrive(world, xml, gone))).toMatchObject({
    error_code: 'sso_provider_disabled',
    error_description: 'SSO Provider assigned for this domain is currently disabled',
  })
  expect(queryOf(await arrive(world, honest(statementOf(world))))).toMatchObject({
    error_code: 'sso_provider_disabled',
    error_description: 'SSO Provider assigned for this domain is currently disabled',
  })
  await set(false)
  expect((await arrive(world, xml, gone)).status).toBe(302)
})

test('a banned user and a switched-off sign-up are refused there too (A13, D10)', async () => {
  const world = await samlWorld()
  const shut = world.under({
    GOTRUE_SAML_ENABLED: 'true',
    GOTRUE_SAML_PRIVATE_KEY: ownNextKey,
    GOTRUE_DISABLE_SIGNUP: 'true',
  })
  expect(queryOf(await arrive(shut, honest(statementOf(world))))).toMatchObject({
    error: 'access_denied',
    error_code: 'signup_disabled',
  })
  const { access_token } = fragmentOf(await arrive(world, honest(statementOf(world))))
  await world.ask('PUT', `/admin/users/${claimsOf(String(access_token)).sub}`, {
    bearer: world.adminKey,
    body: { ban_duration: '24h' },
  })
  const banned = await arrive(world, honest(statementOf(world, { assertionId: '_2' })))
  expect(queryOf(banned)).toMatchObject({ error: 'access_denied', error_code: 'user_banned' })
})

test('what names nobody, or has no address, is refused with its reason', async () => {
  const world = await samlWorld()
  const transient = 'urn:oasis:names:tc:SAML:2.0:nameid-format:transient'
  const email = 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress'
  const come = async (change: object) =>
    queryOf(await arrive(world, honest(statementOf(world, change))))
  expect(await come({ nameIdFormat: transient })).toMatchObject({
    error_code: 'saml_assertion_no_user_id',
    error_description:
      'SAML Assertion did not contain a persistent Subject Identifier attribute or Subject NameID uniquely identifying this user',
  })
  expect(await come({ attributes: {} })).toMatchObject({
    error_code: 'saml_assertion_no_email',
    error_description: 'SAML Assertion does not contain an email address',
  })
  expect(await come({ attributes: { mail: ['nobody'] } })).toMatchObject({
    error_code: 'saml_assertion_no_email',
  })
  const subjectId = {
    'urn:oasis:names:tc:SAML:attribute:subject-id': ['ann@x'],
    email: ['a@b.example'],
  }
  const named = await arrive(
    world,
    honest(statementOf(world, { nameIdFormat: transient, attributes: subjectId })),
  )
  expect(fragmentOf(named)).toHaveProperty('access_token')
  const byName = await arrive(
    world,
    honest(
      statementOf(world, {
        assertionId: '_2',
        nameIdFormat: email,
        nameId: 'Ben@Company.example',
        attributes: {},
      }),
    ),
  )
  expect(claimsOf(String(fragmentOf(byName).access_token)).email).toBe('ben@company.example')
})

test('the way there costs two questions, and the way back fifteen', async () => {
  const world = await samlWorld()
  await arrive(world, honest(statementOf(world)))
  world.queries()
  const { requestId, relayState } = await depart(world)
  expect(world.queries()).toHaveLength(2)
  const xml = honest(statementOf(world, { assertionId: '_2', inResponseTo: requestId }))
  expect((await arrive(world, xml, { relayState })).status).toBe(302)
  expect(world.queries()).toHaveLength(15)
})
