import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { runCommand } from '../../src/flows/administer.ts'
import { signInWithPassword } from '../../src/flows/sign-in.ts'
import { findApplication } from '../../src/model/application.ts'
import { isSecretOf } from '../../src/model/application-secret.ts'
import { listConnectors } from '../../src/model/connector.ts'
import { findSettings } from '../../src/model/settings.ts'
import { findUserByEmail } from '../../src/model/user.ts'
import { type World, world } from '../world.ts'

const mailgun = {
  connectorId: 'mailgun-email',
  config: {
    domain: 'mg.example.com',
    apiKey: 'key-of-mailgun',
    from: 'Shop <no-reply@mg.example.com>',
    deliveries: { Generic: { subject: '{{code}}', html: '<p>{{code}}</p>' } },
  },
}

const declared = {
  applications: [
    {
      id: 'bookstore',
      secret: 'a-secret-of-the-shop',
      name: 'Bookstore',
      type: 'Traditional',
      oidcClientMetadata: {
        redirectUris: ['https://shop.example/callback'],
        postLogoutRedirectUris: ['https://shop.example/'],
      },
    },
    { name: 'Reader', type: 'SPA' },
  ],
  connectors: [mailgun],
  signInExperience: { signInMode: 'SignIn', color: { primaryColor: '#00695c' } },
  users: [
    {
      primaryEmail: 'Ann@example.com',
      username: 'ann',
      name: 'Ann',
      password: 'correct horse battery',
      customData: { plan: 'gold' },
    },
  ],
}

async function outcomes({ ctx }: World, input: unknown): Promise<string[]> {
  return (await runCommand(ctx, 'apply', input)).map(({ outcome }) => outcome)
}

/** Every row that a declaration can touch, and every event. */
async function everything({ database }: World) {
  const { rows } = await sql`
    select (select json_agg(a order by id) from idp.applications a) as applications,
      (select json_agg(s order by application_id) from idp.application_secrets s) as secrets,
      (select json_agg(c order by id) from idp.connectors c) as connectors,
      (select json_agg(s) from idp.settings s) as settings,
      (select json_agg(u order by id) from auth.users u) as users,
      (select count(*)::int from idp.events) as events`.execute(database.db)
  return rows[0]
}

test('everything declared is there, and can be used', async () => {
  const here = await world()
  const { ctx } = here
  expect(await outcomes(here, declared)).toEqual([
    'created',
    'created',
    'created',
    'updated',
    'created',
  ])

  const application = await findApplication(ctx, 'bookstore')
  expect(application?.oidcClientMetadata.redirectUris).toEqual(['https://shop.example/callback'])
  expect(application && (await isSecretOf(ctx, application, 'a-secret-of-the-shop'))).toBe(true)
  expect(await listConnectors(ctx)).toMatchObject([mailgun])
  expect(await findSettings(ctx, 'sign-in-experience')).toMatchObject({ signInMode: 'SignIn' })
  const { user } = await signInWithPassword(ctx, {
    email: 'ann@example.com',
    password: 'correct horse battery',
  })
  expect(user).toMatchObject({ username: 'ann', customData: { plan: 'gold' } })
  expect(user.identities.map(({ provider }) => provider)).toEqual(['email'])
  expect((await here.events()).sort()).toEqual(
    [
      'application.created',
      'application.created',
      'connector.created',
      'settings.updated',
      'user.created',
      'user.signed-in',
    ].sort(),
  )
})

test('the keys of a connector rest encrypted', async () => {
  const here = await world()
  await outcomes(here, { connectors: [mailgun] })
  expect(JSON.stringify(await everything(here))).not.toContain('key-of-mailgun')
})

test('a second time nothing is written, not even an event', async () => {
  const here = await world()
  await outcomes(here, declared)
  const before = await everything(here)
  expect(new Set(await outcomes(here, declared))).toEqual(new Set(['unchanged']))
  expect(await everything(here)).toEqual(before)
})

test('what differs is changed, and only that', async () => {
  const here = await world()
  await outcomes(here, declared)
  const [shop, reader] = declared.applications
  const [ann] = declared.users
  const changed = {
    ...declared,
    applications: [
      { ...shop, secret: 'another-secret' },
      { ...reader, description: 'Reads' },
    ],
    connectors: [{ ...mailgun, config: { ...mailgun.config, domain: 'other.example.com' } }],
    users: [{ ...ann, name: 'Ann B.' }],
  }
  expect(await outcomes(here, changed)).toEqual([
    'updated',
    'updated',
    'updated',
    'unchanged',
    'updated',
  ])
  const application = await findApplication(here.ctx, 'bookstore')
  expect(application && (await isSecretOf(here.ctx, application, 'another-secret'))).toBe(true)
  expect(application && (await isSecretOf(here.ctx, application, 'a-secret-of-the-shop'))).toBe(
    false,
  )
  expect((await findUserByEmail(here.ctx, 'ann@example.com'))?.name).toBe('Ann B.')
})

test('what a declaration does not name stays', async () => {
  const here = await world()
  await outcomes(here, declared)
  const before = await everything(here)
  expect(await outcomes(here, { applications: [] })).toEqual([])
  expect(await everything(here)).toEqual(before)
})

test('another e-mail connector takes the place of the first', async () => {
  const here = await world()
  await outcomes(here, { connectors: [mailgun] })
  const smtp = {
    connectorId: 'simple-mail-transfer-protocol',
    config: {
      host: 'mail.example.com',
      port: 587,
      auth: { type: 'login', user: 'shop', pass: 'word' },
      fromEmail: 'no-reply@example.com',
      templates: [
        { usageType: 'Generic', contentType: 'text/plain', subject: 'Code', content: '{{code}}' },
      ],
    },
  }
  expect(await outcomes(here, { connectors: [smtp] })).toEqual(['replaced'])
  expect((await listConnectors(here.ctx)).map(({ connectorId }) => connectorId)).toEqual([
    'simple-mail-transfer-protocol',
  ])
})

test('a new password or a suspension ends the sessions of a user', async () => {
  const here = await world()
  const user = { primaryEmail: 'ann@example.com', password: 'correct horse battery' }
  await outcomes(here, { users: [user] })
  const sessions = async () =>
    (await sql`select id from auth.sessions`.execute(here.database.db)).rows.length
  await signInWithPassword(here.ctx, { email: user.primaryEmail, password: user.password })
  expect(await sessions()).toBe(1)
  await outcomes(here, { users: [{ ...user, password: 'another horse battery' }] })
  expect(await sessions()).toBe(0)
  await outcomes(here, { users: [{ primaryEmail: 'ann@example.com', isSuspended: true }] })
  await expect(
    signInWithPassword(here.ctx, { email: user.primaryEmail, password: 'another horse battery' }),
  ).rejects.toMatchObject({ code: 'user_banned' })
  await outcomes(here, { users: [{ primaryEmail: 'ann@example.com', isSuspended: false }] })
  await signInWithPassword(here.ctx, {
    email: user.primaryEmail,
    password: 'another horse battery',
  })
})

test('a phone number that comes later is an identity like one that came first', async () => {
  const here = await world()
  await outcomes(here, { users: [{ primaryEmail: 'ann@example.com' }] })
  const withPhone = { users: [{ primaryEmail: 'ann@example.com', primaryPhone: '819012345678' }] }
  expect(await outcomes(here, withPhone)).toEqual(['updated'])
  const user = await findUserByEmail(here.ctx, 'ann@example.com')
  expect(user?.phoneVerifiedAt).toBeInstanceOf(Date)
  expect(user?.identities.map(({ provider }) => provider).sort()).toEqual(['email', 'phone'])
  expect(user?.metadata.app).toEqual({ provider: 'email', providers: ['email', 'phone'] })
  expect(await here.events()).toEqual(['user.created', 'user.updated'])
  expect(await here.audited()).toEqual(['user_signedup', 'user_modified'])
})

describe('a declaration that is wrong changes nothing, and the place is named', () => {
  const wrong: [string, object, string][] = [
    ['an unknown part', { aplications: [] }, 'aplications'],
    [
      'an unknown field of an application',
      { applications: [{ name: 'A', type: 'SPA', nick: 1 }] },
      'applications.0.nick',
    ],
    [
      'a redirect URI that is none',
      { applications: [{ name: 'A', type: 'SPA', oidcClientMetadata: { redirectUris: ['x'] } }] },
      'applications.0.oidcClientMetadata.redirectUris.0',
    ],
    [
      'an unknown connector',
      { connectors: [{ connectorId: 'pigeon', config: {} }] },
      'connectors.0.connectorId',
    ],
    ['two e-mail connectors', { connectors: [mailgun, mailgun] }, 'connectors'],
    [
      'an unknown key of a connector',
      { connectors: [{ ...mailgun, config: { ...mailgun.config, colour: 'red' } }] },
      'connectors.mailgun-email.config.colour',
    ],
    [
      'an unknown setting',
      { signInExperience: { signInMood: 'SignIn' } },
      'signInExperience.signInMood',
    ],
    [
      'an unknown setting within',
      { signInExperience: { color: { primary: '#000000' } } },
      'signInExperience.color.primary',
    ],
    ['a user without any name', { users: [{ name: 'Ann' }] }, 'users.0'],
    ['an unknown field of a user', { users: [{ username: 'ann', nick: 'a' }] }, 'users.0.nick'],
  ]
  test.each(wrong)('%s', async (_what, input, place) => {
    const here = await world()
    await outcomes(here, { users: [{ username: 'somebody' }] })
    const before = await everything(here)
    const failed = await outcomes(here, { ...declared, ...input }).catch((error) => error)
    expect(failed).toMatchObject({ code: 'input_invalid' })
    const places = failed.details.issues.map(({ path }: { path: unknown[] }) => path.join('.'))
    expect(places).toContain(place)
    expect(await everything(here)).toEqual(before)
  })
})

test('when one part fails in the database, no part is written', async () => {
  const here = await world()
  await outcomes(here, { users: [{ primaryEmail: 'bea@example.com', username: 'bea' }] })
  const before = await everything(here)
  const users = [{ primaryEmail: 'ann@example.com', username: 'Bea' }]
  await expect(outcomes(here, { ...declared, users })).rejects.toMatchObject({
    code: 'username_exists',
  })
  expect(await everything(here)).toEqual(before)
  expect(await listConnectors(here.ctx)).toEqual([])
})

test('a config that the connector refuses is refused without its values', async () => {
  const here = await world()
  const config = { ...mailgun.config, domain: 7, apiKey: 'key-of-mailgun' }
  const failed = await runCommand(here.ctx, 'apply', {
    connectors: [{ connectorId: 'mailgun-email', config }],
  }).catch((error) => error)
  expect(failed).toMatchObject({ code: 'connector_invalid_config' })
  expect(JSON.stringify(failed.details)).not.toContain('key-of-mailgun')
})
