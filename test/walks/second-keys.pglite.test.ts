import { join } from 'node:path'
import { AxeBuilder } from '@axe-core/playwright'
import { type ServerType, serve } from '@hono/node-server'
import { Hono } from 'hono'
import { Secret, TOTP } from 'otpauth'
import type { Page } from 'playwright-core'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { transaction } from '../../src/base/context.ts'
import type { Env } from '../../src/base/http.ts'
import { hashPassword } from '../../src/base/password.ts'
import { enrollFactor } from '../../src/flows/factor.ts'
import { challengeFactor } from '../../src/flows/factor-challenge.ts'
import { proveFactor } from '../../src/flows/factor-proof.ts'
import { createApp } from '../../src/main.ts'
import { createApplication } from '../../src/model/application.ts'
import { createSession, listSessions } from '../../src/model/session.ts'
import { updateSettings } from '../../src/model/settings.ts'
import { createUser, findUser } from '../../src/model/user.ts'
import { freePort } from '../setup/free-port.ts'
import { type World, world } from '../world.ts'
import { giveKey } from './browser.ts'
import { machineHas, top } from './machine.ts'
import { watchedPages } from './watched.ts'

const email = 'aiko@example.com'
const password = 'correct horse battery'

/** The whole server; an app of Supabase's kind that lets people enrol keys, and a shop that wants to be sure. */
interface Stage {
  scene: World
  url: string
  app: string
  userId: string
  close(): void
}

async function stage({ host = 'localhost', name = 'localhost' } = {}): Promise<Stage> {
  const [port, appPort] = [await freePort(), await freePort()]
  const url = `http://${host}:${port}`
  const app = `http://${name}:${appPort}`
  const scene = await world({
    SEKISHO_PUBLIC_URL: url,
    GOTRUE_MFA_WEB_AUTHN_ENROLL_ENABLED: 'true',
    GOTRUE_MFA_WEB_AUTHN_VERIFY_ENABLED: 'true',
    GOTRUE_WEBAUTHN_RP_ID: name,
    GOTRUE_WEBAUTHN_RP_DISPLAY_NAME: 'Bookstore',
    // The pages may ask for keys of their own name, though no client may do so from there.
    GOTRUE_WEBAUTHN_RP_ORIGINS: app,
  })
  const client = new Hono<Env>()
  client.get('/callback', (c) => c.text(`GET ${JSON.stringify(c.req.query())}`))
  client.get('/favicon.ico', (c) => c.body(null, 204))
  client.get('/', (c) => c.html('<!doctype html><title>Bookstore</title><h1>Bookstore</h1>'))
  const servers: ServerType[] = [
    serve({ fetch: createApp(scene.ctx).fetch, port, hostname: '127.0.0.1' }),
    serve({ fetch: client.fetch, port: appPort, hostname: '127.0.0.1' }),
  ]
  await createApplication(scene.ctx, {
    ...{ id: 'shop', name: 'Bookstore', type: 'Traditional' },
    oidcClientMetadata: { redirectUris: [`${app}/callback`], postLogoutRedirectUris: [] },
    customClientMetadata: { isPkceOptional: true },
  })
  const byPassword = { password: true, verificationCode: true, isPasswordPrimary: true }
  await transaction(scene.ctx, (ctx) =>
    updateSettings(ctx, 'sign-in-experience', {
      signIn: { methods: [{ identifier: 'email', ...byPassword }] },
    }),
  )
  const passwordHash = await hashPassword(scene.ctx, password)
  const user = await createUser(scene.ctx, { email, emailVerified: true, passwordHash })
  return {
    ...{ scene, url, app, userId: user.id },
    close: () => servers.map((server) => server.close()),
  }
}

interface Supabase {
  createClient(url: string, key: string, options: object): SupabaseClient
}

interface SupabaseClient {
  auth: {
    signInWithPassword(credentials: object): Promise<{ error: unknown }>
    mfa: { webauthn: { register(wish: object): Promise<{ error: unknown }> } }
  }
}

describe.skipIf(!machineHas('Chromium'))('keys as second factors in a browser', () => {
  let at: Stage
  const open = watchedPages('second-keys', [422])

  beforeEach(async () => {
    at = await stage()
  })
  afterEach(() => at.close())

  /** A page with a security key in the machine, or a device that keeps passkeys; it answers at once. */
  async function visit({
    scripts = true,
    keyless = false,
    isResident = false,
  } = {}): Promise<Page> {
    const page = await open({ scripts })
    if (keyless) {
      await page.addInitScript(() => {
        Reflect.deleteProperty(globalThis, 'PublicKeyCredential')
      })
    } else if (scripts) {
      await page.addInitScript(() => {
        PublicKeyCredential.isConditionalMediationAvailable = async () => false
      })
    }
    await giveKey(page, { isResident })
    return page
  }

  /** As an app does it: in its own page, with supabase-js. */
  async function enrolKey(page: Page): Promise<void> {
    await page.goto(at.app)
    await page.addScriptTag({
      path: join(top, 'node_modules/@supabase/supabase-js/dist/umd/supabase.js'),
    })
    const said = await page.evaluate(
      async ({ url, ...credentials }) => {
        const { supabase } = globalThis as unknown as { supabase: Supabase }
        const { auth } = supabase.createClient(url, 'a-key', { auth: { persistSession: false } })
        const signedIn = await auth.signInWithPassword(credentials)
        if (signedIn.error) return String(signedIn.error)
        const { error } = await auth.mfa.webauthn.register({ friendlyName: 'My key' })
        return error === null ? null : String(error)
      },
      { url: at.url, email, password },
    )
    expect(said).toBeNull()
  }

  async function enrolApp(): Promise<() => string> {
    const { ctx } = at.scene
    const user = (await findUser(ctx, at.userId)) ?? expect.fail('Nobody is there.')
    const session = await createSession(ctx, { userId: user.id, method: 'password' })
    const wish = { type: 'totp', friendlyName: '', issuer: 'Test' } as const
    // Whoever has a factor shows it before there is another one.
    const holder = { user, session: { ...session, aal: 'aal2' as const } }
    const { factor, totp } = await enrollFactor(ctx, holder, wish)
    const app = new TOTP({ secret: Secret.fromBase32(totp?.secret ?? '') })
    const code = () => app.generate({ timestamp: ctx.now().getTime() })
    const { id } = await challengeFactor(ctx, holder, { factor, channel: 'sms' })
    await proveFactor(ctx, holder, {
      ...{ factor, challengeId: id, proof: { type: 'code', code: code() } },
    })
    at.scene.pass(5 * 60_000)
    return code
  }

  function asking(changes: Record<string, string> = {}): string {
    const query = new URLSearchParams({
      ...{ client_id: 'shop', redirect_uri: `${at.app}/callback`, response_type: 'code' },
      ...{ scope: 'openid', state: 's', acr_values: 'aal2', ...changes },
    })
    return `${at.url}/oidc/auth?${query}`
  }

  async function signIn(page: Page): Promise<void> {
    await page.fill('[name=identifier]', email)
    await page.click('#sign-in')
    await page.fill('#password', password)
    await page.click('#sign-in')
    await page.waitForURL('**/sign-in/second-factor?*')
  }

  const heard = async (page: Page) => (await page.textContent('body')) ?? ''

  async function methods(): Promise<string[][]> {
    const sessions = await listSessions(at.scene.ctx, at.userId)
    return sessions.map(({ aal, amr }) => [aal, ...amr.map(({ method }) => method).sort()])
  }

  test('one that supabase-js enrolled in an app is asked for on the page, by keyboard alone', async () => {
    const page = await visit()
    await enrolKey(page)
    expect(await methods()).toEqual([['aal2', 'mfa/webauthn', 'password']])
    at.scene.pass(60_000)
    await page.goto(asking())
    await signIn(page)
    expect(await page.textContent('h1')).toBe('Confirm that it is you')
    await page.waitForSelector('#passkey:not([hidden])')
    const order: string[] = []
    for (let stop = 0; stop < 5; stop += 1) {
      await page.keyboard.press('Tab')
      order.push(await page.evaluate(() => document.activeElement?.textContent?.trim() ?? ''))
    }
    expect(order).toEqual([
      'Skip to the form',
      'Continue with my key',
      'Cancel',
      'English',
      '日本語',
    ])
    for (let stop = 0; stop < 3; stop += 1) await page.keyboard.press('Shift+Tab')
    await page.keyboard.press('Enter')
    await page.waitForURL('**/callback?*')
    expect(await heard(page)).toMatch(/^GET .*"code"/)
    expect(await methods()).toContainEqual(['aal2', 'mfa/webauthn', 'password'])
    expect((await at.scene.events()).at(-1)).not.toBe('verification.failed')
  })

  test('a passkey of the account is one too, and a wrong answer is told where it is', async () => {
    const page = await visit({ isResident: true })
    await page.goto(asking({ acr_values: 'aal1' }))
    await page.fill('[name=identifier]', email)
    await page.click('#sign-in')
    await page.fill('#password', password)
    await page.click('#sign-in')
    await page.waitForURL('**/callback?*')
    await page.goto(`${at.url}/account/passkeys`)
    await page.click('#passkey button')
    await page.waitForURL('**/account/passkeys?notice=added')
    await page.goto(asking())
    await page.waitForURL('**/sign-in/second-factor?*')
    await page.$eval('#passkey', (form) => {
      const { elements } = form as HTMLFormElement
      ;(elements.namedItem('credential') as HTMLInputElement).value = '{}'
      ;(form as HTMLFormElement).submit()
    })
    await page.waitForSelector('.alert')
    await page.waitForFunction(() => document.activeElement?.className === 'alert')
    expect(await page.textContent('.alert')).toBe('That took too long. Try again.')
    await page.click('#passkey button')
    await page.waitForURL('**/callback?*')
    expect(await heard(page)).toMatch(/^GET .*"code"/)
    expect(await methods()).toEqual([['aal2', 'mfa/webauthn', 'password']])
  })

  test('without scripts the page says so, and the app’s code raises the session', async () => {
    const enrolling = await visit()
    await enrolKey(enrolling)
    const code = await enrolApp()
    const page = await visit({ scripts: false })
    await page.goto(asking())
    await signIn(page)
    expect(await page.isVisible('#passkey')).toBe(false)
    expect(await page.textContent('.notice:visible')).toContain('allow scripts for this page')
    await page.click('a[href*="factor="]:not([href*="lang="])')
    await page.fill('#code', code())
    await page.click('.btn.p')
    await page.waitForURL('**/callback?*')
    expect(await heard(page)).toMatch(/^GET .*"code"/)
  })

  test('a browser that knows no keys says so, and the way back tells the app', async () => {
    await enrolKey(await visit())
    at.scene.pass(60_000)
    const page = await visit({ keyless: true })
    await page.goto(asking())
    await signIn(page)
    await page.waitForSelector('#passkey-off:not([hidden])')
    expect(await page.isVisible('#passkey')).toBe(false)
    await page.click('[name=want][value=cancel]')
    await page.waitForURL('**/callback?*')
    expect(await heard(page)).toContain('"error":"access_denied"')
  })

  test('a key that is made for the domain answers to the pages below it', async () => {
    at.close()
    at = await stage({ host: 'id.app.localhost', name: 'app.localhost' })
    const page = await visit()
    await enrolKey(page)
    at.scene.pass(60_000)
    await page.goto(asking())
    await signIn(page)
    await page.click('#passkey button')
    await page.waitForURL('**/callback?*')
    expect(await heard(page)).toMatch(/^GET .*"code"/)
  })

  test.each([
    ['en', 'light', 1280],
    ['ja', 'dark', 320],
  ] as const)('has no barrier, in %s, %s, at %i pixels', async (language, colorScheme, width) => {
    const page = await visit()
    await enrolKey(page)
    await enrolApp()
    await page.setViewportSize({ width, height: 700 })
    await page.emulateMedia({ colorScheme })
    async function look(name: string): Promise<void> {
      expect(await page.getAttribute('html', 'lang'), name).toBe(language)
      const isWide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth)
      expect(isWide, `${name} scrolls sideways`).toBe(false)
      const small = await page.$$eval('.btn', (all) =>
        all
          .filter((one) => one.checkVisibility() && one.getBoundingClientRect().height < 44)
          .map((one) => one.outerHTML),
      )
      expect(small, name).toEqual([])
      const { violations } = await new AxeBuilder({ page }).analyze()
      expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([])
    }
    await page.goto(asking({ ui_locales: language }))
    await signIn(page)
    await page.waitForSelector('#passkey:not([hidden])')
    await look('key')
    await page.$eval('#passkey', (form) => (form as HTMLFormElement).submit())
    await page.waitForSelector('.alert')
    await look('key, refused')
    await page.$eval('#passkey-off', (one) => one.removeAttribute('hidden'))
    await page.$eval('#passkey-err', (one) => one.removeAttribute('hidden'))
    await look('key, not used')
    await page.click('a[href*="factor="]:not([href*="lang="])')
    await page.waitForSelector('#code')
    await look('code, and the key beside it')
    await page.goto(`${at.url}/account/passkeys?lang=${language}`)
    expect(await page.isVisible('#passkey')).toBe(false)
    await look('passkeys behind the second factor')
    await page.click('[name=want][value=confirm]')
    await page.waitForSelector('#passkey:not([hidden])')
    await page.click('#passkey button')
    await page.waitForURL('**/account/passkeys')
    await page.waitForSelector('#passkey:not([hidden])')
    await look('passkeys')
  })
})
