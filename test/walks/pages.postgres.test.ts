import { AxeBuilder } from '@axe-core/playwright'
import { type ServerType, serve } from '@hono/node-server'
import { Hono } from 'hono'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { transaction } from '../../src/base/context.ts'
import type { Env } from '../../src/base/http.ts'
import { hashPassword } from '../../src/base/password.ts'
import { startInteraction } from '../../src/flows/interaction.ts'
import { updateSettings } from '../../src/model/settings.ts'
import { createUser } from '../../src/model/user.ts'
import { pagesOf } from '../contract/pages-visitor.ts'
import { type World, world } from '../world.ts'
import { machineHas } from './machine.ts'
import { watchedPages } from './watched.ts'

const email = 'aiko@example.com'
const password = 'correct horse battery'

interface Stage {
  scene: World
  url: string
  close(): void
}

/** The hosted pages on a port of their own, and an app on another, to which a sign-in returns. */
async function stage(): Promise<Stage> {
  const scene = await world()
  const servers: ServerType[] = []
  const app = new Hono<Env>()
  const client = new Hono<Env>()
  client.get('/callback', (c) => c.text('Welcome back'))
  client.get('/favicon.ico', (c) => c.body(null, 204))
  const appUrl = await listen(client, servers)
  app.get('/start', async (c) => {
    const { interaction, browser } = await startInteraction(scene.ctx, {
      applicationId: null,
      request: { redirect_uri: `${appUrl}/callback` },
      browser: null,
    })
    c.header('set-cookie', `flow=${browser}; Path=/; HttpOnly; SameSite=Lax`)
    return c.redirect(`/sign-in?flow=${interaction.id}`, 303)
  })
  // As the OpenID Provider does in the end: another origin, reached by a redirect that follows the form.
  app.get('/message', (c) => c.redirect(`${appUrl}/callback`, 303))
  app.route('/', pagesOf(scene))
  const url = await listen(app, servers)
  await createUser(scene.ctx, {
    email,
    emailVerified: true,
    passwordHash: await hashPassword(scene.ctx, password),
  })
  return { scene, url, close: () => servers.map((server) => server.close()) }
}

function listen(app: Hono<Env>, servers: ServerType[]): Promise<string> {
  return new Promise((resolve) => {
    const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) =>
      resolve(`http://127.0.0.1:${port}`),
    )
    servers.push(server)
  })
}

async function newestCode(scene: World): Promise<string> {
  return (await scene.mails(email))[0]?.code ?? 'none'
}

async function typeAndPress(page: Page, field: string, value: string): Promise<void> {
  await page.fill(`#${field}`, value)
  await page.click('.btn.p')
}

describe.skipIf(!machineHas('Chromium'))('the hosted pages in a browser', () => {
  let at: Stage
  const visit = watchedPages('pages', [400, 422, 429])

  beforeAll(async () => {
    at = await stage()
  })
  afterAll(() => at.close())

  test.each([
    ['with scripts', true],
    ['without scripts', false],
  ])('a code signs in and leads back to the app, %s', async (_name, scripts) => {
    const page = await visit({ scripts })
    await page.goto(`${at.url}/start`)
    await typeAndPress(page, 'identifier', email)
    await page.waitForSelector('#code')
    const code = await newestCode(at.scene)
    const wrong = code === '000000' ? '000001' : '000000'
    await page.fill('#code', wrong)
    if (!scripts) await page.click('.btn.p')
    await page.waitForSelector('#code[aria-invalid]')
    // The browser moves there when it has drawn the page.
    await page.waitForFunction(() => document.activeElement?.id === 'code')
    await typeAndPress(page, 'code', code)
    await page.waitForURL('**/callback')
    expect(await page.textContent('body')).toBe('Welcome back')
  })

  test('a password is shown and hidden again, and a second press sends nothing', async () => {
    const page = await visit()
    await transaction(at.scene.ctx, (ctx) =>
      updateSettings(ctx, 'sign-in-experience', {
        signIn: {
          methods: [
            {
              identifier: 'email',
              password: true,
              verificationCode: true,
              isPasswordPrimary: true,
            },
          ],
        },
      }),
    )
    await page.goto(`${at.url}/start`)
    await typeAndPress(page, 'identifier', email)
    await page.fill('#password', password)
    await page.click('.toggle')
    expect(await page.getAttribute('#password', 'type')).toBe('text')
    expect(await page.getAttribute('.toggle', 'aria-pressed')).toBe('true')
    await page.click('.toggle')
    expect(await page.getAttribute('#password', 'type')).toBe('password')
    let posts = 0
    page.on('request', (request) => {
      if (request.method() === 'POST') posts += 1
    })
    await page.dblclick('.btn.p')
    await page.waitForURL('**/callback')
    expect(posts).toBe(1)
    await transaction(at.scene.ctx, (ctx) =>
      updateSettings(ctx, 'sign-in-experience', { signIn: {} }),
    )
  })

  test('the keyboard goes from the skip link through the form to the languages', async () => {
    const page = await visit()
    await page.goto(`${at.url}/sign-in`)
    await page.waitForFunction(() => document.activeElement?.id === 'identifier')
    await page.keyboard.press('Shift+Tab')
    const order: string[] = []
    for (let stop = 0; stop < 6; stop += 1) {
      order.push(
        await page.evaluate(() => {
          const one = document.activeElement
          return one?.id || one?.textContent || ''
        }),
      )
      await page.keyboard.press('Tab')
    }
    expect(order).toEqual([
      'Skip to the form',
      'identifier',
      'sign-in',
      'Create an account',
      'English',
      '日本語',
    ])
  })

  test('a page weighs less than 12 KB on the wire, with its style and script', async () => {
    const page = await visit()
    const session = await page.context().newCDPSession(page)
    await session.send('Network.enable')
    let weight = 0
    session.on('Network.loadingFinished', ({ encodedDataLength }) => {
      weight += encodedDataLength
    })
    await page.goto(`${at.url}/sign-in`, { waitUntil: 'networkidle' })
    expect(weight).toBeGreaterThan(2000)
    expect(weight).toBeLessThan(12 * 1024)
  })

  // Each language, theme and width is seen; a page is looked at many times in each.
  test.each([
    ['en', 'light', 1280],
    ['ja', 'dark', 320],
  ] as const)(
    'no page has a barrier, in %s, %s, at %i pixels',
    async (language, colorScheme, width) => {
      const page = await visit()
      await page.setViewportSize({ width, height: 700 })
      await page.emulateMedia({ colorScheme })
      const seen: string[] = []
      async function look(): Promise<void> {
        const title = await page.title()
        seen.push(title)
        expect(title.length).toBeGreaterThan(3)
        expect(await page.getAttribute('html', 'lang')).toBe(language)
        const isWide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth)
        expect(isWide, `${title} scrolls sideways`).toBe(false)
        const small = await page.$$eval('.btn, .toggle, .field input', (all) =>
          all
            .filter((one) => one.checkVisibility() && one.getBoundingClientRect().height < 44)
            .map((one) => one.outerHTML),
        )
        expect(small).toEqual([])
        const { violations, passes } = await new AxeBuilder({ page }).analyze()
        expect(passes.length).toBeGreaterThan(10)
        expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([])
      }

      await page.goto(`${at.url}/sign-in?lang=${language}`)
      await look()
      // What the browser would refuse by itself reaches the server without scripts.
      await page.$eval('form', (form) => form.setAttribute('novalidate', ''))
      await typeAndPress(page, 'identifier', 'aiko')
      await look()
      await typeAndPress(page, 'identifier', `${language}.${colorScheme}.${width}@example.com`)
      await look()
      await page.click('.to[href^="/sign-in/password"]')
      await look()
      await typeAndPress(page, 'password', 'not this one')
      await look()
      for (const path of ['/register', '/forgot-password', '/signed-out', '/error?about=app']) {
        await page.goto(`${at.url}${path}`)
        await look()
      }
      expect(new Set(seen).size).toBeGreaterThanOrEqual(8)
    },
  )
})
