import { chmodSync, cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { databaseKind } from '../database.ts'
import { freePort } from '../setup/free-port.ts'
import { closeBrowser, keepPicture, openBrowser, passHostedPages } from './browser.ts'
import { apache, machineHas, top } from './machine.ts'
import { type Running, run } from './process.ts'
import { application, freshEmail, type Stage, setStage } from './stage.ts'

const example = join(top, 'examples/mod-auth-openidc')

const canWalk = machineHas('Apache') && machineHas('Chromium')

describe.runIf(canWalk)('mod_auth_openidc in front of Apache', () => {
  const password = 'correct horse battery'
  const [editor, reader] = [freshEmail('editor'), freshEmail('reader')]
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-apache-'))
  let stage: Stage
  let running: Running
  let home: string

  beforeAll(async () => {
    const port = await freePort()
    home = `http://localhost:${port}`
    const wall = application('wall', home, '/protected/callback')
    stage = await setStage(databaseKind(), {
      apply: {
        applications: [wall],
        roles: [{ name: 'editor' }],
        users: [
          { primaryEmail: editor, password, roles: ['editor'] },
          { primaryEmail: reader, password },
        ],
      },
    })
    // Its processes are another user's, who may not read everywhere.
    chmodSync(folder, 0o755)
    cpSync(join(example, 'site'), join(folder, 'site'), { recursive: true })
    running = await run(apache.program, ['-f', join(example, 'apache.conf'), '-D', 'FOREGROUND'], {
      cwd: folder,
      env: {
        PORT: String(port),
        ENDPOINT: stage.server.url,
        APP_ID: wall.id,
        APP_SECRET: wall.secret,
        SESSION_SECRET: 'a secret of the walk',
        // Tokens live an hour: so each request renews them.
        RENEW_EARLY: '3600',
        MODULES: apache.modules,
        RUN: folder,
        SITE: join(folder, 'site'),
      },
      readyWhen: /resuming normal operations/,
    })
  }, 180_000)
  afterAll(async () => {
    await closeBrowser()
    await running?.stop()
    await stage?.clear()
    rmSync(folder, { recursive: true, force: true })
  })

  // A browser: the module takes a program's request (`Sec-Fetch-Mode`) for one that cannot sign in.
  let context: BrowserContext
  let page: Page
  beforeEach(async () => {
    context = await openBrowser({ scripts: false })
    page = await context.newPage()
  })
  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') await keepPicture(context, 'apache')
    await context?.close()
  })

  const said = (id: string) => page.locator(`#${id}`).textContent()

  async function enter(email: string): Promise<void> {
    await page.goto(`${home}/protected/`)
    await passHostedPages(page, { email, password })
    await page.waitForURL(`${home}/protected/`)
  }

  test('it signs in, tells the pages who is there, renews, and signs out at both ends', async () => {
    await page.goto(home)
    expect(await said('state')).toBe('Anybody may read this.')
    await enter(editor)
    expect(await said('email')).toBe(editor)

    const tokens = [await said('token')]
    for (let times = 0; times < 2; times += 1) {
      await page.reload()
      tokens.push(await said('token'))
    }
    expect(new Set(tokens).size).toBe(3)
    const info = await fetch(`${stage.server.url}/oidc/me`, {
      headers: { authorization: `Bearer ${tokens.at(-1)}` },
    })
    expect(await info.json()).toMatchObject({ sub: await said('sub'), email: editor })

    await page.getByRole('link', { name: 'Sign out' }).click()
    await page.waitForURL(`${home}/`)
    await page.getByRole('link', { name: 'Enter' }).click()
    await page.getByLabel('Email').waitFor()
  }, 60_000)

  test('a page for a role opens to who has it', async () => {
    await enter(editor)
    const opened = await page.goto(`${home}/protected/editors/`)
    expect([opened?.status(), await said('state')]).toEqual([200, 'You are an editor.'])
  }, 60_000)

  test('and to nobody else', async () => {
    await enter(reader)
    const opened = await page.goto(`${home}/protected/editors/`)
    expect(opened?.status()).toBe(401)
  }, 60_000)
})
