import { describe, expect, test } from 'vitest'
import { hour, minute } from '../../src/base/time.ts'
import { updateApplication } from '../../src/model/application.ts'
import { endSession } from '../../src/model/session.ts'
import { deleteUser, updateUser } from '../../src/model/user.ts'
import {
  answerOf,
  authPath,
  browserAt,
  callback,
  challenge,
  codeFor,
  codeForm,
  type Fields,
  gate,
  issuer,
  person,
  request,
  signIn,
  tokensFor,
  verdict,
} from './oidc-client.ts'

test('who is signed in gets a code at once, with the state and the issuer (RFC-9207, 9700-19)', async () => {
  const at = await gate()
  const { browser } = await person(at)
  const answer = await browser.open(authPath())
  expect(answer.status).toBe(303)
  expect(answer.headers.get('cache-control')).toBe('no-store')
  expect(answer.headers.get('location')).toMatch(
    new RegExp(
      `^https://shop.example.com/callback\\?from=sekisho&code=[\\w-]{300,600}&state=a\\+state&iss=${encodeURIComponent(issuer)}$`,
    ),
  )
})

test('who is not signed in is sent to the pages, and comes back with a code, once', async () => {
  const at = await gate()
  const { user } = await person(at)
  const browser = browserAt(at)
  const asked = await browser.open(authPath({ ui_locales: 'ja', login_hint: 'ann@example.com' }))
  expect(asked.status).toBe(303)
  const page = new URL(asked.headers.get('location') ?? '', issuer)
  expect(page.pathname).toBe('/sign-in')
  expect(page.searchParams.get('app_id')).toBe('shop')
  const flow = page.searchParams.get('flow')
  const html = await (await browser.open(page.pathname + page.search)).text()
  expect(html).toContain('lang="ja"')
  expect(html).toContain('value="ann@example.com"')

  const early = await browser.open(`/oidc/auth/${flow}`)
  expect(early.headers.get('location')).toBe(page.pathname + page.search)

  at.scene.pass(1 * minute)
  await signIn(at, browser, user)
  const back = await browser.open(`/oidc/auth/${flow}`)
  expect(back.status).toBe(303)
  expect(answerOf(back)).toMatchObject({ state: 'a state', iss: issuer })
  expect(answerOf(back).code).toMatch(codeForm)

  const again = await browser.open(`/oidc/auth/${flow}`)
  expect(again.status).toBe(400)
  expect(await again.text()).toContain('<h1>')
})

test('a sign-in belongs to the browser that began it (C9, D7)', async () => {
  const at = await gate()
  const thief = browserAt(at)
  const asked = await thief.open(authPath())
  const flow = answerOf(asked).flow
  const { browser: victim } = await person(at)
  expect((await victim.open(`/oidc/auth/${flow}`)).status).toBe(400)
  for (const id of ['not-an-id', '%00', '00000000-0000-4000-8000-000000000000']) {
    expect((await thief.open(`/oidc/auth/${id}`)).status).toBe(400)
  }
})

test.each([
  ['/register', { first_screen: 'register' }],
  ['/register', { first_screen: 'identifier:register' }],
  ['/register', { interaction_mode: 'signUp' }],
  ['/register', { prompt: 'create' }],
  ['/forgot-password', { first_screen: 'reset_password' }],
  ['/sign-in', { first_screen: 'sign_in' }],
])('the first page is %s for %o', async (path, changes: Fields) => {
  const at = await gate()
  const answer = await browserAt(at).open(authPath(changes))
  expect(new URL(answer.headers.get('location') ?? '', issuer).pathname).toBe(path)
})

describe('a redirect URI is the very same string', () => {
  test.each([
    'https://shop.example.com/callback?from=sekisho/',
    'https://shop.example.com/callback',
    'https://shop.example.com/callback?from=sekisho&more=1',
    'https://shop.example.com/Callback?from=sekisho',
    'https://SHOP.example.com/callback?from=sekisho',
    'https://evil.shop.example.com/callback?from=sekisho',
    'https://shop.example.com@evil.example/callback?from=sekisho',
    'https://shop.example.com:444/callback?from=sekisho',
    'https://shop.example.com:443/callback?from=sekisho',
    'https://shop.example.com/x/../callback?from=sekisho',
    'https://shop.example.com/callback?from=sekisho#here',
    'https://shop.example.com\\@evil.example/callback?from=sekisho',
    '//shop.example.com/callback?from=sekisho',
    'http://shop.example.com/callback?from=sekisho',
    'javascript:alert(1)',
    '',
  ])(
    '%s is refused on a page, and nobody is sent there (E1) (9700-01, OAuth-2.1)',
    async (redirect_uri) => {
      const at = await gate()
      const { browser } = await person(at)
      for (const prompt of ['consent', 'none']) {
        const answer = await browser.open(authPath({ redirect_uri, prompt }))
        expect(answer.status).toBe(400)
        expect(answer.headers.get('location')).toBeNull()
        expect(answer.headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
        expect(answer.headers.get('x-frame-options')).toBe('DENY')
      }
    },
  )

  test('an unknown client is refused, on a page or in JSON (9700-02)', async () => {
    const at = await gate()
    const page = await browserAt(at).open(authPath({ client_id: 'nobody<script>' }))
    expect(page.status).toBe(400)
    expect(await page.text()).not.toContain('<script>alert')
    const json = await at.ask(authPath({ client_id: 'nobody' }))
    expect(json.status).toBe(400)
    expect(json.headers.get('location')).toBeNull()
    expect(await json.json()).toMatchObject({
      error: 'invalid_request',
      code: 'oidc.invalid_request',
      message: 'The parameter client_id is not registered for this client.',
    })
  })

  test('only the port of a native loopback address may differ (E1) (RFC-8252)', async () => {
    const at = await gate()
    const { browser } = await person(at)
    const native = (redirect_uri: string) =>
      browser.open(authPath({ client_id: 'native', redirect_uri }))
    expect((await native('http://127.0.0.1:51234/done')).status).toBe(303)
    expect((await native('com.example.app:/done')).status).toBe(303)
    for (const uri of [
      'http://localhost:51234/done',
      'http://127.0.0.1:51234/other',
      'http://127.0.0.1:99999/done',
      'http://127.0.0.1:51234@evil.example/done',
      'http://127.0.0.2:51234/done',
      'https://127.0.0.1:51234/done',
    ]) {
      expect(await verdict(await native(uri)), uri).toMatch(/^400/)
    }
    const spa = { client_id: 'spa', redirect_uri: 'https://spa.example.com:444/callback' }
    expect((await browser.open(authPath(spa))).status).toBe(400)
  })
})

describe('what is wrong is told at the redirect URI', () => {
  test.each([
    ['unsupported_response_type', { response_type: 'token' }],
    ['unsupported_response_type', { response_type: 'code id_token' }],
    ['unsupported_response_type', { response_type: 'id_token' }],
    ['invalid_request', { response_type: '' }],
    ['invalid_request', { response_mode: 'fragment' }],
    ['invalid_request', { code_challenge_method: 'plain' }],
    ['invalid_request', { code_challenge_method: undefined }],
    ['invalid_request', { code_challenge: challenge.slice(1) }],
    ['invalid_request', { code_challenge: `${challenge}=` }],
    ['invalid_request', { code_challenge: undefined }],
    ['invalid_request', { prompt: 'none login' }],
    ['invalid_request', { prompt: 'dance' }],
    ['invalid_request', { max_age: '-1' }],
    ['invalid_request', { max_age: 'soon' }],
    ['invalid_request', { id_token_hint: 'no.jwt.here' }],
    ['invalid_request', { nonce: 'n'.repeat(9000) }],
    ['invalid_target', { resource: 'https://api.example.com' }],
    ['invalid_request_object', { request: 'eyJ.e30.' }],
    ['request_uri_not_supported', { request_uri: 'http://127.0.0.1:1/request' }],
  ])(
    '%s for %o (9700-02, 9700-07, RFC-7636, RFC-9207, OAuth-2.1)',
    async (error, changes: Fields) => {
      const at = await gate()
      const { browser } = await person(at)
      const answer = await browser.open(authPath(changes))
      expect(answer.status).toBe(303)
      expect(answer.headers.get('location')).toMatch(/^https:\/\/shop\.example\.com\/callback\?/)
      expect(answerOf(answer)).toMatchObject({ error, state: 'a state', iss: issuer })
      expect(answerOf(answer).code).toBeUndefined()
      expect(at.scene.sent).toEqual([])
    },
  )

  test('a parameter that came twice', async () => {
    const at = await gate()
    const { browser } = await person(at)
    const answer = await browser.open(`${authPath()}&scope=openid`)
    expect(answerOf(answer)).toMatchObject({
      error: 'invalid_request',
      error_description: 'The parameter scope came more than once.',
    })
    for (const name of ['client_id', 'redirect_uri']) {
      const untrusted = await browser.open(`${authPath()}&${name}=x`)
      expect(untrusted.status, name).toBe(400)
    }
  })

  test('all have to bring a challenge, but confidential clients that were let off (E3) (9700-03, OAuth-2.1)', async () => {
    const at = await gate()
    const { browser } = await person(at)
    const spa = { client_id: 'spa', redirect_uri: 'https://spa.example.com/callback' }
    const bare = { code_challenge: undefined, code_challenge_method: undefined }
    expect(answerOf(await browser.open(authPath({ ...spa, ...bare })))).toMatchObject({
      error: 'invalid_request',
      error_description: 'The parameter code_challenge is missing.',
    })
    expect(answerOf(await browser.open(authPath(spa))).code).toMatch(codeForm)
    expect(answerOf(await browser.open(authPath(bare))).error).toBe('invalid_request')
    const customClientMetadata = { isPkceOptional: true }
    await updateApplication(at.scene.ctx, 'shop', { customClientMetadata })
    expect(answerOf(await browser.open(authPath(bare))).code).toMatch(codeForm)
  })
})

test('a state of four kilobytes comes back whole (9700-24)', async () => {
  const at = await gate()
  const { browser } = await person(at)
  const state = `<"'&=%00é${'s'.repeat(4096)}`
  expect(answerOf(await browser.open(authPath({ state }))).state).toBe(state)
})

test('unescaped values are understood, as Logto’s Go SDK sends them', async () => {
  const at = await gate()
  const { browser } = await person(at)
  const query = `client_id=shop&redirect_uri=${callback}&response_type=code&scope=openid%20profile&code_challenge=${challenge}&code_challenge_method=S256`
  expect(answerOf(await browser.open(`/oidc/auth?${query}`)).code).toMatch(codeForm)
})

describe('prompt and max_age', () => {
  test('none never shows a page (Core, RFC-9207)', async () => {
    const at = await gate()
    const stranger = await browserAt(at).open(authPath({ prompt: 'none' }))
    expect(answerOf(stranger)).toMatchObject({
      error: 'login_required',
      state: 'a state',
      iss: issuer,
    })
    expect(stranger.headers.getSetCookie()).toEqual([])
    const { browser } = await person(at)
    expect(answerOf(await browser.open(authPath({ prompt: 'none' }))).code).toMatch(codeForm)
  })

  test.each(['login', 'login select_account', 'login consent'])(
    '%s asks again who is there, and takes no older session (Core)',
    async (prompt) => {
      const at = await gate()
      const { browser, user } = await person(at)
      at.scene.pass(1 * minute)
      const asked = await browser.open(authPath({ prompt }))
      expect(asked.headers.get('location')).toMatch(/^\/sign-in\?/)
      const back = `/oidc/auth/${answerOf(asked).flow}`
      expect((await browser.open(back)).headers.get('location')).toMatch(/^\/sign-in\?/)
      at.scene.pass(1 * minute)
      await signIn(at, browser, user)
      expect(answerOf(await browser.open(back)).code).toMatch(codeForm)
    },
  )

  test('select_account lets who is signed in choose to go on', async () => {
    const at = await gate()
    const { browser, sessionId } = await person(at)
    at.scene.pass(1 * minute)
    const asked = await browser.open(authPath({ prompt: 'select_account' }))
    const page = asked.headers.get('location') ?? ''
    expect(page).toMatch(/^\/select-account\?app_id=shop&flow=/)
    const html = await (await browser.open(page)).text()
    expect(html).toContain('ann@example.com')
    const { flow } = answerOf(asked)
    const back = `/oidc/auth/${flow}`
    expect((await browser.open(back)).headers.get('location')).toBe(page)
    const foreign = await browser.send('/select-account', { flow, session: 'x' })
    expect(foreign.status).toBe(200)
    const chosen = await browser.send('/select-account', { flow, session: sessionId })
    expect(chosen.headers.get('location')).toBe(back)
    expect(answerOf(await browser.open(back)).code).toMatch(codeForm)
  })

  test('select_account makes room for somebody else, and asks nobody where nobody is signed in (D6)', async () => {
    const at = await gate()
    const { browser } = await person(at)
    at.scene.pass(1 * minute)
    const { flow } = answerOf(await browser.open(authPath({ prompt: 'select_account' })))
    const other = await browser.send('/select-account', { flow, want: 'other' })
    expect(other.headers.get('location')).toBe(`/sign-in?flow=${flow}`)
    const bob = await person(at, { email: 'bob@example.com' })
    at.scene.pass(1 * minute)
    await signIn(at, browser, bob.user)
    expect(answerOf(await browser.open(`/oidc/auth/${flow}`)).code).toMatch(codeForm)
    const stranger = await browserAt(at).open(authPath({ prompt: 'select_account' }))
    expect(stranger.headers.get('location')).toMatch(/^\/sign-in\?/)
  })

  test('an app on a device gets nothing silently, since any other may listen there (RFC 8252) (E6) (RFC-8252)', async () => {
    const at = await gate()
    const { browser, sessionId } = await person(at)
    at.scene.pass(1 * minute)
    for (const redirect_uri of ['com.example.app:/done', 'http://127.0.0.1:51234/done']) {
      const asked = { client_id: 'native', redirect_uri, prompt: undefined }
      const silent = await browser.open(authPath({ ...asked, prompt: 'none' }))
      expect(answerOf(silent).error).toBe('account_selection_required')
      const page = await browser.open(authPath(asked))
      expect(page.headers.get('location')).toMatch(/^\/select-account\?/)
      const { flow } = answerOf(page)
      await browser.send('/select-account', { flow, session: sessionId })
      const back = await browser.open(`/oidc/auth/${flow}`)
      expect(back.headers.get('location')).toMatch(new RegExp(`^${redirect_uri}\\?code=`))
    }
  })

  test('who has to sign in again finds their address filled in', async () => {
    const at = await gate()
    const { browser } = await person(at)
    const asked = await browser.open(authPath({ prompt: 'login' }))
    const page = await browser.open(asked.headers.get('location') ?? '')
    expect(await page.text()).toContain('value="ann@example.com"')
  })

  test('max_age=0 takes no session, however young (Core)', async () => {
    const at = await gate()
    const { browser, user } = await person(at)
    const asked = await browser.open(authPath({ max_age: '0' }))
    expect(asked.headers.get('location')).toMatch(/^\/sign-in\?/)
    at.scene.pass(1 * minute)
    await signIn(at, browser, user)
    const back = await browser.open(`/oidc/auth/${answerOf(asked).flow}`)
    expect(answerOf(back).code).toMatch(codeForm)
  })

  test('max_age sends back who signed in too long ago (Core)', async () => {
    const at = await gate()
    const { browser } = await person(at)
    at.scene.pass(1 * hour)
    expect(answerOf(await browser.open(authPath({ max_age: '3600' }))).code).toMatch(codeForm)
    const old = await browser.open(authPath({ max_age: '3599' }))
    expect(old.headers.get('location')).toMatch(/^\/sign-in\?/)
    const silent = await browser.open(authPath({ max_age: '0', prompt: 'none' }))
    expect(answerOf(silent).error).toBe('login_required')
  })

  test('an ID token hint names who has to be there', async () => {
    const at = await gate()
    const ann = await person(at)
    const { id_token } = await tokensFor(at, ann.browser)
    const bob = await person(at, { email: 'bob@example.com' })
    at.scene.pass(2 * hour)
    const hinted = { id_token_hint: id_token, prompt: 'none' }
    expect(answerOf(await ann.browser.open(authPath(hinted))).code).toMatch(codeForm)
    expect(answerOf(await bob.browser.open(authPath(hinted))).error).toBe('login_required')
    const asked = await bob.browser.open(authPath({ id_token_hint: id_token }))
    expect(asked.headers.get('location')).toMatch(/^\/sign-in\?/)
    // Bob signs in once more: it is still not Ann.
    at.scene.pass(1 * minute)
    await signIn(at, bob.browser, bob.user)
    const back = await bob.browser.open(`/oidc/auth/${answerOf(asked).flow}`)
    expect(answerOf(back).error).toBe('login_required')
    const [head, body] = id_token.split('.')
    const forged = { id_token_hint: `${head}.${body}.${'A'.repeat(128)}` }
    expect(answerOf(await ann.browser.open(authPath(forged))).error).toBe('invalid_request')
  })
})

test('POST asks as well, and a form from another site becomes a link (Core)', async () => {
  const at = await gate()
  const { browser } = await person(at)
  expect(answerOf(await browser.send('/oidc/auth', request())).code).toMatch(codeForm)
  const cross = { origin: 'https://shop.example.com', 'sec-fetch-site': 'cross-site' }
  const link = await browser.send('/oidc/auth', request(), cross)
  expect(link.status).toBe(303)
  expect(link.headers.get('location')).toMatch(/^\/oidc\/auth\?client_id=shop&/)
  const evil = await browser.send(
    '/oidc/auth',
    request({ redirect_uri: 'https://evil.example' }),
    cross,
  )
  expect(evil.status).toBe(400)
})

test('a session that ended, and a user who is banned or gone, get no code (D10, E17)', async () => {
  const at = await gate()
  const { ctx } = at.scene
  const silent = authPath({ prompt: 'none' })
  const ann = await person(at)
  await updateUser(ctx, ann.user.id, { bannedUntil: new Date(8.64e15) })
  expect(answerOf(await ann.browser.open(silent)).error).toBe('login_required')
  await updateUser(ctx, ann.user.id, { bannedUntil: null })
  await codeFor(ann.browser)
  await endSession(ctx, ann.sessionId)
  expect(answerOf(await ann.browser.open(silent)).error).toBe('login_required')
  const bob = await person(at, { email: 'bob@example.com' })
  await deleteUser(ctx, bob.user.id)
  expect(answerOf(await bob.browser.open(silent)).error).toBe('login_required')
})

test('a redirect URI that was taken away while the page stood open is trusted no more (9700-02)', async () => {
  const at = await gate()
  const { user } = await person(at)
  const browser = browserAt(at)
  const { flow } = answerOf(await browser.open(authPath()))
  const redirectUris = ['https://shop.example.com/other']
  await updateApplication(at.scene.ctx, 'shop', { oidcClientMetadata: { redirectUris } })
  at.scene.pass(1 * minute)
  await signIn(at, browser, user)
  const back = await browser.open(`/oidc/auth/${flow}`)
  expect(back.status).toBe(400)
  expect(back.headers.get('location')).toBeNull()
})

test('scripts of other sites may not call the authorization endpoint (9700-18)', async () => {
  const at = await gate()
  const { browser } = await person(at)
  const answer = await at.ask(authPath(), {
    headers: {
      origin: 'https://spa.example.com',
      cookie: [...browser.cookies].map((pair) => pair.join('=')).join('; '),
    },
  })
  expect(answer.headers.get('access-control-allow-origin')).toBeNull()
})
