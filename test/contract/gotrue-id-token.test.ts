import { createHash } from 'node:crypto'
import { SignJWT } from 'jose'
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { minute } from '../../src/base/time.ts'
import { client } from '../servers/providers.ts'
import { type ExternalWorld, externalWorld, settingsOf } from './gotrue-external-world.ts'
import type { Answer, Body } from './gotrue-world.ts'

// `grant_type=id_token`: whose tokens are believed, and what they have to say.

const google = {
  iss: 'https://accounts.google.com',
  aud: client.id,
  sub: '4711',
  email: 'ann@example.com',
  email_verified: true,
  name: 'Ann Archer',
}
const azureIssuer = 'https://login.microsoftonline.com/tenant-1/v2.0'

function bring(world: ExternalWorld, body: Body, bearer?: string): Promise<Answer> {
  return world.ask('POST', '/token?grant_type=id_token', { body, ...(bearer ? { bearer } : {}) })
}

async function bringToken(world: ExternalWorld, claims: object, body: Body): Promise<Answer> {
  return bring(world, { id_token: await world.providers.idToken({ ...claims }), ...body })
}

const issuers: Record<string, { iss: string; claims?: object }> = {
  apple: { iss: 'https://appleid.apple.com' },
  google: { iss: 'https://accounts.google.com' },
  azure: { iss: azureIssuer },
  facebook: { iss: 'https://www.facebook.com' },
  kakao: { iss: 'https://kauth.kakao.com', claims: { nickname: 'Ann' } },
  keycloak: { iss: 'http://keycloak:8080/realms/club' },
  vercel_marketplace: {
    iss: 'https://marketplace.vercel.com',
    claims: { user_email: 'ann@example.com', global_user_id: 'g1' },
  },
  snapchat: { iss: 'https://accounts.snapchat.com/accounts/oauth2/token' },
}

test.each(Object.keys(issuers))('a token of %s signs in', async (name) => {
  const world = await externalWorld(settingsOf(name))
  const { iss = '', claims } = issuers[name] ?? {}
  world.providers.describe(iss)
  const { status, body } = await bringToken(
    world,
    { ...google, iss, ...claims },
    { provider: name },
  )
  expect([status, body.user?.email]).toEqual([200, 'ann@example.com'])
  expect(body.user.identities[0]).toMatchObject({
    provider: name,
    id: name === 'vercel_marketplace' ? 'global_user_id:g1' : '4711',
    identity_data: { iss, email_verified: true },
  })
  const payload = JSON.parse(Buffer.from(body.access_token.split('.')[1], 'base64url').toString())
  expect(payload.amr).toMatchObject([{ method: 'oauth' }])
  expect(await world.audited()).toEqual(['user_signedup'])
  const again = await bringToken(world, { ...google, iss, ...claims }, { provider: name })
  expect(again.body.user.id).toBe(body.user.id)
})

test('Apple’s second issuer, and the phone’s own bundle, are Apple’s too', async () => {
  const world = await externalWorld({
    ...settingsOf('apple'),
    GOTRUE_EXTERNAL_IOS_BUNDLE_ID: 'com.example.app',
  })
  const claims = { ...google, iss: 'https://account.apple.com', aud: 'com.example.app' }
  expect((await bringToken(world, claims, { provider: 'apple' })).status).toBe(200)
  expect((await bringToken(world, claims, { issuer: claims.iss, client_id: 'x' })).status).toBe(200)
})

const oneNonce = 'Passed nonce and nonce in id_token should either both exist or not.'

test('the nonce is given hashed to the provider, and plain to us (E15)', async () => {
  const world = await externalWorld(settingsOf('google'))
  const nonce = createHash('sha256').update('my nonce').digest('hex')
  const provider = 'google'
  const good = await bringToken(world, { ...google, nonce }, { provider, nonce: 'my nonce' })
  expect(good.status).toBe(200)
  const tries: [object, object, object][] = [
    [
      { nonce },
      { nonce: 'another' },
      { error: 'invalid nonce', error_description: 'Nonces mismatch' },
    ],
    [
      { nonce: 'plain' },
      { nonce: 'plain' },
      { error: 'invalid nonce', error_description: 'Nonces mismatch' },
    ],
    [{ nonce }, {}, { error: 'invalid request', error_description: oneNonce }],
    [{}, { nonce: 'my nonce' }, { error: 'invalid request', error_description: oneNonce }],
  ]
  for (const [claims, body, expected] of tries) {
    const answer = await bringToken(world, { ...google, ...claims }, { provider, ...body })
    expect(answer.status).toBe(400)
    expect(answer.body).toMatchObject(expected)
  }
  const lenient = world.under({
    ...settingsOf('google'),
    GOTRUE_EXTERNAL_GOOGLE_SKIP_NONCE_CHECK: 'true',
  })
  expect((await bringToken(lenient, { ...google, nonce }, { provider })).status).toBe(200)
})

test('an access token that is shown has to be the one of the ID token (E16)', async () => {
  const world = await externalWorld(settingsOf('google'))
  const at_hash = createHash('sha256').update('the access token').digest().subarray(0, 16)
  const claims = { ...google, at_hash: at_hash.toString('base64url') }
  const show = (access_token?: string) =>
    bringToken(world, claims, { provider: 'google', ...(access_token ? { access_token } : {}) })
  expect((await show('the access token')).status).toBe(200)
  expect((await show()).status).toBe(200)
  expect((await show('another')).body).toEqual({
    error: 'invalid request',
    error_description: 'Bad ID token',
  })
})

test('a provider’s new key is read when a token names it (F4)', async () => {
  const world = await externalWorld(settingsOf('google'))
  const sign = () => bringToken(world, google, { provider: 'google' })
  expect((await sign()).status).toBe(200)
  world.providers.changeKey()
  // Within a minute the keys are not read again for every invented name.
  expect((await sign()).body.error_description).toBe('Bad ID token')
  world.pass(1 * minute)
  expect((await sign()).status).toBe(200)
  const asked = world.providers.asked.filter(({ url }) => url.pathname.endsWith('certs'))
  expect(asked).toHaveLength(2)
})

test('what is signed by nobody, by a secret, too late or for somebody else is refused (A7, E19)', async () => {
  const world = await externalWorld(settingsOf('google'))
  const provider = 'google'
  const bad = { error: 'invalid request', error_description: 'Bad ID token' }
  const good = await world.providers.idToken(google)
  const [head = '', body = '', mark = ''] = good.split('.')
  const none = Buffer.from('{"alg":"none"}').toString('base64url')
  const at = Math.floor(world.ctx.now().getTime() / 1000)
  const hmac = await new SignJWT({ ...google, iat: at, exp: at + 60 })
    .setProtectedHeader({ alg: 'HS256', kid: 'key-1' })
    .sign(Buffer.from('a secret that anybody may know, 32 bytes'))
  const tokens = [
    'x',
    '...',
    `${none}.${body}.`,
    `${head}.${body}.${mark.slice(0, -4)}AAAA`,
    hmac,
    await world.providers.idToken({ ...google, exp: at - 1 }),
    await world.providers.idToken({ ...google, iss: 'https://evil.example.com' }),
    await world.providers.idToken(google, { header: { kid: 'unknown' } }),
  ]
  for (const id_token of tokens) {
    const answer = await bring(world, { id_token, provider })
    expect([answer.status, answer.body]).toEqual([400, bad])
  }
  const audience = await bringToken(world, { ...google, aud: ['a', 'b'] }, { provider })
  expect(audience.body).toEqual({
    error: 'invalid request',
    error_description: 'Unacceptable audience in id_token: [a b]',
  })
  const nobody = await bringToken(world, { ...google, sub: '' }, { provider })
  expect(nobody.body.error_description).toBe('Missing sub claim in id_token')
  const { rows } = await sql`select id from auth.users`.execute(world.ctx.db)
  expect(rows).toEqual([])
})

const refusals: [string, Body, object, string, string, string][] = [
  [
    'google is off',
    { provider: 'google' },
    google,
    'off',
    'provider_disabled',
    'Provider (issuer "https://accounts.google.com") is not enabled',
  ],
  [
    'no issuer can be read for Apple',
    { provider: 'apple', id_token: 'x' },
    google,
    'on',
    'validation_failed',
    'Unable to detect issuer in ID token for Apple provider',
  ],
  [
    'no issuer can be read for Azure',
    { provider: 'azure', id_token: 'x' },
    google,
    'on',
    'validation_failed',
    'Unable to detect issuer in ID token for Azure provider',
  ],
  [
    'Google’s token is shown as Apple’s',
    { provider: 'apple' },
    google,
    'on',
    'validation_failed',
    'Detected ID token issuer is not an Apple ID token issuer',
  ],
  [
    'Google’s token is shown as Azure’s',
    { provider: 'azure' },
    google,
    'on',
    'validation_failed',
    'Detected ID token issuer is not an Azure ID token issuer',
  ],
  [
    'another issuer is named',
    { provider: 'azure', issuer: 'https://login.microsoftonline.com/other/v2.0' },
    { ...google, iss: azureIssuer },
    'on',
    'validation_failed',
    'Provided issuer does not match ID token issuer',
  ],
  [
    'an issuer is not on the list',
    { issuer: 'https://evil.example.com', client_id: 'x' },
    google,
    'on',
    'validation_failed',
    'Custom OIDC provider "https://evil.example.com" not allowed',
  ],
  [
    'nobody has this name',
    { provider: 'nobody' },
    google,
    'on',
    'validation_failed',
    'Custom OIDC provider "nobody" not allowed',
  ],
  [
    'a custom provider is unknown',
    { provider: 'custom:none' },
    google,
    'on',
    'validation_failed',
    'Custom provider "custom:none" not found',
  ],
]

test.each(refusals)('%s', async (_, body, claims, state, code, message) => {
  const world = await externalWorld(state === 'on' ? settingsOf('apple', 'azure', 'google') : {})
  const answer = await bringToken(world, claims, body)
  expect([answer.status, answer.body.error_code, answer.body.msg]).toEqual([400, code, message])
})

test('an issuer of the list signs in, for the client that the app names', async () => {
  const iss = 'https://id.example.com'
  const world = await externalWorld({ GOTRUE_EXTERNAL_ALLOWED_ID_TOKEN_ISSUERS: iss })
  world.providers.describe(iss)
  const { status, body } = await bringToken(
    world,
    { ...google, iss, aud: 'their-client', preferred_username: 'ann', groups: ['x'] },
    { issuer: iss, client_id: 'their-client' },
  )
  expect(status).toBe(200)
  expect(body.user.identities[0]).toMatchObject({ provider: iss })
  expect(body.user.user_metadata).toMatchObject({ user_name: 'ann', iss })
  expect(body.user.user_metadata.groups).toBeUndefined()
})

test('an unverified address joins nothing, and is confirmed by mail (A8)', async () => {
  const world = await externalWorld(settingsOf('google'))
  const { id } = await world.createAccount('ann@example.com')
  const claims = { ...google, email_verified: false }
  const taken = await bringToken(world, claims, { provider: 'google' })
  expect([taken.status, taken.body.error_code]).toEqual([422, 'provider_email_needs_verification'])
  const fresh = await bringToken(
    world,
    { ...claims, sub: '2', email: 'bob@example.com' },
    { provider: 'google' },
  )
  expect(fresh.body.msg).toBe(
    'Unverified email with google. A confirmation email has been sent to your google email',
  )
  expect((await world.mailTo('bob@example.com')).link).toContain('signup')
  const mine = await bringToken(world, { ...google, sub: '3' }, { provider: 'google' })
  expect(mine.body.user.id).toBe(id)
})

test('somebody who is signed in adds an identity by a token', async () => {
  const world = await externalWorld(settingsOf('google'))
  const { id } = await world.createAccount('ann@work.example')
  const { access_token } = await world.signIn('ann@work.example')
  const body = {
    id_token: await world.providers.idToken(google),
    provider: 'google',
    link_identity: true,
  }
  expect((await bring(world, body)).body).toEqual({
    error: 'invalid request',
    error_description: 'Linking requires a valid user access token in Authorization',
  })
  expect((await bring(world, body, 'no.good.token')).body.error_code).toBe('bad_jwt')
  const linked = await bring(world, body, access_token)
  expect(linked.body.user).toMatchObject({
    id,
    email: 'ann@work.example',
    app_metadata: { providers: ['email', 'google'] },
  })
  const again = await bring(world, body, access_token)
  expect([again.status, again.body.error_code]).toEqual([422, 'identity_already_exists'])
})
