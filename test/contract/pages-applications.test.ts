import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { createApplication } from '../../src/model/application.ts'
import { findConsent, saveConsent } from '../../src/model/consent.ts'
import { listSessions } from '../../src/model/session.ts'
import {
  answerOf,
  authPath,
  browserAt,
  me,
  person,
  refresh,
  signIn,
  tokensFor,
  verdict,
} from './oidc-client.ts'
import { answerDevice, begin, poll } from './oidc-devices.ts'
import {
  partnerCallback,
  partnerCode,
  partnership,
  partnerTokens,
  redeemPartner,
  refreshPartner,
} from './pages-applications-partner.ts'

const home = '/account/applications'
const asked = { client_id: 'partner', redirect_uri: partnerCallback, prompt: undefined }
const nothing = { scopes: [], resourceScopes: {}, organizationScopes: [], organizationIds: [] }

test('a person sees which applications of others they allowed what, and since when', async () => {
  const at = await partnership()
  const { browser, user } = at.ann
  const { ctx } = at.scene
  const empty = await browser.open(home)
  expect(empty.status).toBe(200)
  expect(await empty.text()).toContain('There is no application that you allowed')
  await partnerTokens(at, at.ann, { scope: 'openid email offline_access' })
  // What the house's own applications may have, nobody was asked for.
  await tokensFor(at, browser)
  await sql`insert into idp.organizations (id, name) values ('acme', 'Acme & Sons')`.execute(ctx.db)
  await sql`insert into idp.organization_members (organization_id, user_id) values ('acme', ${user.id})`.execute(
    ctx.db,
  )
  await createApplication(ctx, {
    ...{ id: 'club', name: '<b>Club</b>', type: 'SPA', isThirdParty: true },
    oidcClientMetadata: { redirectUris: ['https://club.example/'] },
  })
  at.scene.pass(1000)
  await saveConsent(
    ctx,
    { userId: user.id, applicationId: 'club' },
    {
      ...{ scopes: ['profile'], organizationScopes: [], organizationIds: ['acme'] },
      resourceScopes: { 'https://api.example/gone': ['read:things'] },
    },
  )
  at.scene.queries()
  const page = await browser.open(home)
  const html = await page.text()
  expect(page.headers.get('content-security-policy')).toContain('https://cdn.partner.example')
  for (const text of [
    'The Partner',
    'Allowed on November 22, 2025. It can:',
    'See your email address',
    'Keep this access while you are away',
    'aria-label="Take access back from The Partner"',
    '&lt;b&gt;Club&lt;/b&gt;',
    'Acme &amp; Sons',
    'https://api.example/gone',
    'read:things',
    'href="/account/passkeys"',
  ]) {
    expect(html).toContain(text)
  }
  expect(html).not.toContain('The Shop')
  expect(html.indexOf('Club')).toBeLessThan(html.indexOf('The Partner'))
  const japanese = await (await browser.open(`${home}?lang=ja`)).text()
  for (const text of ['許可したアプリ', '2025年11月22日に許可しました']) {
    expect(japanese).toContain(text)
  }
})

test('what is taken back is good for nothing any more, in whatever session, and only that', async () => {
  const at = await partnership()
  const { ann } = at
  const elsewhere = browserAt(at)
  const there = await signIn(at, elsewhere, ann.user)
  const first = await partnerTokens(at, ann)
  const second = await partnerTokens(at, { ...ann, browser: elsewhere, sessionId: there })
  const code = await partnerCode(ann)
  const own = await tokensFor(at, ann.browser)
  const bob = await person(at, { email: 'bob@example.com' })
  const others = await partnerTokens(at, bob)

  const sent = await ann.browser.send(home, { session: ann.sessionId, application: 'partner' })
  expect([sent.status, sent.headers.get('location')]).toEqual([303, `${home}?notice=withdrawn`])
  const html = await (await ann.browser.open(`${home}?notice=withdrawn`)).text()
  expect(html).toContain('Access was taken back.')
  expect(html).not.toContain('The Partner')

  for (const { access_token, refresh_token } of [first, second]) {
    expect(await verdict(await me(at, access_token))).toBe('401 invalid_token')
    expect(await verdict(await refreshPartner(at, refresh_token))).toBe('400 invalid_grant')
  }
  expect(await verdict(await redeemPartner(at, code))).toBe('400 invalid_grant')
  const silent = await ann.browser.open(authPath({ ...asked, prompt: 'none' }))
  expect(answerOf(silent)).toMatchObject({ error: 'consent_required' })

  expect((await me(at, own.access_token)).status).toBe(200)
  expect((await refresh(at, own.refresh_token)).status).toBe(200)
  expect((await me(at, others.access_token)).status).toBe(200)
  expect((await refreshPartner(at, others.refresh_token)).status).toBe(200)
  expect(await listSessions(at.scene.ctx, ann.user.id)).toHaveLength(2)
  // A grant that ends alone is no sign-out.
  expect(await at.scene.ctx.db.selectFrom('idp.deliveries').selectAll().execute()).toEqual([])
  const { rows } = await sql`select type, actor, application_id, user_id from idp.events
    where type like '%.revoked' order by id`.execute(at.scene.ctx.db)
  const told = (type: string) => ({
    ...{ type, actor: `user:${ann.user.id}`, application_id: 'partner', user_id: ann.user.id },
  })
  expect(rows).toEqual([told('consent.revoked'), told('grant.revoked'), told('grant.revoked')])
})

test('a code of before stays good for nothing when the application is allowed anew', async () => {
  const at = await partnership()
  const { browser, sessionId } = at.ann
  const old = await partnerCode(at.ann)
  at.scene.pass(1000)
  await browser.send(home, { session: sessionId, application: 'partner' })
  at.scene.pass(1000)
  const code = await partnerCode(at.ann, { scope: 'openid' })
  expect(await verdict(await redeemPartner(at, old))).toBe('400 invalid_grant')
  expect((await redeemPartner(at, code)).status).toBe(200)
})

test('a device of the application is out as well, and one that waits for its tokens', async () => {
  const at = await partnership()
  await createApplication(at.scene.ctx, {
    ...{ id: 'tv', name: 'The Television', type: 'Native', isThirdParty: true },
    customClientMetadata: { isDeviceFlow: true },
  })
  const { user, browser, sessionId } = at.ann
  await saveConsent(
    at.scene.ctx,
    { userId: user.id, applicationId: 'tv' },
    { ...nothing, scopes: ['offline_access'] },
  )
  const { device_code, user_code } = await begin(at, { scope: 'openid offline_access' })
  expect(await answerDevice(browser, user_code, 'allow')).toContain('device-allowed')
  await browser.send(home, { session: sessionId, application: 'tv' })
  at.scene.pass(10_000)
  expect(await verdict(await poll(at, device_code))).toBe('400 invalid_grant')
  await saveConsent(
    at.scene.ctx,
    { userId: user.id, applicationId: 'tv' },
    { ...nothing, scopes: ['offline_access'] },
  )
  at.scene.pass(10_000)
  expect(await verdict(await poll(at, device_code))).toBe('400 invalid_grant')
})

test('a sign-in of long ago is enough, and who takes back twice sees the same', async () => {
  const at = await partnership()
  const { browser, sessionId } = at.ann
  await partnerTokens(at, at.ann)
  at.scene.pass(10 * 24 * 60 * 60 * 1000)
  const form = { session: sessionId, application: 'partner' }
  const answers = await Promise.all([browser.send(home, form), browser.send(home, form)])
  for (const { status, headers } of [...answers, await browser.send(home, form)]) {
    expect([status, headers.get('location')]).toEqual([303, `${home}?notice=withdrawn`])
  }
  const events = await at.scene.events()
  expect(events.filter((type) => type === 'consent.revoked')).toHaveLength(1)
})

test('nobody takes back for somebody else, and nonsense takes nothing back', async () => {
  const at = await partnership()
  const { browser, sessionId, user } = at.ann
  await partnerTokens(at, at.ann)
  const form = { session: sessionId, application: 'partner' }
  const stranger = browserAt(at)
  expect((await stranger.open(home)).headers.get('location')).toBe('/sign-in')
  expect((await stranger.send(home, form)).headers.get('location')).toBe('/sign-in')
  const foreign = await browser.send(home, form, { origin: 'https://evil.example' })
  expect(foreign.status).toBe(403)
  const bob = await person(at, { email: 'bob@example.com' })
  // A page that was left open in a browser where Bob has signed in since.
  const stale = await bob.browser.send(home, form)
  expect(stale.status).toBe(200)
  await bob.browser.send(home, { ...form, session: bob.sessionId })
  for (const application of ['', 'x'.repeat(10_000), 'nobody', 'shop', 'Partner']) {
    expect((await browser.send(home, { ...form, application })).status).toBe(303)
  }
  expect((await browser.send(home, { ...form, application: 'partner\0' })).status).toBe(400)
  const twice = await at.ask(home, {
    method: 'POST',
    body: `session=${sessionId}&application=partner&application=shop`,
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      cookie: [...browser.cookies].map((pair) => pair.join('=')).join('; '),
    },
  })
  expect(twice.status).toBe(400)
  expect(await findConsent(at.scene.ctx, user.id, 'partner')).not.toBeNull()
  expect(await at.scene.events()).not.toContain('consent.revoked')
})
