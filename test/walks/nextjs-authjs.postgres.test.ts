import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { closeBrowser, giveKey, keepPicture, openBrowser } from './browser.ts'
import { query } from './ledger.ts'
import { machineHas } from './machine.ts'
import { adapterOf, type Club, openClub, signInByLink, signInByPage } from './nextjs.ts'
import { createAccount, freshEmail } from './stage.ts'

describe.runIf(machineHas('Chromium'))('Next.js with next-auth 5', () => {
  let club: Club
  let context: BrowserContext
  let page: Page

  beforeAll(async () => {
    club = await openClub('nextjs-authjs')
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
    if (task.result?.state === 'fail') await keepPicture(context, 'nextjs-authjs')
    await context?.close()
  })

  test('a passkey signs in whom the hosted page signed in before, until Sekisho ends the session', async () => {
    const account = await createAccount(club.stage.server)
    await giveKey(page)
    await signInByPage(page, account)
    await page.getByText(`You are ${account.email}.`).waitFor()
    expect(await sessionsOf(account.id)).toHaveLength(1)

    await page.getByRole('button', { name: 'Add a passkey' }).click()
    await page.getByText('Done.').waitFor()
    const keys = await query(
      club.stage.place,
      'select 1 from auth.webauthn_credentials where user_id = $1',
      [account.id],
    )
    expect(keys).toHaveLength(1)

    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByRole('heading', { name: 'The club', exact: true }).waitFor()
    expect(await sessionsOf(account.id)).toEqual([])

    await page.getByRole('button', { name: 'Use a passkey' }).click()
    await page.getByText(`You are ${account.email}.`).waitFor()
    expect(await sessionsOf(account.id)).toHaveLength(1)

    await signOutEverywhere(account)
    expect(await sessionsOf(account.id)).toEqual([])
    await page.reload()
    await page.getByRole('heading', { name: 'The club', exact: true }).waitFor()
    expect(await eventsOf(account.id)).toEqual(
      expect.arrayContaining(['identity.linked', 'factor.created', 'session.ended']),
    )
  }, 60_000)

  test('a magic link comes by our connector, signs in once, and its session is ended over HTTP', async () => {
    const email = freshEmail()
    const link = await signInByLink(page, club, email)
    await page.getByText(`You are ${email}.`).waitFor()
    const users = await query<{ id: string }>(
      club.stage.place,
      'select id from auth.users where email = $1 and email_confirmed_at is not null',
      [email],
    )
    expect(users).toHaveLength(1)
    const userId = users?.[0]?.id ?? ''
    const adapter = adapterOf(club)
    expect(await adapter.listSessions(userId)).toHaveLength(1)

    const other = await openBrowser({ scripts: true })
    try {
      const second = await other.newPage()
      await second.goto(link)
      expect(second.url()).toContain('error=Verification')
    } finally {
      await other.close()
    }

    await adapter.deleteSessions(userId)
    await page.reload()
    await page.getByRole('heading', { name: 'The club', exact: true }).waitFor()
  }, 60_000)

  test('without scripts the hosted page signs in, and the club out', async () => {
    const plain = await openBrowser({ scripts: false })
    try {
      const visit = await plain.newPage()
      await visit.goto(club.home)
      const account = await createAccount(club.stage.server)
      await signInByPage(visit, account)
      await visit.getByText(`You are ${account.email}.`).waitFor()
      await visit.getByRole('button', { name: 'Sign out' }).click()
      await visit.getByRole('heading', { name: 'The club', exact: true }).waitFor()
      expect(await sessionsOf(account.id)).toEqual([])
    } finally {
      await plain.close()
    }
  }, 60_000)

  async function sessionsOf(userId: string) {
    return query(
      club.stage.place,
      `select session_id from idp.session_tokens join auth.sessions on sessions.id = session_id
       where carrier = 'authjs' and user_id = $1`,
      [userId],
    )
  }

  async function eventsOf(userId: string): Promise<string[] | undefined> {
    const rows = await query<{ type: string }>(
      club.stage.place,
      'select type from idp.events where user_id = $1 order by id',
      [userId],
    )
    return rows?.map(({ type }) => type)
  }

  /** As supabase-js does it: a session of another door ends them all. */
  async function signOutEverywhere({ email, password }: { email: string; password: string }) {
    const { url, anonKey } = club.stage.server
    const headers = { apikey: anonKey, 'content-type': 'application/json' }
    const token = await fetch(`${url}/auth/v1/token?grant_type=password`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ email, password }),
    })
    const { access_token }: { access_token: string } = await token.json()
    const out = await fetch(`${url}/auth/v1/logout?scope=global`, {
      method: 'POST',
      headers: { ...headers, authorization: `Bearer ${access_token}` },
    })
    expect(out.status).toBe(204)
  }
})
