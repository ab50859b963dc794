import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { createApplication } from '../../src/model/application.ts'
import { setConsentScopes } from '../../src/model/application-consent.ts'
import { findConsent } from '../../src/model/consent.ts'
import {
  answerOf,
  authPath,
  type Browser,
  browserAt,
  codeForm,
  type Fields,
  type Gate,
  gate,
  issuer,
  type Person,
  person,
  signIn,
} from './oidc-client.ts'

const callback = 'https://partner.example/callback'
const asked: Fields = { client_id: 'partner', redirect_uri: callback, prompt: undefined }

/** The usual world, with an application of somebody else that may ask for profile, email and organizations. */
async function stage(): Promise<Gate & Person> {
  const at = await gate()
  const { ctx } = at.scene
  await createApplication(ctx, {
    ...{ id: 'partner', secret: 'the-secret-of-the-partner' },
    ...{ name: 'Partner', type: 'Traditional', isThirdParty: true },
    oidcClientMetadata: { redirectUris: [callback] },
    appearance: {
      displayName: 'The Partner',
      logoUrl: 'https://cdn.partner.example/logo.svg',
      privacyPolicyUrl: 'https://partner.example/privacy',
    },
  })
  await setConsentScopes(ctx, 'partner', {
    userScopes: ['profile', 'email', 'urn:logto:scope:organizations'],
    organizationScopes: [],
    resourceScopes: [],
    organizationResourceScopes: [],
  })
  const one = await person(at)
  at.scene.pass(1000)
  return { ...at, ...one }
}

/** Opens the consent page that the request leads to. */
async function pageFor(browser: Browser, changes: Fields = {}) {
  const answer = await browser.open(authPath({ ...asked, ...changes }))
  const location = answer.headers.get('location') ?? ''
  expect(location).toMatch(/^\/consent\?app_id=partner&flow=/)
  const page = await browser.open(location)
  return { page, html: await page.text(), flow: answerOf(answer).flow, location }
}

async function answerPage(
  { browser, sessionId }: Person,
  flow: string | undefined,
  fields: Fields,
): Promise<Response> {
  const sent = await browser.send('/consent', { flow, session: sessionId, ...fields })
  expect(sent.status).toBe(303)
  expect(sent.headers.get('location')).toBe(`/oidc/auth/${flow}`)
  return browser.open(`/oidc/auth/${flow}`)
}

test('an application of somebody else is allowed once, and asks again only for more (E6)', async () => {
  const at = await stage()
  const { browser, user } = at
  const { page, html, flow } = await pageFor(browser, { scope: 'openid email offline_access' })
  expect(page.status).toBe(200)
  expect(page.headers.get('content-security-policy')).toContain('https://cdn.partner.example')
  expect(page.headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
  for (const text of [
    'Allow The Partner?',
    'ann@example.com',
    'See your email address',
    'Keep this access while you are away',
    'https://partner.example/privacy',
    'id="allow"',
  ]) {
    expect(html).toContain(text)
  }
  expect(html).not.toContain('See your profile')
  const early = await browser.open(`/oidc/auth/${flow}`)
  expect(early.headers.get('location')).toMatch(/^\/consent\?/)

  const back = await answerPage(at, flow, { want: 'allow' })
  expect(answerOf(back)).toMatchObject({ state: 'a state', iss: issuer })
  expect(answerOf(back).code).toMatch(codeForm)
  expect(await findConsent(at.scene.ctx, user.id, 'partner')).toMatchObject({
    scopes: ['email', 'offline_access'],
  })
  expect(await at.scene.events()).toContain('consent.given')

  at.scene.queries()
  const silent = await browser.open(authPath({ ...asked, scope: 'openid email', prompt: 'none' }))
  expect(answerOf(silent).code).toMatch(codeForm)
  expect(at.scene.queries()).toHaveLength(1)
  const more = await browser.open(authPath({ ...asked, scope: 'openid email profile' }))
  expect(more.headers.get('location')).toMatch(/^\/consent\?/)
})

test('who says no is sent back with access_denied, and nothing is kept', async () => {
  const at = await stage()
  const { flow } = await pageFor(at.browser)
  const back = await answerPage(at, flow, { want: 'deny' })
  expect(back.headers.get('location')).toMatch(/^https:\/\/partner\.example\/callback\?/)
  expect(answerOf(back)).toMatchObject({ error: 'access_denied', state: 'a state', iss: issuer })
  expect(await findConsent(at.scene.ctx, at.user.id, 'partner')).toBeNull()
  const again = await at.browser.open(`/oidc/auth/${flow}`)
  expect(again.status).toBe(400)
})

test('prompt=none shows no page, and prompt=consent always does (E6)', async () => {
  const at = await stage()
  const silent = await at.browser.open(authPath({ ...asked, prompt: 'none' }))
  expect(answerOf(silent)).toMatchObject({ error: 'consent_required', state: 'a state' })
  const { flow } = await pageFor(at.browser)
  expect(answerOf(await answerPage(at, flow, { want: 'allow' })).code).toMatch(codeForm)
  const again = await pageFor(at.browser, { prompt: 'consent' })
  expect(answerOf(await answerPage(at, again.flow, { want: 'allow' })).code).toMatch(codeForm)
})

test('consent comes after the sign-in, in the same way', async () => {
  const at = await stage()
  const browser = browserAt(at)
  const answer = await browser.open(authPath(asked))
  expect(answer.headers.get('location')).toMatch(/^\/sign-in\?/)
  const { flow } = answerOf(answer)
  at.scene.pass(60_000)
  const sessionId = await signIn(at, browser, at.user)
  const next = await browser.open(`/oidc/auth/${flow}`)
  expect(next.headers.get('location')).toBe(`/consent?app_id=partner&flow=${flow}`)
  const back = await answerPage({ ...at, browser, sessionId }, flow, { want: 'allow' })
  expect(answerOf(back).code).toMatch(codeForm)
})

test('a claim that is asked for by its name needs the same consent as its scope', async () => {
  const at = await stage()
  const claims = JSON.stringify({ id_token: { email: null, phone_number: null } })
  const { html, flow } = await pageFor(at.browser, { scope: 'openid', claims })
  expect(html).toContain('See your email address')
  // Beyond what the application may ask for, nothing is asked.
  expect(html).not.toContain('phone number')
  expect(answerOf(await answerPage(at, flow, { want: 'allow' })).code).toMatch(codeForm)
  expect(await findConsent(at.scene.ctx, at.user.id, 'partner')).toMatchObject({
    scopes: ['email'],
  })
})

test('only the organizations are shared that the user chose, and only those of theirs', async () => {
  const at = await stage()
  const { ctx } = at.scene
  for (const [id, name] of [
    ['acme', 'Acme'],
    ['other', 'Other'],
    ['foreign', 'Foreign'],
  ]) {
    await sql`insert into idp.organizations (id, name) values (${id}, ${name})`.execute(ctx.db)
  }
  await sql`insert into idp.organization_members (organization_id, user_id)
    values ('acme', ${at.user.id}), ('other', ${at.user.id})`.execute(ctx.db)
  const { html, flow } = await pageFor(at.browser, {
    scope: 'openid urn:logto:scope:organizations',
  })
  expect(html).toContain('value="acme"')
  expect(html).not.toContain('Foreign')
  const form = new URLSearchParams({ flow: flow ?? '', session: at.sessionId, want: 'allow' })
  for (const id of ['acme', 'foreign', 'nobody']) form.append('organization', id)
  const sent = await at.ask('/consent', {
    method: 'POST',
    body: form.toString(),
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      origin: 'http://localhost:3001',
      cookie: [...at.browser.cookies].map((pair) => pair.join('=')).join('; '),
    },
  })
  expect(sent.status).toBe(303)
  expect(await findConsent(ctx, at.user.id, 'partner')).toMatchObject({
    organizationIds: ['acme'],
  })
})

describe('nobody consents for somebody else', () => {
  test('by a form of another site, another browser, another session, or an empty one (D7, J3)', async () => {
    const at = await stage()
    const { flow } = await pageFor(at.browser)
    const form = { flow, session: at.sessionId, want: 'allow' }
    const foreign = await at.browser.send('/consent', form, { origin: 'https://evil.example' })
    expect(foreign.status).toBe(403)
    expect((await browserAt(at).send('/consent', form)).status).toBe(400)
    const bob = await person(at, { email: 'bob@example.com' })
    expect((await bob.browser.send('/consent', form)).status).not.toBe(200)
    const stale = await at.browser.send('/consent', { ...form, session: bob.sessionId })
    expect(stale.status).toBe(200)
    const empty = await at.browser.send('/consent', { ...form, want: undefined })
    expect(empty.status).toBe(200)
    const twice = await at.post(
      '/consent',
      `flow=${flow}&want=allow&want=deny&session=${at.sessionId}`,
      {
        cookie: [...at.browser.cookies].map((pair) => pair.join('=')).join('; '),
      },
    )
    expect(twice.status).toBe(400)
    for (const { id } of [at.user, bob.user]) {
      expect(await findConsent(at.scene.ctx, id, 'partner')).toBeNull()
    }
  })

  test('without a session, the sign-in comes first', async () => {
    const at = await stage()
    const { location, flow } = await pageFor(at.browser)
    at.browser.cookies.delete('session')
    const page = await at.browser.open(location)
    expect(page.headers.get('location')).toBe(`/sign-in?flow=${flow}`)
  })
})

test('the house’s own applications are never asked about', async () => {
  const at = await stage()
  const answer = await at.browser.open(authPath({ prompt: 'consent' }))
  expect(answerOf(answer).code).toMatch(codeForm)
})
