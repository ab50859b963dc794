import { describe, expect, test } from 'vitest'
import { updateUser } from '../../src/model/user.ts'
import {
  answerOf,
  authPath,
  browserAt,
  callback,
  claimsOf,
  codeFor,
  codeForm,
  type Fields,
  gate,
  issuer,
  me,
  person,
  redemption,
  refresh,
  request,
  shopBasic,
  type Tokens,
  tokensFor,
} from './oidc-client.ts'

describe('response_mode=form_post', () => {
  /** The fields of the page's form, which goes to the application. */
  function fieldsOf(html: string): Record<string, string> {
    expect(html).toContain(`<form method="post" action="${callback}">`)
    const hidden = html.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)">/g)
    return Object.fromEntries([...hidden].map(([, name, value]) => [name, value]))
  }

  test('answers with a form that its policy lets post, and that has a button', async () => {
    const at = await gate()
    const { browser } = await person(at)
    await browser.open(authPath({ response_mode: 'form_post' }))
    at.scene.queries()
    const page = await browser.open(authPath({ response_mode: 'form_post' }))
    expect(at.scene.queries()).toHaveLength(1)
    expect(page.status).toBe(200)
    expect(page.headers.get('location')).toBeNull()
    expect(page.headers.get('cache-control')).toBe('no-store')
    const policy = page.headers.get('content-security-policy') ?? ''
    expect(policy).toContain("script-src 'self'")
    expect(policy).toContain("frame-ancestors 'none'")
    // The application may lead on to anywhere, and Chromium would hold that against us.
    expect(policy).not.toContain('form-action')
    const html = await page.text()
    const { code, ...rest } = fieldsOf(html)
    expect(rest).toEqual({ state: 'a state', iss: issuer })
    expect(html).toMatch(/<button class="btn p"/)
    expect(html).not.toMatch(/<script>|onload/)
    const script = /src="(\/assets\/hand-over\.[^"]+\.js)"/.exec(html)?.[1]
    expect((await at.ask(script ?? '')).status).toBe(200)
    const redeemed = await at.post('/oidc/token', redemption(code ?? ''), shopBasic)
    expect(redeemed.status).toBe(200)
  })

  test('tells errors in the same way, once the address is trusted', async () => {
    const at = await gate()
    const stranger = browserAt(at)
    const form = { response_mode: 'form_post', prompt: 'none', state: `"><b>&` }
    const html = await (await stranger.open(authPath(form))).text()
    expect(html).toContain('value="login_required"')
    expect(html).not.toContain('"><b>')
    const evil = { ...form, redirect_uri: 'https://evil.example' }
    const page = await stranger.open(authPath(evil))
    expect(page.status).toBe(400)
    expect(await page.text()).not.toContain('<form')
  })

  test('is not for addresses that no form reaches, and no other mode is known', async () => {
    const at = await gate()
    const { browser } = await person(at)
    const native = { client_id: 'native', redirect_uri: 'com.example.app:/done' }
    for (const changes of [
      { ...native, response_mode: 'form_post' },
      { response_mode: 'fragment' },
      { response_mode: 'query.jwt' },
      { response_mode: 'form_post.jwt' },
    ]) {
      const answer = await browser.open(authPath(changes))
      expect(answer.status).toBe(303)
      expect(answerOf(answer)).toMatchObject({ error: 'invalid_request', iss: issuer })
    }
  })

  test('comes after the pages, too, and to who posts the request', async () => {
    const at = await gate()
    const { browser } = await person(at)
    const page = await browser.send('/oidc/auth', request({ response_mode: 'form_post' }))
    expect(fieldsOf(await page.text()).code).toMatch(codeForm)
  })
})

describe('the claims parameter', () => {
  const claims = (value: unknown): Fields => ({ scope: 'openid', claims: JSON.stringify(value) })

  test('names claims of the ID token and of UserInfo, beside those of the scope', async () => {
    const at = await gate()
    const { browser, user } = await person(at)
    await updateUser(at.scene.ctx, user.id, { details: { nickname: 'Annie' } })
    const code = await codeFor(browser, {
      ...claims({
        id_token: {
          email: { essential: true },
          auth_time: null,
          nickname: null,
          phone_number: null,
        },
        userinfo: { name: null, email_verified: null, nonsense: { value: 1 } },
      }),
      scope: 'openid offline_access',
    })
    const redeemed = await at.post('/oidc/token', redemption(code), shopBasic)
    const first = (await redeemed.json()) as Tokens
    const renewed = (await (await refresh(at, first.refresh_token)).json()) as Tokens
    for (const tokens of [first, renewed]) {
      const idToken = claimsOf(tokens.id_token)
      expect(idToken).toMatchObject({
        email: 'ann@example.com',
        nickname: 'Annie',
        auth_time: expect.any(Number),
      })
      expect(idToken).not.toHaveProperty('phone_number')
      expect(idToken).not.toHaveProperty('name')
      const userInfo = await (await me(at, tokens.access_token)).json()
      expect(userInfo).toMatchObject({ name: 'Ann', email_verified: true })
      expect(userInfo).not.toHaveProperty('email')
      expect(userInfo).not.toHaveProperty('nonsense')
    }
  })

  test('names by sub who has to be there', async () => {
    const at = await gate()
    const ann = await person(at)
    const bob = await person(at, { email: 'bob@example.com' })
    for (const member of ['id_token', 'userinfo']) {
      const asked = { ...claims({ [member]: { sub: { value: ann.user.id } } }), prompt: 'none' }
      expect(answerOf(await ann.browser.open(authPath(asked))).code).toMatch(codeForm)
      expect(answerOf(await bob.browser.open(authPath(asked))).error).toBe('login_required')
    }
    const { id_token } = await tokensFor(at, ann.browser)
    const torn = { ...claims({ id_token: { sub: { value: bob.user.id } } }) }
    const answer = await ann.browser.open(authPath({ ...torn, id_token_hint: id_token }))
    expect(answerOf(answer).error).toBe('invalid_request')
  })

  test.each([
    ['no JSON', '{'],
    ['a list', '[]'],
    ['a word', '"email"'],
    ['a member that is a list', '{"id_token":[]}'],
    ['a claim that is a number', '{"id_token":{"email":1}}'],
    ['two subjects', '{"id_token":{"sub":{"values":["a","b"]}}}'],
    ['more claims than there are', JSON.stringify({ id_token: manyClaims() })],
    ['ten thousand brackets', '['.repeat(8000)],
  ])('%s is refused', async (_, text) => {
    const at = await gate()
    const { browser } = await person(at)
    // In a form: no server takes the longest of them in an address.
    const answer = await browser.send('/oidc/auth', request({ claims: text }))
    expect(answerOf(answer)).toMatchObject({ error: 'invalid_request', state: 'a state' })
  })

  test('members that it does not know are passed over', async () => {
    const at = await gate()
    const { browser } = await person(at)
    const asked = claims({ id_token: null, access_token: { x: 1 }, __proto__: { email: null } })
    expect(await codeFor(browser, asked)).toMatch(codeForm)
  })
})

function manyClaims(): Record<string, null> {
  return Object.fromEntries(Array.from({ length: 100 }, (_, at) => [`c${at}`, null]))
}

describe('acr_values', () => {
  test('that the session has are said in the ID token; names that nobody knows are passed over', async () => {
    const at = await gate()
    const { browser } = await person(at)
    const plain = claimsOf((await tokensFor(at, browser)).id_token)
    expect(plain).not.toHaveProperty('acr')
    for (const acr_values of ['aal1', 'aal2 aal1', '1 2', 'urn:example:gold']) {
      const { id_token } = await tokensFor(at, browser, { acr_values })
      expect(claimsOf(id_token).acr).toBe('aal1')
    }
  })

  test('that nobody can reach without a second factor are told to the application', async () => {
    const at = await gate()
    const { browser } = await person(at)
    const answer = await browser.open(authPath({ acr_values: 'aal2' }))
    expect(answerOf(answer)).toMatchObject({
      error: 'unmet_authentication_requirements',
      state: 'a state',
      iss: issuer,
    })
    const silent = await browser.open(authPath({ acr_values: 'aal2', prompt: 'none' }))
    expect(answerOf(silent).error).toBe('interaction_required')
    const essential = JSON.stringify({ id_token: { acr: { essential: true, values: ['gold'] } } })
    const gold = await browser.open(authPath({ claims: essential }))
    expect(answerOf(gold).error).toBe('unmet_authentication_requirements')
    const soft = JSON.stringify({ id_token: { acr: { values: ['gold'] } } })
    expect(claimsOf((await tokensFor(at, browser, { claims: soft })).id_token).acr).toBe('aal1')
  })
})

test('display and claims_locales change nothing', async () => {
  const at = await gate()
  const { browser } = await person(at)
  for (const changes of [{ display: 'popup' }, { display: 'x' }, { claims_locales: 'ja en' }]) {
    expect(await codeFor(browser, changes)).toMatch(codeForm)
  }
})
