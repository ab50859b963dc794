import { expect, test } from 'vitest'
import { hour } from '../../src/base/time.ts'
import { listSessions } from '../../src/model/session.ts'
import {
  answerOf,
  authPath,
  type Browser,
  browserAt,
  encoded,
  type Fields,
  gate,
  me,
  person,
  refresh,
  tokensFor,
  verdict,
} from './oidc-client.ts'

const home = 'https://shop.example.com/'
const endPath = (form: Fields) => `/oidc/session/end?${encoded(form)}`

/** The question's form, as a browser sends it. */
async function confirm(browser: Browser, asked: Response, fields: Fields = {}): Promise<Response> {
  expect(asked.status).toBe(200)
  const page = await asked.text()
  expect(page).toContain('id="confirm-logout"')
  const question = /name="question" value="([^"]+)"/.exec(page)?.[1]
  return browser.send('/sign-out', { question, ...fields })
}

test('an application that names itself has its user asked, and gets them back (D16) (9700-11, Logout)', async () => {
  const at = await gate()
  const { browser, user } = await person(at)
  const tokens = await tokensFor(at, browser)
  const asked = await browser.open(
    endPath({ client_id: 'shop', post_logout_redirect_uri: home, state: 's&t' }),
  )
  expect(asked.headers.get('content-security-policy')).toContain(
    "form-action 'self' https://shop.example.com;",
  )
  expect(await listSessions(at.scene.ctx, user.id)).toHaveLength(1)
  const answer = await confirm(browser, asked)
  expect(answer.status).toBe(303)
  expect(answer.headers.get('location')).toBe(`${home}?state=s%26t`)
  expect(browser.cookies.has('session')).toBe(false)
  expect(await listSessions(at.scene.ctx, user.id)).toEqual([])
  expect(await verdict(await me(at, tokens.access_token))).toBe('401 invalid_token')
  expect(await verdict(await refresh(at, tokens.refresh_token))).toBe('400 invalid_grant')
  expect(answerOf(await browser.open(authPath({ prompt: 'none' }))).error).toBe('login_required')
  expect(await at.scene.events()).toContain('session.ended')
  expect(await at.scene.audited()).toContain('logout')
})

test('the question answers itself for a house application that says where it goes on, and for nobody else', async () => {
  const at = await gate()
  const { browser } = await person(at)
  const asks = async (query: Fields) => {
    const page = await (await browser.open(endPath(query))).text()
    expect(page).toContain('id="confirm-logout"')
    return page.includes('hand-over')
  }
  expect(await asks({ client_id: 'shop', post_logout_redirect_uri: home })).toBe(true)
  expect(await asks({ client_id: 'shop' })).toBe(false)
  expect(await asks({})).toBe(false)
})

test('who wants to stay is not signed out', async () => {
  const at = await gate()
  const { browser, user } = await person(at)
  const asked = await browser.open(endPath({ client_id: 'shop', post_logout_redirect_uri: home }))
  const answer = await confirm(browser, asked, { want: 'stay' })
  expect(answer.headers.get('location')).toBe('/message?about=stayed')
  expect(await listSessions(at.scene.ctx, user.id)).toHaveLength(1)
})

test('without an address to go to, the page says that you are signed out', async () => {
  const at = await gate()
  const { browser } = await person(at)
  const answer = await confirm(browser, await browser.open(endPath({ client_id: 'shop' })))
  expect(answer.headers.get('location')).toBe('/signed-out')
  expect(await (await browser.open('/signed-out')).text()).toContain('Signed out')
})

test('an ID token of theirs, even an expired one, ends the session without a question', async () => {
  const at = await gate()
  const { browser, user } = await person(at)
  const { id_token } = await tokensFor(at, browser)
  at.scene.pass(2 * hour)
  const form = { id_token_hint: id_token, post_logout_redirect_uri: home, state: 'x' }
  const answer = await browser.send('/oidc/session/end', form)
  expect(answer.headers.get('location')).toBe(`${home}?state=x`)
  expect(await listSessions(at.scene.ctx, user.id)).toEqual([])
})

test('an ID token of somebody else ends nothing unasked (D16) (Logout)', async () => {
  const at = await gate()
  const ann = await person(at)
  const bob = await person(at, { email: 'bob@example.com' })
  const { id_token } = await tokensFor(at, ann.browser)
  const asked = await bob.browser.open(endPath({ id_token_hint: id_token }))
  const page = await asked.text()
  expect(page).toContain('id="confirm-logout"')
  expect(page).not.toContain(id_token)
  expect(await listSessions(at.scene.ctx, bob.user.id)).toHaveLength(1)
})

test('a form on another site becomes a link, with which our cookies come', async () => {
  const at = await gate()
  const { browser } = await person(at)
  const cross = { origin: 'https://shop.example.com', 'sec-fetch-site': 'cross-site' }
  const answer = await browser.send('/oidc/session/end', { client_id: 'shop' }, cross)
  expect(answer.headers.get('location')).toBe('/oidc/session/end?client_id=shop')
})

test('when nobody knows who asks, the person is asked; a form from elsewhere does nothing (D16) (Logout)', async () => {
  const at = await gate()
  const { browser, user } = await person(at)
  const asked = await browser.open('/oidc/session/end')
  const foreign = await browser.send('/sign-out', {}, { origin: 'https://evil.example' })
  expect(foreign.status).toBe(403)
  expect((await browser.send('/sign-out', {})).status).toBe(400)
  const bob = await person(at, { email: 'bob@example.com' })
  expect((await confirm(bob.browser, asked.clone())).status).toBe(400)
  expect(await listSessions(at.scene.ctx, user.id)).toHaveLength(1)
  expect(await listSessions(at.scene.ctx, bob.user.id)).toHaveLength(1)
  const done = await confirm(browser, asked)
  expect(done.headers.get('location')).toBe('/signed-out')
  expect(await listSessions(at.scene.ctx, user.id)).toEqual([])
  expect((await browser.open('/oidc/session/end')).headers.get('location')).toBe('/signed-out')
})

test.each<[string, Fields]>([
  [
    'an address that is not registered',
    { client_id: 'shop', post_logout_redirect_uri: `${home}x` },
  ],
  ['an address of nobody', { post_logout_redirect_uri: home }],
  ['another application’s address', { client_id: 'spa', post_logout_redirect_uri: home }],
  ['an unknown application', { client_id: 'nobody' }],
  ['a hint that is none', { id_token_hint: 'a.b.c' }],
  ['an unsigned hint', { id_token_hint: 'eyJhbGciOiJub25lIn0.eyJhdWQiOiJzaG9wIn0.' }],
])('%s is refused, and nobody is signed out (E1) (9700-02, Logout)', async (_, form) => {
  const at = await gate()
  const { browser, user } = await person(at)
  const answer = await browser.open(endPath(form))
  expect(answer.status).toBe(400)
  expect(answer.headers.get('location')).toBeNull()
  expect(await answer.text()).toContain('invalid_request')
  expect(await listSessions(at.scene.ctx, user.id)).toHaveLength(1)
})

test('a hint for another application than the one named is refused (Logout)', async () => {
  const at = await gate()
  const { browser } = await person(at)
  const { id_token } = await tokensFor(at, browser)
  const answer = await browser.open(endPath({ client_id: 'spa', id_token_hint: id_token }))
  expect(answer.status).toBe(400)
})

test('who is not signed in goes back all the same', async () => {
  const at = await gate()
  const form = { client_id: 'shop', post_logout_redirect_uri: home }
  const answer = await browserAt(at).open(endPath(form))
  expect(answer.headers.get('location')).toBe(home)
})

test('over https the cookies are bound to this host, and cleared as they were set (D18)', async () => {
  const at = await gate({ SEKISHO_PUBLIC_URL: 'https://id.example.com' })
  const { browser } = await person(at)
  const asked = await browserAt(at).open(authPath())
  expect(asked.headers.getSetCookie()).toEqual([
    expect.stringMatching(
      /^__Host-flow=[\w-]{43}; Max-Age=2592000; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
    ),
  ])
  expect(browser.cookies.has('__Host-session')).toBe(true)
  const out = await confirm(browser, await browser.open(endPath({ client_id: 'shop' })))
  expect(out.headers.getSetCookie()).toEqual([
    '__Host-session=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax',
  ])
})
