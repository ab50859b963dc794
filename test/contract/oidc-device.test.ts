import { describe, expect, test } from 'vitest'
import { transaction } from '../../src/base/context.ts'
import { minute, second } from '../../src/base/time.ts'
import { createApplication, updateApplication } from '../../src/model/application.ts'
import { setConsentScopes } from '../../src/model/application-consent.ts'
import { deleteExpired } from '../../src/model/expired.ts'
import { endSession } from '../../src/model/session.ts'
import { authority, organizationScopes, things } from './oidc-authority.ts'
import { claimsOf, type Fields, gate, me, person, verdict } from './oidc-client.ts'
import {
  answerDevice,
  begin,
  comeToConfirm,
  deviceGrant,
  makeTv,
  poll,
  stage,
} from './oidc-devices.ts'

test('a device shows a code, its user allows it, and it has tokens', async () => {
  const at = await stage()
  const waiting = await begin(at)
  expect(waiting).toEqual({
    device_code: expect.stringMatching(/^[\w-]{43}$/),
    user_code: expect.stringMatching(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/),
    verification_uri: 'http://localhost:3001/device',
    verification_uri_complete: `http://localhost:3001/device?user_code=${waiting.user_code}`,
    expires_in: 600,
    interval: 5,
  })
  expect(await verdict(await poll(at, waiting.device_code))).toBe('400 authorization_pending')
  expect(await answerDevice(at.ann.browser, waiting.user_code, 'allow')).toBe(
    '/message?about=device-allowed',
  )
  const done = await at.ann.browser.open('/message?about=device-allowed')
  expect(await done.text()).toContain('Your device is connected')
  const answer = await poll(at, waiting.device_code)
  expect(answer.headers.get('cache-control')).toBe('no-store')
  const tokens = await answer.json()
  expect(tokens).toMatchObject({ token_type: 'Bearer', scope: 'openid offline_access email' })
  expect(claimsOf(tokens.id_token)).toMatchObject({ sub: at.ann.user.id, aud: 'tv' })
  expect((await me(at, tokens.access_token)).status).toBe(200)
  const refreshed = await at.post('/oidc/token', {
    ...{ grant_type: 'refresh_token', client_id: 'tv', refresh_token: tokens.refresh_token },
  })
  expect(refreshed.status).toBe(200)
  expect(await at.scene.events()).toEqual(
    expect.arrayContaining(['grant.created', 'code.redeemed']),
  )
  expect(await verdict(await poll(at, waiting.device_code))).toBe('400 invalid_grant')
  expect((await me(at, tokens.access_token)).status).toBe(200)
})

test('nothing of the codes rests in clear (N2)', async () => {
  const at = await stage()
  const { device_code, user_code } = await begin(at)
  await comeToConfirm(at.ann.browser, user_code)
  const { db } = at.scene.ctx
  const rows = [
    ...(await db.selectFrom('idp.device_codes').selectAll().execute()),
    ...(await db.selectFrom('idp.interactions').selectAll().execute()),
    ...(await db.selectFrom('idp.events').selectAll().execute()),
  ]
  const text = JSON.stringify(rows)
  for (const secret of [device_code, user_code, user_code.replace('-', '')]) {
    expect(text).not.toContain(secret)
  }
})

describe('a device that polls', () => {
  test('too soon is told to slow down, five seconds more each time (RFC-8628)', async () => {
    const at = await stage()
    const { device_code } = await begin(at)
    const ask = async () => verdict(await poll(at, device_code))
    expect(await ask()).toBe('400 authorization_pending')
    expect(await ask()).toBe('400 slow_down')
    at.scene.pass(5 * second)
    expect(await ask()).toBe('400 slow_down')
    at.scene.pass(10 * second)
    expect(await ask()).toBe('400 slow_down')
    at.scene.pass(20 * second)
    expect(await ask()).toBe('400 authorization_pending')
    const rows = await at.scene.ctx.db
      .selectFrom('idp.device_codes')
      .select('poll_interval')
      .execute()
    expect(rows).toEqual([{ poll_interval: 20 }])
  })

  test('in time is never told so, and costs one statement', async () => {
    const at = await stage()
    const { device_code } = await begin(at)
    for (let turn = 0; turn < 5; turn += 1) {
      at.scene.queries()
      expect(await verdict(await poll(at, device_code))).toBe('400 authorization_pending')
      // Every few seconds the application is read again.
      const own = at.scene.queries().filter((text) => !/from idp.applications/.test(text))
      expect(own).toHaveLength(1)
      at.scene.pass(5 * second)
    }
  })

  test('ten times at once after the yes has tokens once (E5) (RFC-8628)', async () => {
    const at = await stage()
    const { device_code, user_code } = await begin(at)
    await answerDevice(at.ann.browser, user_code, 'allow')
    const answers = await Promise.all(Array.from({ length: 10 }, () => poll(at, device_code)))
    const winners = answers.filter(({ status }) => status === 200)
    expect(winners).toHaveLength(1)
    for (const answer of answers) {
      if (answer.status !== 200) expect(await verdict(answer)).toBe('400 invalid_grant')
    }
    const tokens: unknown = await winners[0]?.json()
    const access_token = String(Reflect.get(Object(tokens), 'access_token'))
    expect((await me(at, access_token)).status).toBe(200)
  })

  test('hears of a no, of the end of its time, and of nothing that is another’s (E2, E5) (RFC-8628)', async () => {
    const at = await stage()
    const refused = await begin(at)
    expect(await answerDevice(at.ann.browser, refused.user_code, 'deny')).toBe(
      '/message?about=device-denied',
    )
    expect(await verdict(await poll(at, refused.device_code))).toBe('400 access_denied')
    expect(await at.scene.events()).toContain('device.refused')
    const late = await begin(at)
    expect(await verdict(await poll(at, late.device_code, { client_id: 'native' }))).toBe(
      '400 unauthorized_client',
    )
    await updateApplication(at.scene.ctx, 'native', {
      customClientMetadata: { isDeviceFlow: true },
    })
    expect(await verdict(await poll(at, late.device_code, { client_id: 'native' }))).toBe(
      '400 invalid_grant',
    )
    expect(await verdict(await poll(at, 'unknown'))).toBe('400 invalid_grant')
    expect(
      await verdict(await at.post('/oidc/token', { grant_type: deviceGrant, client_id: 'tv' })),
    ).toBe('400 invalid_request')
    at.scene.pass(10 * minute + 1 * second)
    expect(await verdict(await poll(at, late.device_code))).toBe('400 expired_token')
    expect((await at.ann.browser.send('/device', { user_code: late.user_code })).status).toBe(422)
  })

  test('after the yes and its time, gets nothing', async () => {
    const at = await stage()
    const { device_code, user_code } = await begin(at)
    await answerDevice(at.ann.browser, user_code, 'allow')
    at.scene.pass(11 * minute)
    expect(await verdict(await poll(at, device_code))).toBe('400 expired_token')
  })

  test('loses what was allowed when the session ends before (D10)', async () => {
    const at = await stage()
    const { device_code, user_code } = await begin(at)
    await answerDevice(at.ann.browser, user_code, 'allow')
    await endSession(at.scene.ctx, at.ann.sessionId)
    expect(await verdict(await poll(at, device_code))).toBe('400 invalid_grant')
  })
})

describe('who may ask for a device', () => {
  test('applications that were let, and no others (E4)', async () => {
    const at = await stage()
    const scope = 'openid'
    const asked = async (client_id: string) =>
      verdict(await at.post('/oidc/device/auth', { client_id, scope }))
    expect(await asked('native')).toBe('400 unauthorized_client')
    expect(await asked('nobody')).toBe('401 invalid_client')
    expect(await asked('machine')).toBe('401 invalid_client')
    const wrong: Fields[] = [
      { prompt: 'none' },
      { claims: '{' },
      { max_age: 'x' },
      { resource: 'https://unknown.example' },
      { id_token_hint: 'nonsense' },
      { request: 'x.y.z' },
    ]
    for (const changes of wrong) {
      const answer = await at.post('/oidc/device/auth', { client_id: 'tv', scope, ...changes })
      expect([answer.status, changes]).toEqual([400, changes])
    }
    const twice = await at.post('/oidc/device/auth', 'client_id=tv&scope=openid&scope=email')
    expect(await verdict(twice)).toBe('400 invalid_request')
  })

  test('discovery names the endpoint and the grant', async () => {
    const at = await stage()
    const document = await (await at.ask('/oidc/.well-known/openid-configuration')).json()
    expect(document).toMatchObject({
      device_authorization_endpoint: 'http://localhost:3001/oidc/device/auth',
      grant_types_supported: expect.arrayContaining([deviceGrant]),
    })
  })

  test('not without end from one place', async () => {
    const at = await stage()
    const answers = []
    for (let turn = 0; turn < 101; turn += 1) {
      answers.push((await at.post('/oidc/device/auth', { client_id: 'tv' })).status)
    }
    expect(answers.filter((status) => status === 200)).toHaveLength(100)
    expect(answers.at(-1)).toBe(429)
  })
})

test('somebody else’s application needs consent, and a no is a no', async () => {
  const at = await gate()
  await createApplication(at.scene.ctx, {
    ...{ id: 'tv', name: 'Foreign TV', type: 'Native', isThirdParty: true },
    customClientMetadata: { isDeviceFlow: true },
  })
  await setConsentScopes(at.scene.ctx, 'tv', {
    userScopes: ['email'],
    ...{ resourceScopes: [], organizationScopes: [], organizationResourceScopes: [] },
  })
  const { browser } = await person(at)
  const waiting = await begin(at)
  const { location, form } = await comeToConfirm(browser, waiting.user_code)
  expect(location).toMatch(/^\/consent\?/)
  const denied = await browser.send('/consent', { ...form, want: 'deny' })
  const done = await browser.open(denied.headers.get('location') ?? '')
  expect(done.headers.get('location')).toBe('/message?about=device-denied')
  expect(await verdict(await poll(at, waiting.device_code))).toBe('400 access_denied')
})

test('a device’s tokens are for the resource and organization that it asked for', async () => {
  const at = await authority()
  await makeTv(at)
  const waiting = await begin(at, {
    ...{ scope: `openid ${organizationScopes} read:things write:things`, resource: things },
  })
  await answerDevice(at.ann.browser, waiting.user_code, 'allow')
  const foreign = await poll(at, waiting.device_code, { organization_id: 'other' })
  expect(await verdict(foreign)).toBe('403 access_denied')
  const unasked = await poll(at, waiting.device_code, { resource: 'https://api.example.com/bills' })
  expect(await verdict(unasked)).toBe('400 invalid_target')
  const tokens = await (await poll(at, waiting.device_code, { resource: things })).json()
  expect(claimsOf(tokens.access_token)).toMatchObject({ aud: things, scope: 'read:things' })
})

test('expired requests are tidied away', async () => {
  const at = await stage()
  await begin(at)
  at.scene.pass(2 * 24 * 60 * minute)
  const { ctx } = at.scene
  await deleteExpired(ctx, (work) => transaction(ctx, work))
  expect(await ctx.db.selectFrom('idp.device_codes').select('id').execute()).toEqual([])
})
