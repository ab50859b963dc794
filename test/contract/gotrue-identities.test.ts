import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { ann } from '../servers/provider-dialects.ts'
import { type ExternalWorld, externalWorld, settingsOf } from './gotrue-external-world.ts'
import { type Answer, fragmentOf, pathOf, queryOf } from './gotrue-world.ts'

// Linking of one's own accord, and unlinking.

const linking = { GOTRUE_SECURITY_MANUAL_LINKING_ENABLED: 'true' }

async function linkTo(world: ExternalWorld, bearer: string, provider: string): Promise<Answer> {
  const { headers } = await world.ask('GET', `/user/identities/authorize?provider=${provider}`, {
    bearer,
  })
  return world.comeBack(headers.get('location') ?? '')
}

async function userOf(world: ExternalWorld, bearer: string) {
  return (await world.ask('GET', '/user', { bearer })).body
}

test('somebody adds an identity, whatever its address, and takes it away again', async () => {
  const world = await externalWorld({ ...settingsOf('github'), ...linking })
  await world.createAccount('ann@work.example')
  const { access_token: bearer, user } = await world.signIn('ann@work.example')
  const back = await linkTo(world, bearer, 'github')
  expect(fragmentOf(back).provider_token).toBeDefined()
  const linked = await userOf(world, bearer)
  expect(linked).toMatchObject({
    id: user.id,
    email: 'ann@work.example',
    app_metadata: { provider: 'email', providers: ['email', 'github'] },
  })
  const identity = linked.identities.find(
    ({ provider }: { provider: string }) => provider === 'github',
  )
  const again = await linkTo(world, bearer, 'github')
  expect(queryOf(again)).toMatchObject({
    error: 'server_error',
    error_code: 'identity_already_exists',
    error_description: 'Identity is already linked',
  })
  const gone = await world.ask('DELETE', `/user/identities/${identity.identity_id}`, { bearer })
  expect([gone.status, gone.body]).toEqual([200, {}])
  expect((await userOf(world, bearer)).app_metadata).toEqual({
    provider: 'email',
    providers: ['email'],
  })
  const { rows } = await sql<{ ip_address: string; payload: { traits: object } }>`
    select ip_address, payload from auth.audit_log_entries where payload->>'action' like 'identity%'
    order by created_at, ctid`.execute(world.ctx.db)
  const traits = {
    identity_id: identity.identity_id,
    provider: 'github',
    provider_id: identity.id,
  }
  expect(rows).toMatchObject([
    { ip_address: '192.0.2.1', payload: { action: 'identity_linked', traits } },
    { ip_address: '192.0.2.1', payload: { action: 'identity_unlinked', traits } },
  ])
  expect((await world.told()).filter((type) => type.startsWith('identity'))).toEqual([
    'identity.linked',
    'identity.unlinked',
  ])
})

test('somebody else’s identity stays theirs (A12)', async () => {
  const world = await externalWorld({ ...settingsOf('github'), ...linking })
  await world.goThrough('github')
  await world.createAccount('bob@example.com')
  const { access_token: bearer } = await world.signIn('bob@example.com')
  expect(queryOf(await linkTo(world, bearer, 'github')).error_description).toBe(
    'Identity is already linked to another user',
  )
  expect((await userOf(world, bearer)).identities).toHaveLength(1)
})

test('an anonymous user becomes somebody by a provider', async () => {
  const world = await externalWorld({
    ...settingsOf('github', 'gitlab'),
    ...linking,
    GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED: 'true',
  })
  const guest = async () => (await world.ask('POST', '/signup', { body: {} })).body
  const first = await guest()
  const back = await linkTo(world, first.access_token, 'github')
  const user = await userOf(world, fragmentOf(back).access_token ?? '')
  expect(user).toMatchObject({
    id: first.user.id,
    is_anonymous: false,
    email: 'ann@example.com',
    email_confirmed_at: expect.any(String),
  })
  world.providers.person = { ...ann, id: '2', isVerified: false }
  const taken = await guest()
  expect(queryOf(await linkTo(world, taken.access_token, 'gitlab'))).toMatchObject({
    error: 'invalid_request',
    error_code: 'email_exists',
  })
  world.providers.person = { ...ann, id: '3', email: 'bob@example.com', isVerified: false }
  const third = await guest()
  expect(queryOf(await linkTo(world, third.access_token, 'gitlab'))).toMatchObject({
    error_code: 'email_not_confirmed',
    error_description:
      'Unverified email with gitlab. A confirmation email has been sent to your gitlab email',
  })
  const waiting = await userOf(world, third.access_token)
  expect(waiting).toMatchObject({ id: third.user.id, is_anonymous: true })
  expect(waiting.identities).toHaveLength(1)
  await world.ask('GET', pathOf((await world.mailTo('bob@example.com')).link))
  const confirmed = await userOf(world, third.access_token)
  expect(confirmed.email_confirmed_at).toEqual(expect.any(String))
})

test('the address of the account goes to an identity that is left', async () => {
  const world = await externalWorld({ ...settingsOf('github', 'gitlab'), ...linking })
  const { access_token: bearer = '' } = fragmentOf(await world.goThrough('github'))
  world.providers.person = { ...ann, id: '2', email: 'second@example.com' }
  await linkTo(world, bearer, 'gitlab')
  const { identities } = await userOf(world, bearer)
  await world.ask('DELETE', `/user/identities/${identities[0].identity_id}`, { bearer })
  expect(await userOf(world, bearer)).toMatchObject({
    email: 'second@example.com',
    email_confirmed_at: expect.any(String),
    app_metadata: { provider: 'gitlab', providers: ['gitlab'] },
  })
})

test('an address that nobody verified is no longer confirmed, and one that is taken is not given (A2)', async () => {
  const world = await externalWorld({ ...settingsOf('github', 'gitlab'), ...linking })
  const { access_token: bearer = '' } = fragmentOf(await world.goThrough('github'))
  world.providers.person = { ...ann, id: '2', email: 'second@example.com', isVerified: false }
  await linkTo(world, bearer, 'gitlab')
  const { identities } = await userOf(world, bearer)
  const { id } = await world.createAccount('second@example.com')
  const path = `/user/identities/${identities[0].identity_id}`
  const taken = await world.ask('DELETE', path, { bearer })
  expect([taken.status, taken.body.error_code, taken.body.msg]).toEqual([
    422,
    'email_conflict_identity_not_deletable',
    'Unable to unlink identity due to email conflict',
  ])
  expect((await userOf(world, bearer)).identities).toHaveLength(2)
  await world.ask('DELETE', `/admin/users/${id}`, { bearer: world.adminKey })
  expect((await world.ask('DELETE', path, { bearer })).status).toBe(200)
  const user = await userOf(world, bearer)
  expect(user.email).toBe('second@example.com')
  expect(user.email_confirmed_at).toBeUndefined()
  expect(user.user_metadata.email_verified).toBe(false)
})

test('of two who unlink the last two identities at once, one is refused', async () => {
  const world = await externalWorld({ ...settingsOf('github', 'gitlab'), ...linking })
  const { access_token: bearer = '' } = fragmentOf(await world.goThrough('github'))
  world.providers.person = { ...ann, id: '2' }
  await linkTo(world, bearer, 'gitlab')
  const { identities } = await userOf(world, bearer)
  const answers = await Promise.all(
    identities.map(({ identity_id }: { identity_id: string }) =>
      world.ask('DELETE', `/user/identities/${identity_id}`, { bearer }),
    ),
  )
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 422])
})

test('what cannot be unlinked', async () => {
  const world = await externalWorld(linking)
  await world.createAccount()
  const { access_token: bearer, user } = await world.signIn()
  const nobody = '00000000-0000-4000-8000-000000000000'
  const refusals: [string, Record<string, string>, number, string, string][] = [
    ['x', {}, 404, 'validation_failed', 'identity_id must be an UUID'],
    ['%00', {}, 404, 'validation_failed', 'identity_id must be an UUID'],
    [
      user.identities[0].identity_id,
      {},
      422,
      'single_identity_not_deletable',
      'User must have at least 1 identity after unlinking',
    ],
    [
      nobody,
      { 'x-jwt-aud': 'others' },
      403,
      'unexpected_audience',
      "Token audience doesn't match request audience",
    ],
  ]
  for (const [id, headers, ...expected] of refusals) {
    const { status, body } = await world.ask('DELETE', `/user/identities/${id}`, {
      bearer,
      headers,
    })
    expect([status, body.error_code, body.msg]).toEqual(expected)
  }
  await sql`
    insert into auth.identities (provider_id, user_id, identity_data, provider)
    values ('+1', ${user.id}, '{}', 'phone')`.execute(world.ctx.db)
  const unknown = await world.ask('DELETE', `/user/identities/${nobody}`, { bearer })
  expect([unknown.status, unknown.body.error_code, unknown.body.msg]).toEqual([
    422,
    'identity_not_found',
    "Identity doesn't exist",
  ])
})

test('where it is off, nobody links or unlinks, and nobody without a session gets as far', async () => {
  const world = await externalWorld(settingsOf('github'))
  await world.createAccount()
  const { access_token: bearer } = await world.signIn()
  for (const [method, path] of [
    ['GET', '/user/identities/authorize?provider=github'],
    ['DELETE', '/user/identities/x'],
  ] as const) {
    const off = await world.ask(method, path, { bearer })
    expect([off.status, off.body.error_code]).toEqual([404, 'manual_linking_disabled'])
    expect((await world.ask(method, path)).status).toBe(401)
  }
})

test('who is gone when they come back links nothing', async () => {
  const world = await externalWorld({ ...settingsOf('github'), ...linking })
  const { id } = await world.createAccount()
  const { access_token: bearer } = await world.signIn()
  const { body } = await world.ask(
    'GET',
    '/user/identities/authorize?provider=github&skip_http_redirect=true',
    { bearer },
  )
  await world.ask('DELETE', `/admin/users/${id}`, { bearer: world.adminKey })
  expect(queryOf(await world.comeBack(body.url)).error_description).toBe(
    'Linking target user not found',
  )
})
