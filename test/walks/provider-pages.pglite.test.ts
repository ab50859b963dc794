import { AxeBuilder } from '@axe-core/playwright'
import { type ServerType, serve } from '@hono/node-server'
import { Hono } from 'hono'
import { sql } from 'kysely'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { transaction } from '../../src/base/context.ts'
import type { Env } from '../../src/base/http.ts'
import { hashPassword } from '../../src/base/password.ts'
import { createApp } from '../../src/main.ts'
import { createApplication } from '../../src/model/application.ts'
import { setConsentScopes } from '../../src/model/application-consent.ts'
import { updateSettings } from '../../src/model/settings.ts'
import { createUser } from '../../src/model/user.ts'
import { freePort } from '../setup/free-port.ts'
import { type World, world } from '../world.ts'
import { machineHas } from './machine.ts'
import { watchedPages } from './watched.ts'

const email = 'aiko@example.com'
const password = 'correct horse battery'

/** The whole server, and an application on another origin that shows what it is sent. */
interface Stage {
  scene: World
  url: string
  shop: string
  close(): void
}

async function stage(): Promise<Stage> {
  const [port, shopPort] = [await freePort(), await freePort()]
  const url = `http://localhost:${port}`
  const shop = `http://127.0.0.1:${shopPort}`
  const scene = await world({ SEKISHO_PUBLIC_URL: url })
  const client = new Hono<Env>()
  client.get('/callback', (c) => c.text(`GET ${JSON.stringify(c.req.query())}`))
  // Where a form leads is the application's own affair: here to another page of it, under another name.
  client.post('/callback', async (c) => {
    const form = await c.req.parseBody()
    const origin = c.req.header('origin')
    const said = new URLSearchParams({ said: JSON.stringify({ ...form, origin }) })
    return c.redirect(`http://localhost:${shopPort}/in?${said}`, 303)
  })
  client.get('/in', (c) => c.text(`POST ${c.req.query('said')}`))
  client.get('/', (c) => c.text('the shop'))
  client.get('/favicon.ico', (c) => c.body(null, 204))
  const servers: ServerType[] = [
    serve({ fetch: createApp(scene.ctx).fetch, port, hostname: 'localhost' }),
    serve({ fetch: client.fetch, port: shopPort }),
  ]
  const addresses = {
    redirectUris: [`${shop}/callback`],
    postLogoutRedirectUris: [`${shop}/`],
  }
  for (const isThirdParty of [false, true]) {
    await createApplication(scene.ctx, {
      id: isThirdParty ? 'partner' : 'shop',
      name: isThirdParty ? 'Partner Analytics' : 'Bookstore',
      type: 'Traditional',
      isThirdParty,
      oidcClientMetadata: addresses,
      customClientMetadata: { isPkceOptional: true },
      appearance: { homepageUrl: `${shop}/`, privacyPolicyUrl: `${shop}/privacy` },
    })
  }
  await setConsentScopes(scene.ctx, 'partner', {
    userScopes: ['profile', 'email', 'urn:logto:scope:organizations'],
    organizationScopes: [],
    resourceScopes: [],
    organizationResourceScopes: [],
  })
  await createApplication(scene.ctx, {
    ...{ id: 'tv', name: 'The Television', type: 'Native' },
    customClientMetadata: { isDeviceFlow: true },
  })
  const byPassword = { password: true, verificationCode: true, isPasswordPrimary: true }
  await transaction(scene.ctx, (ctx) =>
    updateSettings(ctx, 'sign-in-experience', {
      signIn: { methods: [{ identifier: 'email', ...byPassword }] },
    }),
  )
  const passwordHash = await hashPassword(scene.ctx, password)
  const user = await createUser(scene.ctx, {
    email,
    emailVerified: true,
    name: 'Aiko',
    passwordHash,
  })
  await sql`insert into idp.organizations (id, name) values ('acme', 'Acme'), ('juku', '学習塾')`.execute(
    scene.ctx.db,
  )
  await sql`insert into idp.organization_members (organization_id, user_id)
    values ('acme', ${user.id}), ('juku', ${user.id})`.execute(scene.ctx.db)
  return { scene, url, shop, close: () => servers.map((server) => server.close()) }
}

describe.skipIf(!machineHas('Chromium'))('the provider’s pages in a browser', () => {
  let at: Stage
  const visit = watchedPages('provider', [400, 422])

  beforeAll(async () => {
    at = await stage()
  })
  afterAll(() => at.close())

  function asking(changes: Record<string, string> = {}): string {
    const query = new URLSearchParams({
      client_id: 'shop',
      redirect_uri: `${at.shop}/callback`,
      response_type: 'code',
      scope: 'openid profile email offline_access urn:logto:scope:organizations',
      state: 's',
      ...changes,
    })
    return `${at.url}/oidc/auth?${query}`
  }

  async function signIn(page: Page): Promise<void> {
    await page.fill('[name=identifier]', email)
    await page.click('#sign-in')
    await page.fill('#password', password)
    await page.click('#sign-in')
  }

  /** A device asks, and shows its code. */
  async function deviceCode(changes: Record<string, string> = {}) {
    const scope = 'openid offline_access profile email'
    const asked = await fetch(`${at.url}/oidc/device/auth`, {
      method: 'POST',
      body: new URLSearchParams({ client_id: 'tv', scope, ...changes }),
    })
    return (await asked.json()) as Record<
      'device_code' | 'user_code' | 'verification_uri' | 'verification_uri_complete',
      string
    >
  }

  function poll(device_code: string): Promise<Response> {
    const grant_type = 'urn:ietf:params:oauth:grant-type:device_code'
    return fetch(`${at.url}/oidc/token`, {
      method: 'POST',
      body: new URLSearchParams({ grant_type, client_id: 'tv', device_code }),
    })
  }

  test.each([
    ['with scripts', true],
    ['without scripts', false],
  ])(
    'a television is let in by its code, %s',
    async (_, scripts) => {
      const page = await visit({ scripts })
      const { device_code, user_code, verification_uri } = await deviceCode()
      await page.goto(verification_uri)
      await page.fill('#user_code', 'bcdf ghjk')
      await page.click('#continue')
      expect(await page.getAttribute('#user_code', 'aria-invalid')).toBe('true')
      await page.fill('#user_code', user_code.toLowerCase().replace('-', ' '))
      await page.click('#continue')
      await signIn(page)
      await page.waitForURL('**/device/confirm?*')
      expect(await page.textContent('#shown-code')).toBe(user_code)
      expect(await heard(page)).toContain('The Television')
      expect((await poll(device_code)).status).toBe(400)
      await page.click('#allow')
      await page.waitForURL('**/message?about=device-allowed')
      expect((await poll(device_code)).status).toBe(200)

      // Who is signed in still has the last word, and says no.
      const other = await deviceCode()
      await page.goto(other.verification_uri_complete)
      await page.click('#continue')
      await page.click('#deny')
      await page.waitForURL('**/message?about=device-denied')
      expect(await (await poll(other.device_code)).json()).toMatchObject({ error: 'access_denied' })
    },
    60_000,
  )

  const heard = async (page: Page) => (await page.textContent('body')) ?? ''

  test.each([
    ['with scripts', true],
    ['without scripts', false],
  ])(
    'sign-in, form_post, account, consent and sign-out, %s',
    async (_, scripts) => {
      const page = await visit({ scripts })
      await page.goto(asking({ response_mode: 'form_post' }))
      await signIn(page)
      if (!scripts) await page.click('.btn.p')
      await page.waitForURL('**/in?said=*')
      expect(await heard(page)).toMatch(/^POST \{"code":"[\w-]{300,600}","state":"s","iss":/)
      expect(await heard(page)).toContain(`"origin":"${at.url}"`)

      at.scene.pass(60_000)
      await page.goto(asking({ prompt: 'select_account' }))
      expect(await heard(page)).toContain(email)
      await page.click('#continue')
      await page.waitForURL('**/callback?*')
      expect(await heard(page)).toMatch(/^GET .*"code"/)
      await page.goto(asking({ prompt: 'select_account' }))
      await page.click('[name=want][value=other]')
      expect(new URL(page.url()).pathname).toBe('/sign-in')
      expect(await page.inputValue('[name=identifier]')).toBe('')

      const partner = { client_id: 'partner', prompt: 'consent' }
      await page.goto(asking(partner))
      expect(await page.textContent('h1')).toBe('Allow Partner Analytics?')
      await page.click('#deny')
      await page.waitForURL('**/callback?*')
      expect(await heard(page)).toContain('"error":"access_denied"')
      await page.goto(asking(partner))
      await page.getByLabel('Acme').check()
      await page.click('#allow')
      await page.waitForURL('**/callback?*')
      expect(await heard(page)).toMatch(/^GET .*"code"/)
      await page.goto(asking({ ...partner, prompt: 'none' }))
      expect(await heard(page)).toMatch(/^GET .*"code"/)

      await page.goto(`${at.url}/account/applications`)
      expect(await heard(page)).toContain('See your email address')
      expect(await heard(page)).toContain('Acme')
      await page.getByRole('button', { name: 'Take access back from Partner Analytics' }).click()
      await page.waitForURL('**/account/applications?notice=withdrawn')
      expect(await heard(page)).not.toContain('Partner Analytics')
      await page.goto(asking({ ...partner, prompt: 'none' }))
      expect(await heard(page)).toContain('"error":"consent_required"')

      const back = new URLSearchParams({
        client_id: 'shop',
        post_logout_redirect_uri: `${at.shop}/`,
      })
      await page.goto(`${at.url}/oidc/session/end?client_id=shop`)
      await page.click('text=日本語')
      expect(await page.textContent('h1')).toBe('ログアウトしますか')
      await page.goto(`${at.url}/oidc/session/end?${back}`)
      // The shop is of the house and says where it goes on: with scripts its question answers itself.
      if (!scripts) await page.click('#confirm-logout')
      await page.waitForURL(`${at.shop}/`)
      await page.goto(asking({ prompt: 'none' }))
      expect(await heard(page)).toContain('"error":"login_required"')
    },
    60_000,
  )

  test.each([
    ['en', 'light', 1280],
    ['ja', 'dark', 320],
  ] as const)(
    'no page has a barrier, in %s, %s, at %i pixels',
    async (language, colorScheme, width) => {
      const page = await visit({ scripts: true })
      await page.setViewportSize({ width, height: 800 })
      await page.emulateMedia({ colorScheme })
      const locales = { ui_locales: language }
      async function look(name: string): Promise<void> {
        expect(await page.getAttribute('html', 'lang'), name).toBe(language)
        const isWide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth)
        expect(isWide, `${name} scrolls sideways`).toBe(false)
        const { violations } = await new AxeBuilder({ page }).analyze()
        expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([])
      }
      await page.goto(asking(locales))
      await signIn(page)
      await page.waitForURL('**/callback?*')
      at.scene.pass(60_000)
      await page.goto(asking({ ...locales, prompt: 'select_account' }))
      await look('chooser')
      await page.goto(asking({ ...locales, client_id: 'partner', prompt: 'consent' }))
      await look('consent')
      await page.click('#allow')
      await page.waitForURL('**/callback?*')
      await page.goto(`${at.url}/account/applications?lang=${language}`)
      await look('applications')
      await page.click('[name=application]')
      await page.waitForURL('**/account/applications?notice=withdrawn')
      await look('no applications')
      await page.goto(`${at.url}/oidc/session/end?client_id=shop&ui_locales=${language}`)
      await look('sign-out')
      const device = await deviceCode(locales)
      await page.goto(`${device.verification_uri_complete}&lang=${language}`)
      await look('device')
      await page.fill('#user_code', 'BCDF-GHJK')
      await page.click('#continue')
      await look('device, wrong code')
      await page.fill('#user_code', device.user_code)
      await page.click('#continue')
      await page.waitForURL('**/device/confirm?*')
      await look('device, last word')
      const wrong = { redirect_uri: 'https://evil.example/callback' }
      await page.goto(asking({ ...locales, ...wrong }))
      expect(await heard(page)).toContain('invalid_request')
      await look('error')
    },
    60_000,
  )
})
