import { createLocalJWKSet, jwtVerify } from 'jose'
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { minute } from '../../src/base/time.ts'
import { callback, challenge, oauthWorld, siteOf, verifier } from './gotrue-oauth-world.ts'
import { claimsOf, newFormat, queryOf } from './gotrue-world.ts'

test('an app is allowed by its user and acts for them, by the official client', async () => {
  const world = await oauthWorld()
  const { app, site } = world
  const asked = await world.request()
  expect(asked.status).toBe(302)
  expect(asked.headers.get('location')).toMatch(
    /^https:\/\/site\.example\.com\/oauth\/consent\?authorization_id=[a-z0-9]{32}$/,
  )
  const { authorization_id: name = '' } = queryOf(asked)

  const details = await site.auth.oauth.getAuthorizationDetails(name)
  const me = (await site.auth.getUser()).data.user
  expect(details.data).toEqual({
    authorization_id: name,
    redirect_uri: callback,
    client: { id: app.client_id, name: 'Ledger' },
    user: { id: me?.id, email: 'ann@example.com' },
    scope: 'openid email profile',
  })

  const allowed = await site.auth.oauth.approveAuthorization(name, { skipBrowserRedirect: true })
  const back = new URL(allowed.data?.redirect_url ?? '')
  expect(back.origin + back.pathname).toBe(callback)
  expect(back.searchParams.get('state')).toBe('a state')
  const code = back.searchParams.get('code') ?? ''

  const { status, body, headers } = await world.redeem(code)
  expect({ status, keys: Object.keys(body).sort() }).toEqual({
    status: 200,
    keys: ['access_token', 'expires_in', 'id_token', 'refresh_token', 'token_type'],
  })
  expect(headers.get('cache-control')).toBe('no-store')
  const claims = claimsOf(body.access_token)
  expect(claims).toMatchObject({
    sub: me?.id,
    client_id: app.client_id,
    scope: 'openid email profile',
    role: 'authenticated',
    aal: 'aal1',
    amr: [{ method: 'oauth_provider/authorization_code' }],
  })
  const jwks = (await world.ask('GET', '/.well-known/jwks.json')).body
  const { payload } = await jwtVerify(body.id_token, createLocalJWKSet(jwks), {
    issuer: 'http://localhost:3001/auth/v1',
    audience: app.client_id,
    currentDate: world.ctx.now(),
  })
  expect(payload).toMatchObject({
    sub: me?.id,
    nonce: 'a nonce',
    email: 'ann@example.com',
    email_verified: true,
    name: 'ann@example.com',
  })

  const info = await world.ask('GET', '/oauth/userinfo', { bearer: body.access_token })
  expect(info.body).toEqual({
    sub: me?.id,
    email: 'ann@example.com',
    email_verified: true,
    name: 'ann@example.com',
    updated_at: expect.any(Number),
    user_metadata: expect.any(Object),
  })
  expect(await world.audited()).toContain('login')
  const { rows } = await sql<{ payload: unknown }>`
    select payload from auth.audit_log_entries where payload->'traits'->>'client_id' is not null`.execute(
    world.ctx.db,
  )
  expect(rows).toMatchObject([
    {
      payload: {
        action: 'login',
        log_type: 'account',
        traits: {
          provider_type: 'oauth_provider_authorization_code',
          client_id: app.client_id,
        },
      },
    },
  ])
  expect((await world.events()).slice(-3)).toEqual([
    'consent.given',
    'grant.created',
    'user.signed-in',
  ])
})

test('an app that keeps no secret proves itself by PKCE alone', async () => {
  const world = await oauthWorld()
  const { body: app } = await world.ask('POST', '/oauth/clients/register', {
    body: { redirect_uris: ['ledger.app://back'], token_endpoint_auth_method: 'none' },
  })
  const change = { client_id: app.client_id, redirect_uri: 'ledger.app://back' }
  const code = await world.codeFor(change)
  const form = {
    grant_type: 'authorization_code',
    client_id: app.client_id,
    code,
    code_verifier: verifier,
  }
  const { status, body } = await world.token(form, null)
  expect(status).toBe(200)
  const again = await world.ask('POST', '/oauth/token', {
    body: {
      grant_type: 'refresh_token',
      client_id: app.client_id,
      refresh_token: body.refresh_token,
    },
  })
  expect(again.status).toBe(200)
  expect(claimsOf(again.body.access_token)).toMatchObject({
    client_id: app.client_id,
    scope: 'openid email profile',
    session_id: claimsOf(body.access_token).session_id,
  })
})

test('of fifty who redeem one code, one gets tokens (D2)', async () => {
  const world = await oauthWorld()
  const code = await world.codeFor()
  const answers = await Promise.all(Array.from({ length: 50 }, () => world.redeem(code)))
  const good = answers.filter(({ status }) => status === 200)
  expect(good).toHaveLength(1)
  const others = answers.filter((answer) => !good.includes(answer))
  expect(others.every(({ status }) => status === 400)).toBe(true)
  expect(new Set(others.map(({ body }) => body.error))).toEqual(new Set(['invalid_grant']))
  const { rows } = await sql`
    select id from auth.sessions where oauth_client_id is not null`.execute(world.ctx.db)
  expect(rows).toHaveLength(1)
})

test('of fifty who allow one request, one gets a code', async () => {
  const world = await oauthWorld()
  const name = await world.begin()
  await world.site.auth.oauth.getAuthorizationDetails(name)
  const answers = await Promise.all(
    Array.from({ length: 50 }, () =>
      world.site.auth.oauth.approveAuthorization(name, { skipBrowserRedirect: true }),
    ),
  )
  expect(answers.filter(({ error }) => error === null)).toHaveLength(1)
  expect(new Set(answers.flatMap(({ error }) => error?.message ?? []))).toEqual(
    new Set(['authorization request is no longer pending']),
  )
})

test('whoever allowed it before is not asked again, unless it is for more', async () => {
  const world = await oauthWorld()
  await world.codeFor()
  const again = await world.begin({ scope: 'email' })
  const details = await world.site.auth.oauth.getAuthorizationDetails(again)
  const url = (details.data as { redirect_url: string }).redirect_url
  const code = new URL(url).searchParams.get('code') ?? ''
  const { body } = await world.redeem(code)
  expect(claimsOf(body.access_token).scope).toBe('email')
  expect(body.id_token).toBeUndefined()

  const more = await world.begin({ scope: 'email phone' })
  const asked = await world.site.auth.oauth.getAuthorizationDetails(more)
  expect(asked.data).toMatchObject({ scope: 'email phone' })
})

test('who refuses sends the app away with nothing', async () => {
  const world = await oauthWorld()
  const name = await world.begin()
  await world.site.auth.oauth.getAuthorizationDetails(name)
  const denied = await world.site.auth.oauth.denyAuthorization(name, { skipBrowserRedirect: true })
  const back = new URL(denied.data?.redirect_url ?? '')
  expect(Object.fromEntries(back.searchParams)).toEqual({
    error: 'access_denied',
    error_description: 'User denied the request',
    state: 'a state',
  })
  expect((await world.site.auth.oauth.listGrants()).data).toEqual([])
  expect(await world.events()).toContain('consent.refused')
})

test('what was allowed is listed, and taken back with all that came of it', async () => {
  const world = await oauthWorld()
  const { app, site } = world
  const { body } = await world.redeem(await world.codeFor())
  const waiting = await world.codeFor()
  const { data } = await site.auth.oauth.listGrants()
  expect(data).toEqual([
    {
      client: { id: app.client_id, name: 'Ledger' },
      scopes: ['openid', 'email', 'profile'],
      granted_at: '2025-11-22T12:00:00Z',
    },
  ])
  expect((await site.auth.oauth.revokeGrant({ clientId: app.client_id })).error).toBeNull()
  expect((await site.auth.oauth.listGrants()).data).toEqual([])
  const info = await world.ask('GET', '/oauth/userinfo', { bearer: body.access_token })
  expect(info.body.error_code).toBe('session_not_found')
  expect((await world.redeem(waiting)).body.error).toBe('invalid_grant')
  const refreshed = await world.token({
    grant_type: 'refresh_token',
    refresh_token: body.refresh_token,
  })
  expect(refreshed.status).toBe(400)
  // The user's own session is another matter.
  expect((await site.auth.getUser()).error).toBeNull()
  const { error } = await site.auth.oauth.revokeGrant({ clientId: app.client_id })
  expect(error).toMatchObject({ status: 404, code: 'oauth_consent_not_found' })
  expect(await world.audited()).toContain('token_revoked')
  expect(await world.events()).toContain('consent.revoked')
})

test('an app does not allow itself anything with the token that it was given', async () => {
  const world = await oauthWorld()
  const { body } = await world.redeem(await world.codeFor({ scope: 'email' }))
  const bearer = body.access_token
  const name = await world.begin({ scope: 'openid profile phone' })
  for (const [method, path] of [
    ['GET', `/oauth/authorizations/${name}`],
    ['POST', `/oauth/authorizations/${name}/consent`],
    ['GET', '/user/oauth/grants'],
    ['DELETE', `/user/oauth/grants?client_id=${world.app.client_id}`],
  ] as const) {
    const answer = await world.ask(method, path, {
      bearer,
      ...(method === 'POST' && { body: { action: 'approve' } }),
    })
    expect([answer.status, answer.body.error_code]).toEqual([403, 'no_authorization'])
  }
})

test('an ID token is no access token (C16)', async () => {
  const world = await oauthWorld()
  const { body } = await world.redeem(await world.codeFor())
  const answer = await world.ask('GET', '/user', { bearer: body.id_token })
  expect([answer.status, answer.body.error_code]).toEqual([403, 'bad_jwt'])
})

test('with a bare secret, ID tokens are signed by a key that is published and opens nothing', async () => {
  const secret = 'a secret of thirty-two characters, or more'
  const world = await oauthWorld({ GOTRUE_JWT_SECRET: secret })
  const { body } = await world.redeem(await world.codeFor())
  const jwks = (await world.ask('GET', '/.well-known/jwks.json')).body
  expect(jwks.keys.map((key: { alg: string }) => key.alg)).toEqual(['ES256'])
  const { protectedHeader } = await jwtVerify(body.id_token, createLocalJWKSet(jwks), {
    currentDate: world.ctx.now(),
  })
  expect(protectedHeader.alg).toBe('ES256')
  expect((await world.ask('GET', '/user', { bearer: body.id_token })).status).toBe(403)
  const off = world.under({ GOTRUE_JWT_SECRET: secret })
  expect((await off.ask('GET', '/.well-known/jwks.json')).body).toEqual({ keys: [] })
})

test('a session that an app holds is refreshed by that app alone (E2)', async () => {
  const world = await oauthWorld()
  const { body } = await world.redeem(await world.codeFor())
  const bare = await world.ask('POST', '/token?grant_type=refresh_token', {
    body: { refresh_token: body.refresh_token },
  })
  expect(bare.body).toEqual({
    error: 'invalid_client',
    error_description: 'Client authentication required for OAuth session',
  })
  const { body: other } = await world.ask('POST', '/oauth/clients/register', {
    body: { redirect_uris: [callback], token_endpoint_auth_method: 'none' },
  })
  const asOther = (refreshToken: string) =>
    world.token(
      { grant_type: 'refresh_token', client_id: other.client_id, refresh_token: refreshToken },
      null,
    )
  expect((await asOther(body.refresh_token)).body).toEqual({
    error: 'invalid_client',
    error_description: "Client does not match the session's OAuth client",
  })
  const own = await world.signIn()
  expect((await asOther(own.refresh_token)).body).toEqual({
    error: 'invalid_client',
    error_description: 'Client authentication not allowed for non-OAuth session',
  })
  // None of them used anything up.
  const form = { grant_type: 'refresh_token', refresh_token: body.refresh_token }
  expect((await world.token(form)).status).toBe(200)
})

test('a request is good for ten minutes, and for whoever opened it', async () => {
  const world = await oauthWorld()
  const name = await world.begin()
  await world.site.auth.oauth.getAuthorizationDetails(name)
  await world.createAccount('bob@example.com')
  const other = siteOf(world)
  await other.auth.signInWithPassword({
    email: 'bob@example.com',
    password: 'correct horse battery',
  })
  const notFound = { status: 404, code: 'oauth_authorization_not_found' }
  expect((await other.auth.oauth.getAuthorizationDetails(name)).error).toMatchObject(notFound)
  const stolen = await other.auth.oauth.approveAuthorization(name, { skipBrowserRedirect: true })
  expect(stolen.error).toMatchObject(notFound)

  world.pass(10 * minute)
  expect((await world.site.auth.oauth.getAuthorizationDetails(name)).error).toMatchObject(notFound)
  const { rows } = await sql<{ status: string }>`
    select status::text from auth.oauth_authorizations`.execute(world.ctx.db)
  expect(rows).toEqual([{ status: 'expired' }])
})

test('a code rests as a hash, and one that GoTrue gave out is redeemed all the same', async () => {
  const world = await oauthWorld()
  const code = await world.codeFor()
  const { rows } = await sql<{ authorization_code: string }>`
    select authorization_code from auth.oauth_authorizations`.execute(world.ctx.db)
  expect(rows[0]?.authorization_code).not.toContain(code)
  expect((await world.redeem(rows[0]?.authorization_code ?? '')).body.error).toBe('invalid_grant')
  const old = '6f0cfc6f-7f2b-4f6c-8d1f-0d1f5a1f4a11'
  await sql`update auth.oauth_authorizations set authorization_code = ${old}`.execute(world.ctx.db)
  expect((await world.redeem(old)).status).toBe(200)
})

test('who was banned in between gets nothing (A13, D10)', async () => {
  const world = await oauthWorld()
  const code = await world.codeFor()
  await sql`update auth.users set banned_until = 'infinity'`.execute(world.ctx.db)
  expect((await world.redeem(code)).body).toEqual({
    error: 'access_denied',
    error_description: 'User is banned',
  })
})

test('where a request cannot be answered to its client, the browser stays', async () => {
  const world = await oauthWorld()
  // biome-ignore format: a row of the table is a line.
  const table = [
    [{ client_id: '' }, 'validation_failed', 'client_id is required'],
    [{ redirect_uri: '' }, 'validation_failed', 'redirect_uri is required'],
    [{ client_id: 'shop' }, 'oauth_client_not_found', 'invalid client_id format'],
    [{ client_id: '00000000-0000-4000-8000-000000000000' }, 'oauth_client_not_found', 'invalid client_id'],
    [{ redirect_uri: `${callback}/` }, 'validation_failed', 'invalid redirect_uri'],
    [{ redirect_uri: 'https://evil.example.com' }, 'validation_failed', 'invalid redirect_uri'],
    [{ state: 'a\0' }, 'validation_failed', 'state holds U+0000'],
  ] as const
  for (const [change, code, message] of table) {
    const answer = await world.request(change)
    expect([answer.status, answer.body.error_code, answer.body.msg]).toEqual([400, code, message])
  }
  const twice = await world.ask(
    'GET',
    `/oauth/authorize?client_id=${world.app.client_id}&client_id=x`,
  )
  expect(twice.body.msg).toBe('client_id is given more than once')
})

test('what else is wrong is told to the client', async () => {
  const world = await oauthWorld()
  // biome-ignore format: a row of the table is a line.
  const table = [
    [{ response_type: 'token' }, 'only response_type=code is supported'],
    [{ scope: ' ' }, 'scope parameter cannot be empty'],
    [{ scope: 'openid admin' }, 'unsupported scope: admin'],
    [{ resource: '/here' }, 'resource must be an absolute URI'],
    [{ resource: 'https://' }, 'resource must be a valid URI'],
    [{ resource: 'https://a.test/#x' }, 'resource must not include a fragment component'],
    [{ resource: 'https://a.test/?x' }, 'resource must not include a query component'],
    [{ code_challenge: '' }, 'PKCE flow requires both code_challenge and code_challenge_method'],
    [{ code_challenge_method: '' }, 'PKCE flow requires both code_challenge and code_challenge_method'],
    [{ code_challenge_method: 'md5' }, "code_challenge_method must be 'S256' or 'plain'"],
    [{ code_challenge: 'x' }, 'code_challenge must be between 43 and 128 characters'],
    [{ nonce: 'x'.repeat(256) }, 'nonce is too long'],
  ] as const
  for (const [change, description] of table) {
    const answer = await world.request(change)
    expect([answer.status, queryOf(answer)]).toEqual([
      302,
      { error: 'invalid_request', error_description: description, state: 'a state' },
    ])
  }
  const query = new URLSearchParams({
    client_id: world.app.client_id,
    redirect_uri: callback,
    code_challenge: challenge,
    code_challenge_method: 'S256',
  })
  const answer = await world
    .under({ GOTRUE_OAUTH_SERVER_ENABLED: 'true' })
    .ask('GET', `/oauth/authorize?${query}`)
  expect(queryOf(answer)).toEqual({
    error: 'server_error',
    error_description: 'oauth authorization path not configured',
  })
})

test('tokens are given to nobody else (E2)', async () => {
  const world = await oauthWorld()
  const code = await world.codeFor()
  const form = { grant_type: 'authorization_code', code, code_verifier: verifier }
  const { client_id: id } = world.app
  // biome-ignore format: a row of the table is a line.
  const oauth = [
    [{}, 'invalid_request', 'grant_type is required'],
    [{ grant_type: 'password' }, 'unsupported_grant_type', 'Client is not allowed to use grant type: password'],
    [{ grant_type: 'authorization_code' }, 'invalid_request', 'code is required for authorization_code grant'],
    [{ grant_type: 'refresh_token' }, 'invalid_request', 'refresh_token is required for refresh_token grant'],
    [{ ...form, code: 'x' }, 'invalid_grant', 'Invalid authorization code'],
    [{ ...form, redirect_uri: 'https://a.test/' }, 'invalid_grant', 'Invalid redirect_uri'],
    [{ ...form, resource: 'https://a.test/' }, 'invalid_grant', 'Authorization code resource does not match the resource parameter'],
    [{ ...form, code_verifier: '' }, 'invalid_grant', 'PKCE verification failed: code_verifier is required when PKCE challenge is present'],
    [{ ...form, code_verifier: challenge }, 'invalid_grant', 'PKCE verification failed: code challenge does not match previously saved code verifier'],
  ] as const
  for (const [sent, error, error_description] of oauth) {
    const { status, body } = await world.token(sent)
    expect({ status, body }).toEqual({ status: 400, body: { error, error_description } })
  }
  const basic = (text: string) => ({
    authorization: `Basic ${Buffer.from(text).toString('base64')}`,
  })
  // biome-ignore format: a row of the table is a line.
  const plain = [
    [basic(`${id}:wrong`), {}, 'invalid client credentials'],
    [basic(`${id}:`), {}, 'confidential clients must provide client_secret'],
    [basic('nobody'), {}, 'Invalid client credentials: invalid basic auth format'],
    [{ authorization: 'Basic !' }, {}, 'Invalid client credentials: invalid basic auth encoding'],
    [basic('nobody:x'), {}, 'Invalid client_id format'],
    [basic('00000000-0000-4000-8000-000000000000:x'), {}, 'Invalid client credentials'],
    [{}, {}, 'Invalid client credentials: client_id is required'],
    [{}, { client_id: id }, "invalid authentication method: client is registered for 'client_secret_basic' but 'none' was used"],
    [{}, { client_id: id, client_secret: 'x' }, "invalid authentication method: client is registered for 'client_secret_basic' but 'client_secret_post' was used"],
  ] as const
  for (const [headers, more, message] of plain) {
    const answer = await world.ask('POST', '/oauth/token', {
      body: { ...form, ...more },
      headers: { ...headers, ...newFormat },
    })
    expect({ status: answer.status, body: answer.body }).toEqual({
      status: 400,
      body: { code: 'invalid_credentials', message },
    })
  }
  const nonsense = await world.ask('POST', '/oauth/token', { body: '{' })
  expect(nonsense.body).toEqual({
    error: 'invalid_request',
    error_description: 'Invalid JSON body',
  })
  const twice = await world.ask('POST', '/oauth/token', {
    body: 'code=a&code=b',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  })
  expect(twice.body.error_description).toBe('code is given more than once')
  // Nothing of all that spent the code.
  expect((await world.redeem(code)).status).toBe(200)

  const second = await world.codeFor()
  world.pass(10 * minute)
  expect((await world.redeem(second)).body.error_description).toBe('Authorization code has expired')
})

test("the site's page is asked from the site", async () => {
  const world = await oauthWorld()
  const { access_token: bearer } = await world.signIn()
  const name = await world.begin()
  const path = `/oauth/authorizations/${name}`
  const foreign = { origin: 'https://evil.example.com' }
  for (const [method, where, options] of [
    ['GET', path, { headers: foreign }],
    ['POST', `${path}/consent`, { headers: foreign, body: { action: 'approve' } }],
  ] as const) {
    const answer = await world.ask(method, where, { bearer, ...options })
    expect([answer.status, answer.body.msg]).toEqual([400, 'unauthorized request origin'])
  }
  // biome-ignore format: a row of the table is a line.
  const table = [
    ['POST', `${path}/consent`, { action: 'later' }, 400, "action must be 'approve' or 'deny'"],
    ['POST', `${path}/consent`, '{', 400, 'invalid JSON body'],
    // Nobody opened it: nobody knows what would be allowed.
    ['POST', `${path}/consent`, { action: 'approve' }, 404, 'authorization not found'],
    ['GET', '/oauth/authorizations/x', undefined, 404, 'authorization not found'],
    ['GET', '/oauth/authorizations/%00', undefined, 404, 'authorization not found'],
    ['DELETE', '/user/oauth/grants', undefined, 400, 'client_id query parameter is required'],
    ['DELETE', '/user/oauth/grants?client_id=x', undefined, 400, 'invalid client_id format'],
  ] as const
  for (const [method, where, body, status, message] of table) {
    const answer = await world.ask(method, where, { bearer, body })
    expect([where, answer.status, answer.body.msg]).toEqual([where, status, message])
  }
})

test('switched off, all of it is not there', async () => {
  const world = (await oauthWorld()).under({})
  const { access_token: bearer } = await world.signIn()
  for (const [method, path] of [
    ['GET', '/oauth/authorize'],
    ['POST', '/oauth/token'],
    ['GET', '/oauth/userinfo'],
    ['GET', '/oauth/authorizations/x'],
    ['POST', '/oauth/authorizations/x/consent'],
    ['GET', '/user/oauth/grants'],
    ['DELETE', '/user/oauth/grants'],
    ['GET', '/.well-known/oauth-authorization-server'],
  ] as const) {
    const answer = await world.ask(method, path, { bearer })
    expect([path, answer.status, answer.body.error_code]).toEqual([path, 404, 'feature_disabled'])
  }
  expect((await world.ask('GET', '/.well-known/openid-configuration')).status).toBe(200)
})

test('the server describes itself', async () => {
  const world = await oauthWorld()
  const { body } = await world.ask('GET', '/.well-known/oauth-authorization-server')
  expect(body).toMatchObject({
    issuer: 'http://localhost:3001/auth/v1',
    registration_endpoint: 'http://localhost:3001/auth/v1/oauth/clients/register',
    code_challenge_methods_supported: ['S256', 'plain'],
  })
  expect((await world.ask('GET', '/.well-known/openid-configuration')).body).toEqual(body)
})

test('a code costs eight round trips to the database, a refresh two, who somebody is one', async () => {
  const world = await oauthWorld()
  await world.redeem(await world.codeFor())
  const code = await world.codeFor({ scope: 'email' })
  world.queries()
  const { body } = await world.redeem(code)
  expect(world.queries()).toHaveLength(8)
  await world.token({ grant_type: 'refresh_token', refresh_token: body.refresh_token })
  expect(world.queries()).toHaveLength(2)
  await world.ask('GET', '/oauth/userinfo', { bearer: body.access_token })
  expect(world.queries()).toHaveLength(1)
})
