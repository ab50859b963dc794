import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { samlOn } from './gotrue-saml-world.ts'
import { type GotrueWorld, gotrueWorld, newFormat } from './gotrue-world.ts'

const somebody = '11111111-1111-4111-8111-111111111111'

/** Every route of this face that reads a body. */
const routes: [method: string, path: string, as?: 'ann' | 'admin'][] = [
  ['POST', '/signup'],
  ['POST', '/token?grant_type=password'],
  ['POST', '/token?grant_type=refresh_token'],
  ['POST', '/token?grant_type=pkce'],
  ['POST', '/token?grant_type=id_token'],
  ['POST', '/otp'],
  ['POST', '/magiclink'],
  ['POST', '/recover'],
  ['POST', '/resend'],
  ['POST', '/verify'],
  ['PUT', '/user', 'ann'],
  ['POST', '/factors', 'ann'],
  ['POST', '/invite', 'admin'],
  ['POST', '/admin/users', 'admin'],
  ['PUT', `/admin/users/${somebody}`, 'admin'],
  ['DELETE', `/admin/users/${somebody}`, 'admin'],
  ['POST', '/admin/generate_link', 'admin'],
  ['POST', '/admin/custom-providers', 'admin'],
  ['PUT', '/admin/custom-providers/custom:none', 'admin'],
  ['POST', '/sso'],
  ['POST', '/admin/sso/providers', 'admin'],
]

const fields = [
  'email',
  'phone',
  'password',
  'data',
  'type',
  'token',
  'token_hash',
  'refresh_token',
  'auth_code',
  'code_verifier',
  'id_token',
  'create_user',
  'factor_type',
  'challenge_id',
  'channel',
  'code',
  'webauthn',
  'credential',
  'friendly_name',
  'issuer',
  'user_metadata',
  'ban_duration',
  'should_soft_delete',
  'provider_type',
  'authorization_params',
  'scopes',
  'link_identity',
  'domain',
  'provider_id',
  'domains',
  'attribute_mapping',
  'metadata_xml',
  'redirect_uris',
  'grant_types',
  'client_id',
  'client_secret',
  'client_name',
  'grant_type',
  'action',
  'message',
  'signature',
  'chain',
]

function all(value: unknown): string {
  return JSON.stringify(Object.fromEntries(fields.map((field) => [field, value])))
}

const bodies: [name: string, body: string | Uint8Array, status?: number][] = [
  ['no body', ''],
  ['half an object', '{"email":'],
  ['a list', '[]'],
  ['a number', '7'],
  ['a text', '"email"'],
  ['lists for values', all([])],
  ['numbers for values', all(7)],
  ['objects for texts and texts for objects', all({}).replace('"data":{}', '"data":"x"')],
  ['NUL in a text', all('a\0b')],
  ['NUL in a name', '{"data":{"a\\u0000b":1},"email":"a@a.test","password":"123456"}'],
  ['raw NUL', new Uint8Array(32)],
  ['no UTF-8', Buffer.from([...Buffer.from('{"email":"'), 0xff, 0xc0, ...Buffer.from('"}')])],
  ['a megabyte and more', JSON.stringify({ email: 'a'.repeat(1024 * 1024 + 1) }), 413],
  ['a deep object', `{"data":${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}}`],
  ['a deep list without end', '['.repeat(500_000)],
  ['many quotes', `"${'\\"'.repeat(400_000)}`],
  ['a poisoned prototype', '{"__proto__":{"email":"x"}}'],
]

async function counted({ database }: GotrueWorld): Promise<unknown> {
  const { rows } = await sql`
    select (select count(*) from auth.users) users, (select count(*) from auth.sessions) sessions,
      (select count(*) from auth.one_time_tokens) tokens, (select count(*) from auth.flow_state) flows,
      (select count(*) from auth.audit_log_entries) entries, (select count(*) from idp.events) events`.execute(
    database.db,
  )
  return rows
}

test.each(bodies)(
  '%s is refused by every route, in both formats (M3, M5)',
  async (name, body, expected = 400) => {
    const world = await gotrueWorld({
      ...samlOn,
      GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED: 'true',
    })
    await world.createAccount()
    const bearers = { ann: (await world.signIn()).access_token, admin: world.adminKey }
    const before = await counted(world)
    const found: unknown[] = []
    for (const [method, path, as] of routes) {
      const options = { body, bearer: as === undefined ? null : bearers[as] }
      const old = await world.ask(method, path, options)
      // Nothing to say is allowed to the one route that needs no body; then nobody is there to be deleted.
      const status = method === 'DELETE' && name === 'no body' ? 404 : expected
      if (old.status !== status || old.body.code !== status || typeof old.body.msg !== 'string') {
        found.push({ method, path, status: old.status, body: old.body })
      }
      const recent = await world.ask(method, path, { ...options, headers: newFormat })
      if (recent.status !== status || typeof recent.body.code !== 'string') {
        found.push({ method, path, status: recent.status, body: recent.body })
      }
    }
    expect(found).toEqual([])
    expect(await counted(world)).toEqual(before)
  },
)

test.each(bodies)('%s is refused by factors and passkeys', async (name, body, expected = 400) => {
  const world = await gotrueWorld({
    GOTRUE_MFA_PHONE_ENROLL_ENABLED: 'true',
    GOTRUE_MFA_PHONE_VERIFY_ENABLED: 'true',
    GOTRUE_MFA_WEB_AUTHN_ENROLL_ENABLED: 'true',
    GOTRUE_MFA_WEB_AUTHN_VERIFY_ENABLED: 'true',
    GOTRUE_PASSKEY_ENABLED: 'true',
  })
  const { id } = await world.createAccount()
  const bearer = (await world.signIn()).access_token
  const made: string[] = []
  for (const factor_type of ['totp', 'phone', 'webauthn']) {
    const body = { factor_type, friendly_name: factor_type, phone: '15551234567' }
    made.push((await world.ask('POST', '/factors', { bearer, body })).body.id)
  }
  const [totp, phone, webauthn] = made
  const before = await counted(world)
  const found: unknown[] = []
  for (const [method, path] of [
    ['POST', `/factors/${totp}/verify`],
    ['POST', `/factors/${phone}/challenge`],
    ['POST', `/factors/${phone}/verify`],
    ['POST', `/factors/${webauthn}/challenge`],
    ['POST', `/factors/${webauthn}/verify`],
    ['POST', '/passkeys/authentication/verify'],
    ['POST', '/passkeys/registration/verify'],
    ['PATCH', `/passkeys/${somebody}`],
    ['PUT', `/admin/users/${id}/factors/${phone}`],
  ] as const) {
    const as = path.startsWith('/admin') ? world.adminKey : bearer
    const { status, body: said } = await world.ask(method, path, { body, bearer: as })
    if (status !== expected || said.code !== status) found.push({ method, path, status, said })
  }
  expect(found, name).toEqual([])
  expect(await counted(world)).toEqual(before)
})

test.each(bodies)(
  '%s is refused by the OAuth server and to wallets',
  async (name, body, expected = 400) => {
    const world = await gotrueWorld({
      GOTRUE_OAUTH_SERVER_ENABLED: 'true',
      GOTRUE_OAUTH_SERVER_ALLOW_DYNAMIC_REGISTRATION: 'true',
      GOTRUE_EXTERNAL_WEB3_ETHEREUM_ENABLED: 'true',
    })
    await world.createAccount()
    const ann = (await world.signIn()).access_token
    const { body: client } = await world.ask('POST', '/oauth/clients/register', {
      body: { redirect_uris: ['https://a.test/'] },
    })
    const before = await counted(world)
    const found: unknown[] = []
    for (const [method, path, bearer] of [
      ['POST', '/oauth/clients/register', null],
      ['POST', '/oauth/token', null],
      ['POST', '/oauth/authorizations/x/consent', ann],
      ['POST', '/admin/oauth/clients', world.adminKey],
      ['PUT', `/admin/oauth/clients/${client.client_id}`, world.adminKey],
      ['POST', '/token?grant_type=web3', null],
    ] as const) {
      const { status, body: said } = await world.ask(method, path, { body, bearer })
      const isSaid = said.code === status || typeof said.error === 'string'
      if (status !== expected || !isSaid) found.push({ method, path, status, said })
    }
    expect(found, name).toEqual([])
    expect(await counted(world)).toEqual(before)
  },
)

test('what is switched off does not look at the body (J6)', async () => {
  const { ask } = await gotrueWorld()
  for (const [, body] of bodies) {
    const { body: said } = await ask('POST', '/token?grant_type=web3', { body })
    expect(said.error_code).toBe('web3_provider_disabled')
  }
})

test('addresses of nonsense are refused too (I6)', async () => {
  const world = await gotrueWorld()
  const found: unknown[] = []
  for (const path of [
    '/verify?type=signup&token=%00',
    '/verify?type=%00&token=x',
    '/verify?type=signup&token=x&redirect_to=%00',
    '/verify?type=signup&token=x&redirect_to=https://x%0d%0aa:b',
    `/verify?type=signup&token=${'x'.repeat(10_000)}`,
    '/admin/users/%00',
    '/admin/users/%ff',
    '/admin/users?page=1e3',
    '/admin/users?filter=%00',
    '/admin/audit?query=author:%00',
    '/%00',
  ]) {
    const { status, headers } = await world.ask('GET', path, { bearer: world.adminKey })
    const isSaid =
      (status >= 400 && status < 500) || headers.get('location')?.includes('error_code=')
    if (!isSaid) found.push({ path, status, location: headers.get('location') })
  }
  expect(found).toEqual([])
})

test('half a character becomes the sign for one that cannot be read (M5)', async () => {
  const { ask } = await gotrueWorld({ GOTRUE_MAILER_AUTOCONFIRM: 'true' })
  const { status, body } = await ask('POST', '/signup', {
    body: '{"email":"ann@example.com","password":"123456","data":{"name":"\\ud800x"}}',
  })
  expect(status).toBe(200)
  expect(body.user.user_metadata.name).toBe('\ufffdx')
})

test('what is too long for its column is the fault of who sent it', async () => {
  const { ask, adminKey } = await gotrueWorld()
  const { status } = await ask('POST', '/admin/users', {
    bearer: adminKey,
    body: { email: 'ann@example.com', role: 'x'.repeat(300) },
  })
  expect(status).toBe(400)
})
