import { expect, test } from 'vitest'
import { transaction } from '../../src/base/context.ts'
import { hashPassword } from '../../src/base/password.ts'
import { createApplication } from '../../src/model/application.ts'
import { setConsentScopes } from '../../src/model/application-consent.ts'
import { updateSettings } from '../../src/model/settings.ts'
import {
  answerOf,
  authPath,
  type Browser,
  browserAt,
  codeFor,
  codeForm,
  encoded,
  type Fields,
  type Gate,
  gate,
  machineBasic,
  me,
  person,
  redemption,
  refresh,
  request,
  shopBasic,
  tokensFor,
} from './oidc-client.ts'
import { begin, hiddenOf, makeTv } from './oidc-devices.ts'

// What browsers and their people meet: rows of the checklist (docs/oidc-rows.md) that no other file holds whole.

const password = 'correct horse battery'
const evil = 'evil.example'

async function stage() {
  const at = await gate({ SEKISHO_REGISTRATION: 'open' })
  const { ctx } = at.scene
  await makeTv(at)
  await createApplication(ctx, {
    ...{ id: 'partner', secret: 'the-secret-of-the-partner', name: 'Partner' },
    ...{ type: 'Traditional', isThirdParty: true },
    oidcClientMetadata: { redirectUris: ['https://partner.example/callback'] },
  })
  await setConsentScopes(ctx, 'partner', {
    ...{ userScopes: ['email'], resourceScopes: [] },
    ...{ organizationScopes: [], organizationResourceScopes: [] },
  })
  const byPassword = { password: true, verificationCode: true, isPasswordPrimary: true }
  await transaction(ctx, (ctx) =>
    updateSettings(ctx, 'sign-in-experience', {
      signIn: { methods: [{ identifier: 'email', ...byPassword }] },
    }),
  )
  const ann = await person(at, { passwordHash: await hashPassword(ctx, password) })
  at.scene.pass(1000)
  return { ...at, ann }
}

/** Sends the form of the page at `path`, as a browser without scripts does. */
async function fill(browser: Browser, path: string, fields: Fields): Promise<Response> {
  const html = await (await browser.open(path)).text()
  const action = /<form[^>]* action="([^"]+)"/.exec(html)?.[1] ?? path
  return browser.send(action.replaceAll('&amp;', '&'), { ...hiddenOf(html), ...fields })
}

const targetOf = (answer: Response) => answer.headers.get('location') ?? ''

/** Signs Ann in at the pages, and returns every answer on the way to the application. */
async function signInByPages(at: Gate, path: string): Promise<Response[]> {
  const browser = browserAt(at)
  const asked = await browser.open(path)
  const named = await fill(browser, targetOf(asked), { identifier: 'ann@example.com' })
  const proved = await fill(browser, targetOf(named), { password })
  const back = await browser.open(targetOf(proved))
  return [asked, named, proved, back]
}

test('whoever has typed a password goes on by 303, never by 307 (9700-15)', async () => {
  const at = await stage()
  const answers = await signInByPages(at, authPath())
  expect(answers.map(({ status }) => status)).toEqual([303, 303, 303, 303])
  expect(answerOf(answers[3] ?? expect.fail()).code).toMatch(codeForm)
  const posted = await at.ann.browser.send('/oidc/auth', request())
  const refused = await at.ann.browser.send('/oidc/auth', request({ response_type: 'token' }))
  const ended = await at.ann.browser.send('/oidc/session/end', {})
  expect([posted.status, refused.status]).toEqual([303, 303])
  expect([200, 303]).toContain(ended.status)
})

test('no token stands in an address on the way, and none is taken from one (9700-13)', async () => {
  const at = await stage()
  const answers = await signInByPages(at, authPath())
  const { code = '' } = answerOf(answers[3] ?? expect.fail())
  const tokens = await (await at.post('/oidc/token', redemption(code), shopBasic)).json()
  const out = await at.ann.browser.open(
    `/oidc/session/end?${encoded({ id_token_hint: tokens.id_token })}`,
  )
  for (const answer of [...answers, out]) {
    const { searchParams, hash } = new URL(targetOf(answer), 'http://localhost:3001')
    expect([...searchParams.keys()].filter((name) => /token/.test(name))).toEqual([])
    expect(hash).toBe('')
    for (const token of [tokens.access_token, tokens.id_token, tokens.refresh_token]) {
      expect(targetOf(answer)).not.toContain(token)
    }
  }
  const bare = { token: tokens.access_token }
  for (const [path, form] of [
    [`/oidc/me?access_token=${tokens.access_token}`, {}],
    [`/oidc/token/introspection?${encoded(bare)}`, {}],
    [`/oidc/token/revocation?${encoded(bare)}`, {}],
    [
      `/oidc/token?${encoded({ grant_type: 'refresh_token', refresh_token: tokens.refresh_token })}`,
      {},
    ],
  ] as const) {
    expect((await at.post(path, form, shopBasic)).status, path).toBeGreaterThanOrEqual(400)
  }
  expect((await me(at, tokens.access_token)).status).toBe(200)
  expect((await refresh(at, tokens.refresh_token)).status).toBe(200)
})

test('no answer that holds or refuses a token is kept by a cache (D15) (9700-14)', async () => {
  const at = await stage()
  const tokens = await tokensFor(at, at.ann.browser)
  const shown = { token: tokens.access_token }
  const client = { redirect_uris: ['https://new.example.com/callback'] }
  const registered = await at.ask('/oidc/register', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(client),
  })
  const answers: [string, Response][] = [
    ['a refresh', await refresh(at, tokens.refresh_token)],
    ['a refused refresh', await refresh(at, 'x')],
    ['a machine', await at.post('/oidc/token', { grant_type: 'client_credentials' }, machineBasic)],
    ['a wrong client', await at.post('/oidc/token', { grant_type: 'x' })],
    ['user info', await me(at, tokens.access_token)],
    ['user info of nobody', await me(at, 'x')],
    ['introspection', await at.post('/oidc/token/introspection', shown, shopBasic)],
    ['introspection of nothing', await at.post('/oidc/token/introspection', {}, shopBasic)],
    ['a pushed request', await at.post('/oidc/par', request(), shopBasic)],
    ['a device', await at.post('/oidc/device/auth', { client_id: 'tv' })],
    ['a registration', registered],
    ['a code', await at.ann.browser.open(authPath())],
    ['revocation', await at.post('/oidc/token/revocation', shown, shopBasic)],
  ]
  for (const [what, answer] of answers) {
    expect([what, answer.headers.get('cache-control')]).toEqual([what, 'no-store'])
  }
})

/** Every page that asks for something or tells an error, with what it takes to come there. */
async function everyPage(at: Awaited<ReturnType<typeof stage>>): Promise<Map<string, Response>> {
  const { browser } = at.ann
  const stranger = browserAt(at)
  const partner = { client_id: 'partner', redirect_uri: 'https://partner.example/callback' }
  const pages = new Map<string, Response>()
  const follow = async (name: string, who: Browser, path: string) => {
    const answer = await who.open(path)
    const target = targetOf(answer)
    pages.set(name, target === '' ? answer : await who.open(target))
    return target
  }
  const signIn = await follow('sign-in', stranger, authPath())
  await follow('register', stranger, authPath({ first_screen: 'register' }))
  await follow('forgotten', stranger, authPath({ first_screen: 'reset_password' }))
  const again = await stranger.open(signIn)
  const hidden = hiddenOf(await again.text())
  const named = await stranger.send('/sign-in', { ...hidden, identifier: 'ann@example.com' })
  pages.set('password', await stranger.open(targetOf(named)))
  pages.set('wrong password', await fill(stranger, targetOf(named), { password: 'wrong' }))
  await follow('account', browser, authPath({ prompt: 'select_account' }))
  await follow(
    'consent',
    browser,
    authPath({ ...partner, prompt: undefined, scope: 'openid email' }),
  )
  await follow('unknown client', browser, authPath({ client_id: 'nobody' }))
  await follow('wrong address', browser, authPath({ redirect_uri: `https://${evil}` }))
  await follow('ended', browser, '/oidc/auth/00000000-0000-4000-8000-000000000000')
  await follow('sign-out', browser, '/oidc/session/end?client_id=shop')
  await follow('wrong sign-out', browser, '/oidc/session/end?client_id=nobody')
  await follow('form_post', browser, authPath({ response_mode: 'form_post' }))
  await follow('device', browser, '/device')
  const { user_code } = await begin(at)
  const typed = await browser.send('/device', { user_code })
  await follow('device, confirmed', browser, targetOf(typed))
  await follow('signed out', stranger, '/signed-out')
  for (const [name, page] of pages) {
    const type = page.headers.get('content-type') ?? ''
    expect([name, /^text\/html/.test(type)]).toEqual([name, true])
  }
  return pages
}

test('no page can be framed, whether it asks, tells or refuses (E20) (9700-16)', async () => {
  const at = await stage()
  for (const [name, { headers }] of await everyPage(at)) {
    const policy = headers.get('content-security-policy') ?? ''
    expect([name, policy.includes("frame-ancestors 'none'")]).toEqual([name, true])
    expect([name, headers.get('x-frame-options')]).toEqual([name, 'DENY'])
    expect([name, headers.get('cache-control')]).toEqual([name, 'no-store'])
    expect([name, /default-src 'none'/.test(policy)]).toEqual([name, true])
    expect([name, /unsafe-(?:inline|eval)/.test(policy)]).toEqual([name, false])
  }
})

test('no page tells others its address, nor loads what is theirs (9700-17)', async () => {
  const at = await stage()
  for (const [name, page] of await everyPage(at)) {
    // What hands an answer over by a form says its origin, without which the browser would send `null`.
    const expected = name === 'form_post' ? 'strict-origin' : 'same-origin'
    expect([name, page.headers.get('referrer-policy')]).toEqual([name, expected])
    const html = await page.text()
    const loaded = [
      ...html.matchAll(
        /<(?:script|img|iframe|link|source|video|audio|object|embed)\b[^>]*?\s(?:src|href|data)="([^"]*)"/g,
      ),
    ]
    for (const [, address = ''] of loaded) {
      const { origin, protocol } = new URL(address, 'http://localhost:3001')
      if (protocol === 'data:') continue
      expect([name, address, origin]).toEqual([name, address, 'http://localhost:3001'])
    }
    expect([name, /<style[^>]*>[^<]*url\(\s*['"]?https?:/.test(html)]).toEqual([name, false])
  }
})

test('no script of another site may ask at what is for browsers, nor at introspection (I16) (9700-18)', async () => {
  const at = await stage()
  const { browser } = at.ann
  const cookie = [...browser.cookies].map((pair) => pair.join('=')).join('; ')
  for (const origin of [`https://${evil}`, 'https://spa.example.com', 'null']) {
    for (const path of [authPath(), '/oidc/session/end', '/sign-in', '/consent', '/device']) {
      for (const method of ['GET', 'OPTIONS', 'POST']) {
        const answer = await at.ask(path, {
          method,
          headers: { origin, cookie, 'access-control-request-method': 'POST' },
        })
        const said = [...answer.headers.keys()].filter((name) => /^access-control-/.test(name))
        expect([method, path, said]).toEqual([method, path, []])
      }
    }
    const told = await at.post(
      '/oidc/token/introspection',
      { token: 'x' },
      { ...shopBasic, origin },
    )
    expect(told.headers.get('access-control-allow-origin')).toBeNull()
  }
  const stolen = await at.post('/oidc/token', { client_id: 'spa' }, { origin: `https://${evil}` })
  expect(stolen.headers.get('access-control-allow-origin')).toBeNull()
})

test('no header says where we are: not in an answer, not in a mail (B7) (9700-20)', async () => {
  const at = await stage()
  const spoofed = {
    host: evil,
    'x-forwarded-host': evil,
    'x-forwarded-proto': 'https',
    'x-forwarded-port': '8443',
    'x-forwarded-prefix': `/${evil}`,
    'x-original-url': `https://${evil}/`,
    'x-rewrite-url': `https://${evil}/`,
    forwarded: `host=${evil};proto=https`,
  }
  const html = { ...spoofed, accept: 'text/html' }
  const cookie = [...at.ann.browser.cookies].map((pair) => pair.join('=')).join('; ')
  const tokens = await tokensFor(at, at.ann.browser)
  const form = { 'content-type': 'application/x-www-form-urlencoded' }
  const asks: [string, RequestInit][] = [
    ['/oidc/.well-known/openid-configuration', { headers: spoofed }],
    ['/.well-known/oauth-authorization-server/oidc', { headers: spoofed }],
    ['/.well-known/oauth-protected-resource/oidc/me', { headers: spoofed }],
    ['/oidc/jwks', { headers: spoofed }],
    ['/oidc/me', { headers: spoofed }],
    [authPath(), { headers: { ...html, cookie } }],
    [authPath(), { headers: html }],
    [authPath({ client_id: 'nobody' }), { headers: html }],
    ['/sign-in', { headers: html }],
    ['/device', { headers: html }],
    ['/oidc/session/end?client_id=shop', { headers: { ...html, cookie } }],
    [
      '/oidc/device/auth',
      { method: 'POST', headers: { ...spoofed, ...form }, body: 'client_id=tv' },
    ],
    [
      '/oidc/par',
      { method: 'POST', headers: { ...spoofed, ...form, ...shopBasic }, body: encoded(request()) },
    ],
    [
      '/oidc/register',
      {
        method: 'POST',
        headers: { ...spoofed, 'content-type': 'application/json' },
        body: '{"redirect_uris":["https://new.example.com/callback"]}',
      },
    ],
    [
      '/oidc/token',
      {
        method: 'POST',
        headers: { ...spoofed, ...form, ...shopBasic },
        body: encoded({ grant_type: 'refresh_token', refresh_token: tokens.refresh_token }),
      },
    ],
  ]
  for (const [path, init] of asks) {
    const answer = await at.ask(path, init)
    const said = `${[...answer.headers].join('\n')}\n${await answer.text()}`
    expect([path, answer.status >= 500, said.includes(evil)]).toEqual([path, false, false])
    const claims = [...said.matchAll(/eyJ[\w-]+\.([\w-]+)\./g)].map(([, body = '']) =>
      Buffer.from(body, 'base64url').toString(),
    )
    expect(claims.join()).not.toContain(evil)
  }
  const browser = browserAt(at)
  await fill(browser, targetOf(await browser.open(authPath({ first_screen: 'register' }))), {
    identifier: 'new@example.com',
  })
  await at.ask('/auth/v1/otp', {
    method: 'POST',
    headers: { ...spoofed, 'content-type': 'application/json' },
    body: '{"email":"ann@example.com"}',
  })
  const mails = await at.scene.mails()
  expect(mails.length).toBeGreaterThan(1)
  expect(JSON.stringify(mails)).not.toContain(evil)
})

test('who guesses a mailed code is stopped, also before the right one (C2) (9700-22)', async () => {
  const at = await stage()
  const browser = browserAt(at)
  const asked = await browser.open(authPath({ first_screen: 'register' }))
  const sent = await fill(browser, targetOf(asked), { identifier: 'new@example.com' })
  const place = targetOf(sent)
  expect(place).toMatch(/^\/register\/code/)
  const [mail] = await at.scene.mails('new@example.com')
  const code = /\b\d{6}\b/.exec(mail?.text ?? '')?.[0] ?? ''
  expect(code).toHaveLength(6)
  const wrong = code === '000000' ? '111111' : '000000'
  for (let guess = 0; guess < 40; guess += 1) {
    const answer = await fill(browser, place, { code: wrong })
    expect(answer.status).toBeGreaterThanOrEqual(400)
    expect(answer.status).toBeLessThan(500)
  }
  expect((await fill(browser, place, { code })).status).toBeGreaterThanOrEqual(400)
  expect(await at.scene.events()).not.toContain('user.created')
})

test('a NUL, half a character and two lines in a parameter are 400 or come back whole (9700-24)', async () => {
  const at = await stage()
  for (const name of [
    'state',
    'nonce',
    'scope',
    'login_hint',
    'ui_locales',
    'client_id',
    'code_challenge',
  ]) {
    for (const value of ['a%00b', '%00', '%ed%a0%80', '%ff', 'a%0d%0aSet-Cookie:%20x=y']) {
      const path = `${authPath({ [name]: undefined })}&${name}=${value}`
      const answer = await at.ann.browser.open(path)
      expect([name, value, answer.status < 500]).toEqual([name, value, true])
      expect(answer.headers.getSetCookie().join()).not.toContain('x=y')
    }
  }
  const refused = await at.ask(`${authPath({ state: undefined })}&state=%00`)
  expect(answerOf(refused).error).toBe('invalid_request')
  expect(answerOf(refused).state).toBeUndefined()
  const state = `é💥"<>&'+%25 ${'s'.repeat(3900)}`
  const nonce = `n-é💥"<> ${'n'.repeat(1000)}`
  const code = await codeFor(at.ann.browser, { state, nonce })
  const tokens = await (await at.post('/oidc/token', redemption(code), shopBasic)).json()
  const claims = JSON.parse(Buffer.from(tokens.id_token.split('.')[1], 'base64url').toString())
  expect(claims.nonce).toBe(nonce)
  const huge = await at.ann.browser.send('/oidc/auth', request({ state: 's'.repeat(70_000) }))
  expect([303, 400, 413]).toContain(huge.status)
  expect(answerOf(huge).code).toBeUndefined()
})
