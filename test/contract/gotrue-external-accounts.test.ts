import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { ann } from '../servers/provider-dialects.ts'
import { type ExternalWorld, externalWorld, settingsOf } from './gotrue-external-world.ts'
import { fragmentOf, password, pathOf, queryOf } from './gotrue-world.ts'

// Whose account somebody comes to who is back from a provider, and who is not let in.

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

test('a verified address joins the account that has it; one that nobody verified never does (A2, A8)', async () => {
  const world = await externalWorld({ ...settingsOf('github', 'gitlab') })
  const { id } = await world.createAccount('ann@example.com')
  world.providers.person = { ...ann, id: '1', isVerified: false }
  const stranger = await world.goThrough('gitlab')
  expect(queryOf(stranger)).toMatchObject({
    error: 'access_denied',
    error_code: 'provider_email_needs_verification',
    error_description:
      'Unverified email with gitlab. Verify the email with gitlab in order to sign in',
  })
  world.providers.person = { ...ann, id: '2' }
  const { access_token: bearer = '' } = fragmentOf(await world.goThrough('github'))
  const { body } = await world.ask('GET', '/user', { bearer })
  expect(body.id).toBe(id)
  expect(body.app_metadata).toEqual({ provider: 'email', providers: ['email', 'github'] })
  const rows = await sql<{ n: number }>`
    select count(*)::int as n from auth.identities where user_id = ${id}`.execute(world.ctx.db)
  expect(rows.rows[0]?.n).toBe(2)
  expect(await world.audited()).toEqual(['user_signedup', 'identity_linked', 'login'])
})

test('autoconfirmation believes the address of a new account, and still joins nothing by it (A2)', async () => {
  const world = await externalWorld({
    ...settingsOf('gitlab'),
    GOTRUE_MAILER_AUTOCONFIRM: 'true',
  })
  const { id } = await world.createAccount('ann@example.com')
  world.providers.person = { ...ann, id: '1', isVerified: false }
  const taken = await world.goThrough('gitlab')
  expect(queryOf(taken).error_code).toBe('provider_email_needs_verification')
  world.providers.person = { ...ann, id: '2', isVerified: false, email: 'bob@example.com' }
  const { access_token: bearer = '' } = fragmentOf(await world.goThrough('gitlab'))
  const { body } = await world.ask('GET', '/user', { bearer })
  expect(body).toMatchObject({ email: 'bob@example.com', email_confirmed_at: expect.any(String) })
  expect(body.id).not.toBe(id)
})

test('an account that a stranger made for the address is emptied before its owner gets it (A1, A2)', async () => {
  const world = await externalWorld(github)
  const { body: made } = await world.ask('POST', '/signup', {
    body: { email: 'ann@example.com', password, data: { mine: true } },
  })
  const { access_token: bearer = '' } = fragmentOf(await world.goThrough('github'))
  const { body } = await world.ask('GET', '/user', { bearer })
  expect(body.id).toBe(made.id)
  expect(body.identities.map(({ provider }: { provider: string }) => provider)).toEqual(['github'])
  expect(body.app_metadata).toEqual({ provider: 'github', providers: ['github'] })
  expect(body.user_metadata.mine).toBeUndefined()
  const stranger = await world.ask('POST', '/token?grant_type=password', {
    body: { email: 'ann@example.com', password },
  })
  expect(stranger.body.error_code).toBe('invalid_credentials')
})

test('an identity whose address nobody verified draws nobody into its account (A8)', async () => {
  const world = await externalWorld({
    ...settingsOf('github', 'gitlab'),
    GOTRUE_SECURITY_MANUAL_LINKING_ENABLED: 'true',
  })
  // Mallory adds an identity with Ann's address, unverified, to an account of her own.
  await world.createAccount('mallory@example.com')
  const { access_token: mallory } = await world.signIn('mallory@example.com')
  world.providers.person = { ...ann, id: '666', isVerified: false }
  const { body: link } = await world.ask(
    'GET',
    '/user/identities/authorize?provider=gitlab&skip_http_redirect=true',
    { bearer: mallory },
  )
  expect(fragmentOf(await world.comeBack(link.url)).access_token).toBeDefined()
  world.providers.person = ann
  const { access_token: bearer = '' } = fragmentOf(await world.goThrough('github'))
  const { body } = await world.ask('GET', '/user', { bearer })
  expect(body.email).toBe('ann@example.com')
})

test('two accounts with one address are not guessed between', async () => {
  const world = await externalWorld(settingsOf('github', 'gitlab', 'discord'))
  await world.goThrough('gitlab')
  world.providers.person = { ...ann, id: '2', email: 'other@example.com' }
  await world.goThrough('discord')
  await sql`update auth.identities set identity_data = identity_data || '{"email":"ann@example.com"}' where provider = 'discord'`.execute(
    world.ctx.db,
  )
  world.providers.person = { ...ann, id: '3' }
  expect(queryOf(await world.goThrough('github'))).toEqual({
    error: 'server_error',
    error_code: 'unexpected_failure',
    error_description:
      'Multiple accounts with the same email address in the same linking domain detected: default',
  })
})

test('providers of another linking domain have people of their own (A11)', async () => {
  const world = await externalWorld({
    ...settingsOf('github', 'gitlab', 'google'),
    GOTRUE_EXPERIMENTAL_PROVIDER_LINKING_DOMAINS: 'github=work,gitlab=work',
  })
  const { id } = await world.createAccount('ann@example.com')
  const idOf = async (provider: string) => {
    const { access_token: bearer = '' } = fragmentOf(await world.goThrough(provider))
    return (await world.ask('GET', '/user', { bearer })).body.id
  }
  const atWork = await idOf('github')
  expect(atWork).not.toBe(id)
  expect(await idOf('gitlab')).toBe(atWork)
  expect(await idOf('google')).toBe(id)
})

test('an address that the provider does not vouch for is confirmed by mail, once', async () => {
  const world = await externalWorld(settingsOf('gitlab'))
  world.providers.person = { ...ann, isVerified: false }
  await world.goThrough('gitlab')
  const soon = await world.goThrough('gitlab')
  expect(queryOf(soon).error_code).toBe('over_email_send_rate_limit')
  const { link } = await world.mailTo('ann@example.com')
  const confirmed = await world.ask('GET', pathOf(link))
  expect(fragmentOf(confirmed).access_token).toBeDefined()
  expect(fragmentOf(await world.goThrough('gitlab')).access_token).toBeDefined()
  const tolerant = world.under({
    ...settingsOf('gitlab'),
    GOTRUE_MAILER_ALLOW_UNVERIFIED_EMAIL_SIGN_INS: 'true',
  })
  tolerant.providers.person = { ...ann, id: '5', email: 'bob@example.com', isVerified: false }
  expect(fragmentOf(await tolerant.goThrough('gitlab')).access_token).toBeDefined()
  expect(fragmentOf(await tolerant.goThrough('gitlab')).access_token).toBeDefined()
  expect((await world.mailTo('bob@example.com')).link).toContain('signup')
})

test('an address is needed, unless the provider is said to need none', async () => {
  const world = await externalWorld(settingsOf('facebook'))
  world.providers.person = { ...ann, email: null }
  expect(queryOf(await world.goThrough('facebook')).error_description).toBe(
    'Error getting user email from external provider',
  )
  const lenient = world.under({
    ...settingsOf('facebook'),
    GOTRUE_EXTERNAL_FACEBOOK_EMAIL_OPTIONAL: 'true',
  })
  for (const query of [{}, pkce]) {
    const back = await lenient.goThrough('facebook', query)
    const { code } = queryOf(back)
    const bearer =
      code === undefined
        ? (fragmentOf(back).access_token ?? '')
        : (await redeem(lenient, code)).body.access_token
    const { body } = await lenient.ask('GET', '/user', { bearer })
    expect(body).toMatchObject({ email: '', app_metadata: { provider: 'facebook' } })
  }
})

test('who is banned, or would be new where nobody may be, is told so', async () => {
  const world = await externalWorld({ ...github, GOTRUE_DISABLE_SIGNUP: 'true' })
  expect(queryOf(await world.goThrough('github'))).toEqual({
    error: 'access_denied',
    error_code: 'signup_disabled',
    error_description: 'Signups not allowed for this instance',
  })
  const { id } = await world.createAccount('ann@example.com')
  await world.ask('PUT', `/admin/users/${id}`, {
    bearer: world.adminKey,
    body: { ban_duration: '24h' },
  })
  for (const query of [{}, pkce]) {
    expect(queryOf(await world.goThrough('github', query))).toEqual({
      error: 'access_denied',
      error_code: 'user_banned',
      error_description: 'User is banned',
    })
  }
  const { rows } = await sql`select id from auth.identities where provider = 'github'`.execute(
    world.ctx.db,
  )
  expect(rows).toEqual([])
})

test('who was invited may come by a provider with that address', async () => {
  const world = await externalWorld(github)
  const invited = await world.ask('POST', '/invite', {
    bearer: world.adminKey,
    body: { email: 'ann@example.com', data: { team: 'red' } },
  })
  const { link } = await world.mailTo('ann@example.com')
  const token = new URL(link).searchParams.get('token') ?? ''
  world.providers.person = { ...ann, email: 'bob@example.com' }
  expect(queryOf(await world.goThrough('github', { invite_token: token }))).toMatchObject({
    error: 'invalid_request',
    error_description: 'Invited email does not match emails from external provider',
  })
  world.providers.person = ann
  const way = await world.goTo('github', { invite_token: token })
  const { access_token: bearer = '' } = fragmentOf(await world.comeBack(way))
  const { body } = await world.ask('GET', '/user', { bearer })
  expect(body).toMatchObject({ id: invited.body.id, user_metadata: { team: 'red', sub: ann.id } })
  expect(body.app_metadata).toEqual({ provider: 'github', providers: ['github'] })
  const unknown = await world.ask('GET', `/authorize?provider=github&invite_token=${token}`)
  expect([unknown.status, unknown.body.error_code, unknown.body.msg]).toEqual([
    404,
    'user_not_found',
    'User identified by token not found',
  ])
  expect(await world.audited()).toEqual(['user_invited', 'invite_accepted'])
})

test('an invitation that was used meanwhile is not found', async () => {
  const world = await externalWorld(github)
  await world.ask('POST', '/invite', { bearer: world.adminKey, body: { email: 'ann@example.com' } })
  const { link } = await world.mailTo('ann@example.com')
  const way = await world.goTo('github', {
    invite_token: new URL(link).searchParams.get('token') ?? '',
  })
  await world.ask('GET', pathOf(link))
  expect(queryOf(await world.comeBack(way)).error_description).toBe('Invite not found')
})
