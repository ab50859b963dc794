import { createClient } from '@supabase/supabase-js'
import { TOTP } from 'otpauth'
import { afterEach, describe, expect, test } from 'vitest'
import { listSessions } from '../../src/model/session.ts'
import { settingsOf } from '../contract/gotrue-external-world.ts'
import { client, startProviders } from '../servers/providers.ts'
import { closeBrowser, giveKey, openBrowser } from './browser.ts'
import { machineHas } from './machine.ts'
import { type SiteStage, siteStage } from './supabase-site.ts'

// A site that keeps the session in cookies (`@supabase/ssr`, as it comes from the registry), and what its people do there.

const email = 'ann@example.com'
const password = 'correct horse battery'
const slow = 180_000
let stage: SiteStage | null = null

async function open(environment: Record<string, string> = {}): Promise<SiteStage> {
  stage = await siteStage(environment)
  return stage
}
afterEach(async () => {
  await stage?.close()
  stage = null
})

const believed = { GOTRUE_MAILER_AUTOCONFIRM: 'true' }

test(
  'two tabs refresh at once, a hundred times, and nobody is signed out',
  async () => {
    // The client refreshes what is good for less than ninety seconds: here, at each request.
    const { ctx, browser, events } = await open({ ...believed, GOTRUE_JWT_EXP: '60' })
    const { send, openWith, cookies } = browser()
    const { data } = await send('/sign-up', { email, password })
    const userId = data.user.id
    let before = cookies()
    for (let round = 1; round <= 100; round += 1) {
      const now = cookies()
      // Now and then one of the tabs has not seen the newest cookies yet.
      const tabs = await Promise.all([
        openWith(now, '/'),
        openWith(round % 10 === 0 ? before : now, '/'),
      ])
      before = now
      expect({ round, who: tabs.map((tab) => [tab.error, tab.data.user?.id]) }).toEqual({
        round,
        who: [
          [null, userId],
          [null, userId],
        ],
      })
      expect(cookies()).not.toBe(now)
    }
    expect(await listSessions(ctx, userId)).toHaveLength(1)
    const told = await events()
    expect(told.filter((type) => type === 'token.reused')).toEqual([])
    expect(told.filter((type) => type === 'session.refreshed').length).toBeGreaterThanOrEqual(100)
  },
  slow,
)

test(
  'a mail that is opened in another browser confirms the address, and the session waits where it was asked for',
  async () => {
    const { browser, followMail } = await open()
    const [laptop, phone] = [browser(), browser()]
    await laptop.send('/sign-up', { email, password })
    const back = await followMail(email)
    expect([...back.searchParams.keys()]).toEqual(['code'])

    const elsewhere = await phone.open(back.pathname + back.search)
    expect(elsewhere.error?.code).toMatch(/verifier/i)
    expect((await phone.open('/')).data.user).toBeNull()
    // The address is hers, and the code is not spent.
    expect((await phone.send('/sign-in', { email, password })).data.user.email).toBe(email)
    expect((await laptop.open(back.pathname + back.search)).data.user.email).toBe(email)
    expect((await laptop.open('/')).data.user.email_confirmed_at).toEqual(expect.any(String))
  },
  slow,
)

test(
  'a mail that links to the site with the token’s hash signs in the browser that opens it',
  async () => {
    const { browser, mails } = await open(believed)
    await browser().send('/sign-up', { email, password })
    await browser().send('/magic-link', { email })
    const link = new URL((await mails(email))[0]?.link ?? '')
    const phone = browser()
    const query = new URLSearchParams({
      token_hash: link.searchParams.get('token') ?? '',
      type: 'email',
    })
    expect((await phone.open(`/auth/confirm?${query}`)).error).toBeNull()
    expect((await phone.open('/')).data.user.email).toBe(email)
    const again = await browser().open(`/auth/confirm?${query}`)
    expect(again.error?.code).toBe('otp_expired')
  },
  slow,
)

test(
  'somebody without a name becomes a permanent user, and stays the same one',
  async () => {
    const { browser, followMail, events } = await open({
      GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED: 'true',
    })
    const { send, open: go } = browser()
    const { data } = await send('/anonymous')
    expect(data.user.is_anonymous).toBe(true)
    expect((await send('/account', { email })).data.user.new_email).toBe(email)
    const back = await followMail(email)
    await go(back.pathname + back.search)
    const named = await send('/account', { password })
    expect(named.error).toBeNull()
    expect(named.data.user).toMatchObject({ id: data.user.id, email, is_anonymous: false })
    const signedIn = await browser().send('/sign-in', { email, password })
    expect(signedIn.data.user.id).toBe(data.user.id)
    expect(await events()).toContain('user.signed-in')
  },
  slow,
)

test(
  'a provider signs in, and its token comes along once',
  async () => {
    const scene = await open(settingsOf('github'))
    const providers = startProviders(() => new Date())
    Object.assign(scene.ctx, { fetch: providers.fetch })
    const { send, open: go } = scene.browser()
    const { data: begun } = await send('/provider', { provider: 'github' })
    const sent = await fetch(begun.url, { redirect: 'manual' })
    const atGitHub = providers.visit(sent.headers.get('location') ?? '')
    const returned = await fetch(atGitHub.url, { redirect: 'manual' })
    const back = new URL(returned.headers.get('location') ?? '')
    const { data, error } = await go(back.pathname + back.search)
    expect(error).toBeNull()
    expect(data.session).toMatchObject({
      provider_token: expect.stringMatching(/^access-/),
      user: { email, app_metadata: { provider: 'github' } },
    })
    expect((await go('/')).data.user.id).toBe(data.user.id)
    expect((await send('/sign-out')).error).toBeNull()
    expect((await go('/')).data.user).toBeNull()
  },
  slow,
)

test(
  'an ID token signs in',
  async () => {
    const { ctx, url, anonKey } = await open(settingsOf('google'))
    const providers = startProviders(() => new Date())
    Object.assign(ctx, { fetch: providers.fetch })
    const { auth } = createClient(url, anonKey, { auth: { persistSession: false } })
    const token = await providers.idToken({
      iss: 'https://accounts.google.com',
      aud: client.id,
      sub: '4711',
      email,
      email_verified: true,
    })
    const { data, error } = await auth.signInWithIdToken({ provider: 'google', token })
    expect([error, data.user?.email]).toEqual([null, email])
    await auth.stopAutoRefresh()
  },
  slow,
)

test(
  'a second factor is enrolled, raises the session, and is given up again',
  async () => {
    const { url, anonKey } = await open(believed)
    const { auth } = createClient(url, anonKey, {
      auth: { persistSession: false, autoRefreshToken: false },
    })
    await auth.signUp({ email, password })
    const levels = async () => {
      const { data } = await auth.mfa.getAuthenticatorAssuranceLevel()
      return [data?.currentLevel, data?.nextLevel]
    }
    const enrolled = await auth.mfa.enroll({ factorType: 'totp', friendlyName: 'phone' })
    const { id: factorId, totp } = enrolled.data ?? expect.fail(enrolled.error?.message)
    expect(totp.qr_code).toMatch(/^data:image\/svg\+xml;utf-8,<(\?xml|svg)/)
    expect(await levels()).toEqual(['aal1', 'aal1'])
    const code = new TOTP({ secret: totp.secret }).generate()
    const verified = await auth.mfa.challengeAndVerify({ factorId, code })
    expect(verified.error).toBeNull()
    expect(await levels()).toEqual(['aal2', 'aal2'])
    expect((await auth.mfa.unenroll({ factorId })).error).toBeNull()
    await auth.refreshSession()
    expect(await levels()).toEqual(['aal1', 'aal1'])
    expect((await auth.mfa.listFactors()).data?.all).toEqual([])
  },
  slow,
)

describe.skipIf(!machineHas('Chromium'))('in Chromium', () => {
  afterEach(closeBrowser)

  test(
    'a passkey is added on the site, and signs in there',
    async () => {
      const { home, events, browser } = await open({ ...believed, GOTRUE_PASSKEY_ENABLED: 'true' })
      await browser().send('/sign-up', { email, password })
      const context = await openBrowser({ scripts: true })
      const page = await context.newPage()
      await giveKey(page)
      const says = (text: string) =>
        page
          .locator('output', { hasText: /./ })
          .textContent()
          .then((said) => expect(said).toBe(text))
      await page.goto(`${home}/passkeys`)
      await page.fill('[name=email]', email)
      await page.fill('[name=password]', password)
      await page.click('#password button')
      await says(`submit: #password ${email}`)
      await page.click('#add')
      await says(`click: #add ${email}`)
      await page.click('#out')
      await says('click: #out nobody')
      await page.click('#use')
      await says(`click: #use ${email}`)
      expect((await events()).filter((type) => type.startsWith('factor.'))).toEqual([
        'factor.created',
        'factor.used',
      ])
      await context.close()
    },
    slow,
  )
})
