import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose'
import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { databaseKind } from '../database.ts'
import { freePort } from '../setup/free-port.ts'
import { closeBrowser, keepPicture, openBrowser } from './browser.ts'
import { machineHas, top } from './machine.ts'
import { refresh, tokensOf } from './oidc.ts'
import { signInWithPassword } from './pages.ts'
import { type Running, run } from './process.ts'
import { application, createAccount, freshEmail, type Stage, setStage } from './stage.ts'
import { visitor } from './visitor.ts'

const hasChromium = machineHas('Chromium')

/** What every Go shop has to tell, whichever client it is built on; `build` answers the path of its program. */
export function walkGoShop(client: string, build: () => Promise<string>) {
  describe(`the Go shop with ${client}`, () => {
    let stage: Stage
    let shop: Running
    let home: string
    let bookstore: ReturnType<typeof application>

    beforeAll(async () => {
      const port = await freePort()
      home = `http://localhost:${port}`
      bookstore = application('bookstore', home, '/callback')
      const program = await build()
      stage = await setStage(databaseKind(), { apply: { applications: [bookstore] } })
      shop = await startShop(program, stage.server.url, bookstore, port)
    }, 300_000)
    afterAll(async () => {
      await shop?.kill()
      await stage?.clear()
      await closeBrowser()
    })

    describe.runIf(hasChromium).each([{ scripts: true }, { scripts: false }])(
      'in Chromium, scripts: $scripts',
      ({ scripts }) => {
        let context: BrowserContext
        afterEach(async ({ task }) => {
          if (task.result?.state === 'fail')
            await keepPicture(context, `go-gin-${client}-${databaseKind()}-${scripts}`)
          await context?.close()
        })

        test('somebody registers with a mailed code, is signed in, and signs out', async () => {
          context = await openBrowser({ scripts })
          const page = await context.newPage()
          const email = freshEmail()
          await page.goto(home)
          await page.getByRole('link', { name: 'Sign In' }).click()
          await page.getByRole('link', { name: 'Create an account' }).click()
          await page.getByLabel('Email').fill(email)
          await page.getByRole('button', { name: 'Continue' }).click()

          const mail = await stage.post.next(email)
          expect(mail.subject).toBe(`${mail.code} registers you`)
          await typeCode(page, mail.code, 'Continue', scripts)

          await page.waitForURL(`${home}/`)
          expect(await page.locator('#state').textContent()).toContain('You are signed in')
          expect(await page.locator('#email').textContent()).toBe(email)

          await page.getByRole('link', { name: 'Sign Out' }).click()
          // With scripts the question answers itself.
          if (!scripts) await page.click('#confirm-logout')
          await page.waitForURL(`${home}/`)
          expect(await page.locator('#state').textContent()).toBe('You are not signed in.')

          // The other end has forgotten this browser too: it asks who is there.
          await page.getByRole('link', { name: 'Sign In' }).click()
          await page.getByLabel('Email').fill(email)
          await page.getByRole('button', { name: 'Continue' }).click()
          await page.getByRole('button', { name: 'Send me a code instead' }).click()
          const second = await stage.post.next(email)
          expect(second.subject).toBe(`${second.code} signs you in`)
          await typeCode(page, second.code, 'Sign in', scripts)
          await page.waitForURL(`${home}/`)
          expect(await page.locator('#email').textContent()).toBe(email)
        }, 90_000)
      },
    )

    test('the mail went out as Mailgun wants it, once for each code', async () => {
      const email = freshEmail()
      const guest = visitor()
      const start = await guest.open(`${home}/sign-in`)
      const form = await guest.open(
        new URL(
          /href="(\/register[^"]*)"/.exec(start.body)?.[1]?.replaceAll('&amp;', '&') ?? '',
          start.url,
        ).href,
      )
      await guest.submit(form, { identifier: email }, '/register')
      await stage.post.next(email)
      const sent = stage.post.mailgun.messages.filter((message) => message.form.to === email)
      expect(sent).toMatchObject([
        {
          domain: 'mg.bookstore.example',
          apiKey: 'key-of-the-walk',
          form: { from: 'Bookstore <no-reply@mg.bookstore.example>', to: email },
        },
      ])
    }, 60_000)

    test('a browser that is signed in already is sent straight back', async () => {
      const guest = visitor()
      const account = await createAccount(stage.server)
      const first = await signInWithPassword(guest, await guest.open(`${home}/sign-in`), account)
      expect(first.url).toBe(`${home}/`)
      const second = await guest.open(`${home}/sign-in`)
      expect(second.url).toBe(`${home}/`)
      expect(second.body).toContain(account.email)
    }, 60_000)

    test('user info holds after the access token was renewed', async () => {
      const guest = visitor()
      const account = await createAccount(stage.server)
      await signInWithPassword(guest, await guest.open(`${home}/sign-in`), account)
      const { id } = account
      for (const path of ['/user-info', '/user-info?renew=1', '/user-info?renew=1', '/user-info']) {
        const answer = await guest.open(home + path)
        expect({ path, status: answer.status, ...JSON.parse(answer.body) }).toMatchObject({
          path,
          status: 200,
          sub: id,
          email: account.email,
        })
      }
    }, 60_000)

    test('keys and tokens have the shapes that a Logto SDK for Go decodes', async () => {
      const { server } = stage
      const discovery = await (
        await fetch(`${server.url}/oidc/.well-known/openid-configuration`)
      ).json()
      expect(discovery.issuer).toBe(`${server.url}/oidc`)
      const { keys } = await (await fetch(discovery.jwks_uri)).json()
      expect(keys.length).toBeGreaterThan(0)
      // That SDK reads every member of every key into a string: one number or array breaks all sign-ins.
      for (const key of keys) {
        expect(Object.values(key).every((value) => typeof value === 'string')).toBe(true)
      }

      const tokens = await tokensOf(server, bookstore, await createAccount(server))
      expect(tokens).toMatchObject({
        token_type: 'Bearer',
        expires_in: 3600,
        scope: expect.any(String),
      })
      const { payload } = await jwtVerify(
        tokens.id_token,
        createRemoteJWKSet(new URL(discovery.jwks_uri)),
      )
      expect(payload.aud).toBe(bookstore.id)
      expect(payload.iss).toBe(discovery.issuer)
      expect(Math.abs((payload.iat ?? 0) - Date.now() / 1000)).toBeLessThan(60)

      const { body: renewed } = await refresh(server, bookstore, tokens.refresh_token)
      // It keeps what it is given, even nothing: each refresh has to bring a refresh token and a new ID token.
      expect(renewed.refresh_token).toEqual(expect.any(String))
      expect(decodeJwt(renewed.id_token).sub).toBe(payload.sub)
    }, 60_000)
  })
}

/** Six digits send themselves where scripts run. */
async function typeCode(page: Page, code: string, button: string, scripts: boolean) {
  await page.getByLabel('6-digit code').fill(code)
  if (!scripts) await page.getByRole('button', { name: button, exact: true }).click()
}

export function startShop(
  program: string,
  endpoint: string,
  app: { id: string; secret: string },
  port: number,
  more: Record<string, string> = {},
) {
  return run(program, [], {
    cwd: top,
    env: {
      ENDPOINT: endpoint,
      APP_ID: app.id,
      APP_SECRET: app.secret,
      PORT: String(port),
      GIN_MODE: 'release',
      ...more,
    },
  })
}
