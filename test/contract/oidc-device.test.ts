import { describe, expect, test } from 'vitest'
import { transaction } from '../../src/base/context.ts'
import { minute, second } from '../../src/base/time.ts'
import { createApplication, updateApplication } from '../../src/model/application.ts'
import { setConsentScopes } from '../../src/model/application-consent.ts'
import { deleteAllExpired } from '../../src/model/expired.ts'
import { endSession } from '../../src/model/session.ts'
import { authority, organizationScopes, things } from './oidc-authority.ts'
import {
  type Browser,
  browserAt,
  claimsOf,
  type Fields,
  type Gate,
  gate,
  me,
  type Person,
  person,
  signIn,
  verdict,
} from './oidc-client.ts'

const deviceGrant = 'urn:ietf:params:oauth:grant-type:device_code'

interface Waiting {
  device_code: string
  user_code: string
  verification_uri: string
  verification_uri_complete: string
  expires_in: number
  interval: number
}

/** A television (Native, by device codes) and Ann, who has signed in at her browser. */
async function stage(): Promise<Gate & { ann: Person }> {
  const at = await gate()
  await makeTv(at)
  const ann = await person(at)
  at.scene.queries()
  return { ...at, ann }
}

async function makeTv(at: Gate, more: Fields = {}): Promise<void> {
  await createApplication(at.scene.ctx, {
    ...{ id: 'tv', name: 'The Television', type: 'Native' as const },
    customClientMetadata: { isDeviceFlow: true },
    ...more,
  })
}

async function begin(at: Gate, changes: Fields = {}): Promise<Waiting> {
  const scope = 'openid offline_access email'
  const answer = await at.post('/oidc/device/auth', { client_id: 'tv', scope, ...changes })
  if (answer.status !== 200) throw new Error(await answer.text())
  return (await answer.json()) as Waiting
}

function poll(at: Gate, device_code: string, changes: Fields = {}): Promise<Response> {
  return at.post('/oidc/token', {
    ...{ grant_type: deviceGrant, client_id: 'tv', device_code },
    ...changes,
  })
}

function hiddenOf(html: string): Fields {
  const hidden = [...html.matchAll(/type="hidden" name="([^"]+)" value="([^"]+)"/g)]
  return Object.fromEntries(hidden.map(([, name = '', value = '']) => [name, value]))
}

/** Types the code and follows to the page where the last word is asked for. */
async function comeToConfirm(browser: Browser, code: string) {
  const sent = await browser.send('/device', { user_code: code })
  expect(sent.status, await sent.clone().text()).toBe(303)
  const resumed = await browser.open(sent.headers.get('location') ?? '')
  const location = resumed.headers.get('location') ?? ''
  const page = await browser.open(location)
  const html = await page.text()
  return { location, html, form: hiddenOf(html) }
}

async function answerDevice(
  browser: Browser,
  code: string,
  want: 'allow' | 'deny',
): Promise<string> {
  const { form } = await comeToConfirm(browser, code)
  const answered = await browser.send('/device/confirm', { ...form, want })
  const done = await browser.open(answered.headers.get('location') ?? '')
  return done.headers.get('location') ?? `${done.status} ${await done.text()}`
}

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

test('nothing of the codes rests in clear', async () => {
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
  test('too soon is told to slow down, five seconds more each time', async () => {
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

  test('ten times at once after the yes has tokens once', async () => {
    const at = await stage()
    const { device_code, user_code } = await begin(at)
    await answerDevice(at.ann.browser, user_code, 'allow')
    const answers = await Promise.all(Array.from({ length: 10 }, () => poll(at, device_code)))
    const winners = answers.filter(({ status }) => status === 200)
    expect(winners).toHaveLength(1)
    for (const answer of answers) {
      if (answer.status !== 200) expect(await verdict(answer)).toBe('400 invalid_grant')
    }
    const { access_token } = (await winners[0]?.json()) as { access_token: string }
    expect((await me(at, access_token)).status).toBe(200)
  })

  test('hears of a no, of the end of its time, and of nothing that is another’s', async () => {
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

  test('loses what was allowed when the session ends before', async () => {
    const at = await stage()
    const { device_code, user_code } = await begin(at)
    await answerDevice(at.ann.browser, user_code, 'allow')
    await endSession(at.scene.ctx, at.ann.sessionId)
    expect(await verdict(await poll(at, device_code))).toBe('400 invalid_grant')
  })
})

describe('who may ask for a device', () => {
  test('applications that were let, and no others', async () => {
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

describe('the pages', () => {
  test('take the code in any spelling, and bring it from the address without using it', async () => {
    const at = await stage()
    const { user_code, device_code } = await begin(at)
    const page = await at.ann.browser.open(`/device?user_code=${user_code}`)
    expect(await page.text()).toContain(`value="${user_code}"`)
    expect(await verdict(await poll(at, device_code))).toBe('400 authorization_pending')
    const letters = user_code.replace('-', '')
    const full = [...letters].map((one) => String.fromCodePoint((one.codePointAt(0) ?? 0) + 0xfee0))
    for (const spelling of [
      letters.toLowerCase(),
      ` ${[...letters].join(' ')} `,
      full.join(''),
      `${letters.slice(0, 4)}–${letters.slice(4)}`,
    ]) {
      const { location, html } = await comeToConfirm(at.ann.browser, spelling)
      expect(location).toMatch(/^\/device\/confirm\?/)
      expect(html).toContain(user_code)
      expect(html).toContain('The Television')
      expect(html).toContain('See your email address')
      expect(html).toContain('ann@example.com')
    }
  })

  test('refuse who guesses, wherever the cookie went', async () => {
    const at = await stage()
    const { user_code } = await begin(at)
    const statuses: number[] = []
    for (let turn = 0; turn < 50; turn += 1) {
      const answer = await browserAt(at).send('/device', { user_code: 'BBBB-BBBB' })
      statuses.push(answer.status)
      if (answer.status === 429)
        expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
    }
    expect(statuses.filter((status) => status === 422)).toHaveLength(20)
    expect(statuses.at(-1)).toBe(429)
    expect((await at.ann.browser.send('/device', { user_code })).status).toBe(429)
    at.scene.pass(10 * minute)
    const again = await begin(at)
    expect((await at.ann.browser.send('/device', { user_code: again.user_code })).status).toBe(303)
  })

  test('ask who is there first, where nobody has signed in', async () => {
    const at = await stage()
    const { user_code, device_code } = await begin(at)
    const browser = browserAt(at)
    const sent = await browser.send('/device', { user_code })
    const resumed = await browser.open(sent.headers.get('location') ?? '')
    const location = resumed.headers.get('location') ?? ''
    expect(location).toMatch(/^\/sign-in\?app_id=tv&flow=/)
    await signIn(at, browser, at.ann.user)
    const back = await browser.open(sent.headers.get('location') ?? '')
    expect(back.headers.get('location')).toMatch(/^\/device\/confirm\?/)
    expect(await verdict(await poll(at, device_code))).toBe('400 authorization_pending')
  })

  test('let nobody answer for somebody else', async () => {
    const at = await stage()
    const { user_code, device_code } = await begin(at)
    const { form, location } = await comeToConfirm(at.ann.browser, user_code)
    const yes = { ...form, want: 'allow' }
    const evil = await at.ann.browser.send('/device/confirm', yes, {
      origin: 'https://evil.example',
    })
    expect(evil.status).toBe(403)
    const site = { 'sec-fetch-site': 'cross-site' }
    expect((await at.ann.browser.send('/device/confirm', yes, site)).status).toBe(403)
    expect((await at.ann.browser.send('/device', { user_code }, site)).status).toBe(403)
    expect((await browserAt(at).send('/device/confirm', yes)).status).toBe(400)
    const bob = await person(at, { email: 'bob@example.com' })
    const bobs = await bob.browser.send('/device/confirm', yes)
    expect(bobs.headers.get('location')).toBe('/message?about=signed-in')
    const other = { ...yes, session: bob.sessionId }
    expect((await at.ann.browser.send('/device/confirm', other)).status).toBe(200)
    expect((await at.ann.browser.send('/device/confirm', form)).status).toBe(200)
    // The way past the question leads back to it.
    const skipped = await at.ann.browser.open(`/oidc/auth/${form.flow}`)
    expect(skipped.headers.get('location')).toBe(location)
    expect(await verdict(await poll(at, device_code))).toBe('400 authorization_pending')
    const page = await at.ann.browser.open(location)
    expect(page.headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
    expect(page.headers.get('cache-control')).toContain('no-store')
  })

  test('take one answer', async () => {
    const at = await stage()
    const { user_code, device_code } = await begin(at)
    const first = await comeToConfirm(at.ann.browser, user_code)
    const second = await comeToConfirm(at.ann.browser, user_code)
    const answer = async (form: Fields, want: string) => {
      const answered = await at.ann.browser.send('/device/confirm', { ...form, want })
      return at.ann.browser.open(answered.headers.get('location') ?? '')
    }
    expect((await answer(first.form, 'allow')).headers.get('location')).toContain('device-allowed')
    expect((await answer(second.form, 'allow')).status).toBe(400)
    const third = await at.ann.browser.send('/device', { user_code })
    expect(third.status).toBe(422)
    expect((await poll(at, device_code)).status).toBe(200)
  })

  test('keep what the device asked for: a fresh sign-in, an account, a language', async () => {
    const at = await stage()
    at.scene.pass(1 * minute)
    const open = async (changes: Fields) => {
      const { user_code } = await begin(at, changes)
      const sent = await at.ann.browser.send('/device', { user_code })
      const resumed = await at.ann.browser.open(sent.headers.get('location') ?? '')
      return resumed.headers.get('location') ?? ''
    }
    expect(await open({ prompt: 'login' })).toMatch(/^\/sign-in\?/)
    expect(await open({ max_age: '30' })).toMatch(/^\/sign-in\?/)
    expect(await open({ prompt: 'select_account' })).toMatch(/^\/select-account\?/)
    const page = await at.ann.browser.open(await open({ ui_locales: 'ja' }))
    expect(await page.text()).toContain('このデバイスでログインしますか')
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
  await deleteAllExpired((work) => transaction(ctx, work))
  expect(await ctx.db.selectFrom('idp.device_codes').select('id').execute()).toEqual([])
})
