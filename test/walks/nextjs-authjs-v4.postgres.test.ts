import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { closeBrowser, keepPicture, openBrowser } from './browser.ts'
import { query } from './ledger.ts'
import { machineHas } from './machine.ts'
import { type Club, openClub, signInByLink, signInByPage } from './nextjs.ts'
import { createAccount, freshEmail } from './stage.ts'

describe.runIf(machineHas('Chromium'))('Next.js with next-auth 4', () => {
  let club: Club
  let context: BrowserContext
  let page: Page

  beforeAll(async () => {
    club = await openClub('nextjs-authjs-v4')
  }, 240_000)
  afterAll(async () => {
    await club?.clear()
    await closeBrowser()
  })
  beforeEach(async () => {
    context = await openBrowser({ scripts: true })
    page = await context.newPage()
    await page.goto(club.home)
  })
  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') await keepPicture(context, 'nextjs-authjs-v4')
    await context?.close()
  })

  test('the hosted page signs in, and signing out ends the session', async () => {
    const account = await createAccount(club.stage.server)
    await signInByPage(page, account)
    await page.getByText(`You are ${account.email}.`).waitFor()
    expect(await sessionsOf(account.email)).toEqual([{ user_id: account.id }])
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByRole('heading', { name: 'The club', exact: true }).waitFor()
    expect(await sessionsOf(account.email)).toEqual([])
  }, 60_000)

  test('a magic link comes by our connector, and whom Sekisho deletes is signed out', async () => {
    const email = freshEmail()
    const link = await signInByLink(page, club, email)
    await page.getByText(`You are ${email}.`).waitFor()
    expect(link).toContain('/api/auth/callback/email')
    const [session] = (await sessionsOf(email)) ?? []
    const { url, serviceRoleKey } = club.stage.server
    const gone = await fetch(`${url}/auth/v1/admin/users/${session?.user_id}`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${serviceRoleKey}` },
    })
    expect(gone.status).toBe(200)
    await page.reload()
    await page.getByRole('heading', { name: 'The club', exact: true }).waitFor()
  }, 60_000)

  function sessionsOf(email: string) {
    return query<{ user_id: string }>(
      club.stage.place,
      `select user_id from idp.session_tokens join auth.sessions on sessions.id = session_id
       join auth.users on users.id = user_id where carrier = 'authjs' and email = $1`,
      [email],
    )
  }
})
