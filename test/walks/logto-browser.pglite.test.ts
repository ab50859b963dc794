import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import type { BrowserContext, Page } from 'playwright-core'
import { build } from 'vite'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { databaseKind } from '../database.ts'
import { freePort } from '../setup/free-port.ts'
import { closeBrowser, keepPicture, openBrowser, passHostedPages } from './browser.ts'
import { machineHas, top } from './machine.ts'
import { type Account, application, type Stage, setStage } from './stage.ts'
import { peopleOfThings, startThings, type ThingsApi, things } from './things.ts'

describe.runIf(machineHas('Chromium'))("Logto's SDK for browsers", () => {
  const { member, stranger, apply } = peopleOfThings()
  const bundle = mkdtempSync(join(tmpdir(), 'sekisho-bundle-'))
  let stage: Stage
  let api: ThingsApi
  let pages: Server
  let home: string
  let context: BrowserContext
  let page: Page

  beforeAll(async () => {
    const port = await freePort()
    home = `http://localhost:${port}`
    const { secret: _, ...registered } = {
      ...application('reader', home, '/callback'),
      type: 'SPA',
    }
    stage = await setStage(databaseKind(), { apply: { ...apply, applications: [registered] } })
    api = await startThings(stage, home)
    await build({
      root: join(top, 'examples/logto-browser'),
      logLevel: 'error',
      define: Object.fromEntries(
        Object.entries({
          ENDPOINT: stage.server.url,
          APP_ID: registered.id,
          RESOURCE: things,
          API: api.url,
          ORGANIZATION: 'acme',
        }).map(([name, value]) => [`import.meta.env.VITE_${name}`, JSON.stringify(value)]),
      ),
      build: { outDir: bundle, emptyOutDir: true },
    })
    pages = await serve(bundle, port)
  }, 180_000)
  afterAll(async () => {
    await closeBrowser()
    pages?.closeAllConnections()
    await new Promise((resolve) => pages?.close(resolve))
    await api?.running.stop()
    await stage?.clear()
    rmSync(bundle, { recursive: true, force: true })
  })
  beforeEach(async () => {
    context = await openBrowser({ scripts: true })
    page = await context.newPage()
  })
  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') await keepPicture(context, 'logto-browser')
    await context?.close()
  })

  async function signIn(account: Account): Promise<void> {
    await page.goto(home)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await passHostedPages(page, account)
    await page.getByText(`You are ${account.email}.`).waitFor()
  }

  async function ask(button: string): Promise<unknown> {
    await page.getByRole('button', { name: button }).click()
    await page.locator('#said').filter({ hasText: '{' }).waitFor()
    return JSON.parse((await page.locator('#said').textContent()) ?? '')
  }

  test('signs in, calls the API as its user and for the organization, and signs out', async () => {
    const { id: sub, email } = member
    await signIn(member)
    expect(page.url()).toBe(`${home}/`)
    expect(await ask('Who am I?')).toMatchObject({ sub, email, organizations: ['acme'] })
    expect(await ask('My things')).toMatchObject({ status: 200, sub })
    expect(await ask('Our things')).toMatchObject({ status: 200, sub, organization: 'acme' })
    expect(await ask('Our members')).toMatchObject({ status: 200, scope: 'invite:members' })

    // What it keeps survives a new page; the tokens it then asks for come by the refresh token.
    await page.evaluate('localStorage.removeItem("logto:reader:accessToken")')
    await page.reload()
    await page.getByText(`You are ${email}.`).waitFor()
    expect(await ask('Our members')).toMatchObject({ status: 200, scope: 'invite:members' })

    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByText('You are not signed in.').waitFor()
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByLabel('Email').waitFor()
  }, 90_000)

  test('who is no member gets no token, and the refusal reaches the script', async () => {
    await signIn(stranger)
    expect(await ask('Our members')).toMatchObject({ code: 'oidc.access_denied' })
    expect(await ask('My things')).toMatchObject({ status: 403, error: 'insufficient_scope' })
  }, 90_000)
})

/** The bundle, and its one page for every path that is no file. */
async function serve(folder: string, port: number): Promise<Server> {
  const types: Record<string, string> = { '.js': 'text/javascript', '.html': 'text/html' }
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost')
    const file = extname(pathname) === '.js' ? pathname : '/index.html'
    response.setHeader('content-type', types[extname(file)] ?? 'text/plain')
    response.end(readFileSync(join(folder, file)))
  })
  await new Promise<void>((resolve) => server.listen(port, 'localhost', resolve))
  return server
}
