import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { minute } from '../../src/base/time.ts'
import { authColumns } from './auth-catalog.ts'
import { codeOf, enroll, verify } from './authenticator-app.ts'
import { type Rule, rules } from './gotrue-back-rules.ts'
import { type ExternalWorld, externalWorld, settingsOf } from './gotrue-external-world.ts'
import { fragmentOf, password, pathOf } from './gotrue-world.ts'
import { softwareKey } from './software-key.ts'

// The way back: what we wrote, through every flow, is what GoTrue would read (reference § 3.3), column by column.

const environment = {
  ...settingsOf('github'),
  GOTRUE_EXTERNAL_PHONE_ENABLED: 'true',
  GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED: 'true',
  GOTRUE_SECURITY_MANUAL_LINKING_ENABLED: 'true',
  GOTRUE_MFA_PHONE_ENROLL_ENABLED: 'true',
  GOTRUE_MFA_PHONE_VERIFY_ENABLED: 'true',
  GOTRUE_MFA_WEB_AUTHN_ENROLL_ENABLED: 'true',
  GOTRUE_MFA_WEB_AUTHN_VERIFY_ENABLED: 'true',
  GOTRUE_PASSKEY_ENABLED: 'true',
  GOTRUE_OAUTH_SERVER_ENABLED: 'true',
  GOTRUE_WEBAUTHN_RP_ID: 'localhost',
  GOTRUE_WEBAUTHN_RP_DISPLAY_NAME: 'An app',
  GOTRUE_WEBAUTHN_RP_ORIGINS: 'http://localhost:5173',
}
const place = { origin: 'http://localhost:5173', relyingParty: 'localhost' }
const pkce = { code_challenge: 'v'.repeat(43), code_challenge_method: 's256' }

/** Every flow once; what is begun and what is finished both leave rows. */
async function everyFlow(world: ExternalWorld): Promise<void> {
  const { adminKey: admin } = world
  const ask = async (
    method: string,
    path: string,
    body?: unknown,
    bearer: string | null = null,
  ) => {
    const answer = await world.ask(method, path, { body, bearer })
    expect(answer.status, `${method} ${path} ${JSON.stringify(answer.body)}`).toBeLessThan(400)
    return answer
  }
  await world.createAccount()
  const first = await world.signIn()
  await ask('POST', '/token?grant_type=refresh_token', { refresh_token: first.refresh_token })
  const old = world.under({ GOTRUE_SECURITY_REFRESH_TOKEN_ALGORITHM_VERSION: '1' })
  const { refresh_token } = await old.signIn()
  await ask('POST', '/token?grant_type=refresh_token', { refresh_token })

  await ask('POST', '/signup', {
    email: 'bob@example.com',
    password,
    data: { name: 'Bob' },
    ...pkce,
  })
  await ask('POST', '/signup', { email: 'cleo@example.com', password })
  await ask('GET', pathOf((await world.mailTo('cleo@example.com')).link))
  await ask('POST', '/otp', { email: 'cleo@example.com', ...pkce })
  await ask('GET', pathOf((await world.mailTo('cleo@example.com')).link))
  await ask('POST', '/otp', { email: 'dora@example.com' })
  await ask('POST', '/recover', { email: 'ann@example.com', ...pkce })
  await ask('POST', '/invite', { email: 'emil@example.com' }, admin)
  await ask('POST', '/admin/generate_link', { type: 'recovery', email: 'cleo@example.com' }, admin)

  await ask('POST', '/signup', { phone: '15551234567', password })
  const [message] = await world.mails('15551234567')
  const typed = { type: 'sms', phone: '15551234567', token: message?.code }
  const { body: caller } = await ask('POST', '/verify', typed)
  await ask('PUT', '/user', { phone: '15557654321' }, caller.access_token)

  const { body: anonymous } = await ask('POST', '/signup', {})
  await ask('PUT', '/user', { email: 'anonymous@example.com' }, anonymous.access_token)

  const bearer = (await world.signIn('cleo@example.com')).access_token
  await ask('PUT', '/user', { email: 'cleo.new@example.com', data: { a: 1 } }, bearer)
  await ask('GET', '/reauthenticate', undefined, bearer)
  await ask('PUT', '/user', { data: { b: 2 } }, bearer)

  expect(fragmentOf(await world.goThrough('github')).access_token).toBeDefined()
  await world.goTo('github')
  await world.goTo('github', pkce)
  await world.goThrough('github', pkce)
  await ask('GET', '/user/identities/authorize?provider=github', undefined, bearer)

  await factors(world, ask)
  await ask('POST', '/admin/users', { phone: '15550001111', ban_duration: '24h' }, admin)
  const { body: gone } = await ask(
    'POST',
    '/admin/users',
    { email: 'gone@example.com', password },
    admin,
  )
  await ask('DELETE', `/admin/users/${gone.id}`, { should_soft_delete: true }, admin)
  const described = {
    provider_type: 'oauth2',
    identifier: 'custom:plain',
    name: 'Plain',
    client_id: 'us',
    client_secret: 'a secret',
    authorization_url: 'https://plain.example/authorize',
    token_url: 'https://plain.example/token',
    userinfo_url: 'https://plain.example/me',
  }
  await ask('POST', '/admin/custom-providers', described, admin)
  for (const token_endpoint_auth_method of ['none', 'client_secret_post']) {
    const client = {
      redirect_uris: ['https://a.test/', 'https://b.test/'],
      token_endpoint_auth_method,
    }
    await ask('POST', '/admin/oauth/clients', client, admin)
  }
}

type Ask = (
  method: string,
  path: string,
  body?: unknown,
  bearer?: string | null,
) => Promise<{
  // biome-ignore lint/suspicious/noExplicitAny: bodies are looked into freely.
  body: any
}>

async function factors(world: ExternalWorld, ask: Ask): Promise<void> {
  await world.createAccount('fay@example.com')
  const bearer = (await world.signIn('fay@example.com')).access_token
  const options = await ask('POST', '/passkeys/registration/options', {}, bearer)
  const key = softwareKey()
  const credential = JSON.parse(key.register(options.body.options.challenge, place))
  const { challenge_id } = options.body
  await ask('POST', '/passkeys/registration/verify', { challenge_id, credential }, bearer)
  await ask('POST', '/passkeys/registration/options', {}, bearer)
  await ask('POST', '/passkeys/authentication/options', {})

  const app = await enroll(world, bearer)
  const { body: raised } = await verify(world, bearer, app)
  const high = raised.access_token
  world.pass(minute)
  await ask('POST', `/factors/${app.id}/challenge`, undefined, high)
  const named = { factor_type: 'webauthn', friendly_name: 'a key' }
  const { body: begun } = await ask('POST', '/factors', named, high)
  const asked = await ask('POST', `/factors/${begun.id}/challenge`, { webauthn: {} }, high)
  const { challenge } = asked.body.webauthn.credential_options.publicKey
  const shown = JSON.parse(softwareKey().register(challenge, place))
  const webauthn = { type: 'create', credential_response: shown }
  const answer = { challenge_id: asked.body.id, webauthn }
  await ask('POST', `/factors/${begun.id}/verify`, answer, high)
  const phone = { factor_type: 'phone', phone: '15559990000', friendly_name: 'a phone' }
  const { body: called } = await ask('POST', '/factors', phone, high)
  await ask('POST', `/factors/${called.id}/challenge`, {}, high)
  expect(codeOf(world, app.secret)).toMatch(/^\d{6}$/)
}

test('the rules speak of every column of their tables', () => {
  for (const [table, columns] of Object.entries(rules)) {
    const known = authColumns[table]?.map((column) => column.split(' ')[0])
    expect(Object.keys(columns), table).toEqual(known)
  }
})

test('what every flow writes is what GoTrue can read', async () => {
  const world = await externalWorld(environment)
  await everyFlow(world)
  const broken: string[] = []
  for (const [table, columns] of Object.entries(rules)) {
    const fields = Object.keys(columns).map(
      (name) => sql`${sql.ref(name)}::text as ${sql.ref(name)}`,
    )
    const { rows } = await sql<Record<string, string | null>>`
      select ${sql.join(fields)} from ${sql.table(`auth.${table}`)}`.execute(world.database.db)
    if (rows.length === 0) broken.push(`${table} has no row`)
    for (const row of rows) {
      for (const [name, rule] of Object.entries(columns)) {
        if (!fits(rule, row[name] ?? null)) broken.push(`${table}.${name}: ${row[name]}`)
      }
    }
  }
  expect([...new Set(broken)]).toEqual([])
}, 60_000)

function fits({ form, mayBeNull }: Rule, value: string | null): boolean {
  return value === null ? mayBeNull : form.test(value)
}

test('what stands in two places is the same in both', async () => {
  const world = await externalWorld(environment)
  await everyFlow(world)
  const { rows: strays } = await sql`
    select t.token_type from auth.one_time_tokens t join auth.users u on u.id = t.user_id
    where t.token_hash is distinct from case t.token_type
      when 'confirmation_token' then u.confirmation_token when 'recovery_token' then u.recovery_token
      when 'reauthentication_token' then u.reauthentication_token
      when 'email_change_token_new' then u.email_change_token_new
      when 'email_change_token_current' then u.email_change_token_current
      when 'phone_change_token' then u.phone_change_token end
    union all
    select 'confirmation_token' from auth.users u where u.confirmation_token <> '' and not exists
      (select from auth.one_time_tokens t where t.user_id = u.id and t.token_hash = u.confirmation_token)`.execute(
    world.database.db,
  )
  expect(strays).toEqual([])
  const { rows: providers } = await sql<{ told: string[]; there: string[] }>`
    select array(select jsonb_array_elements_text(coalesce(u.raw_app_meta_data->'providers', '[]')) order by 1) as told,
      array(select distinct provider from auth.identities i where i.user_id = u.id order by 1) as there
    from auth.users u where deleted_at is null and not is_anonymous and email_confirmed_at is not null`.execute(
    world.database.db,
  )
  expect(providers.length).toBeGreaterThan(2)
  for (const { told, there } of providers) expect(told).toEqual(there)
}, 60_000)
