import type { Page } from 'playwright-core'
import { type SekishoAdapter, sekishoHttpAdapter } from '../../authjs/http.ts'
import { freePort } from '../setup/free-port.ts'
import { passHostedPages } from './browser.ts'
import { builtNextApp, startNextApp } from './next-app.ts'
import type { Running } from './process.ts'
import { variablesOf } from './server.ts'
import { type Application, application, type Stage, setStage } from './stage.ts'

/** A club: a Next.js app beside a server, on one Postgres. */
export interface Club {
  stage: Stage
  home: string
  application: Application
  clear(): Promise<void>
}

export type ClubName = 'nextjs-authjs' | 'nextjs-authjs-v4'

export async function openClub(name: ClubName): Promise<Club> {
  const port = await freePort()
  const home = `http://localhost:${port}`
  const club = {
    ...application('club', home, '/api/auth/callback/sekisho'),
    customClientMetadata: { isAuthjsAdapter: true },
  }
  const [folder, stage] = await Promise.all([
    builtNextApp(name, ['authjs/*.ts', 'src/{base,db,model,faces/authjs}/*.ts']),
    setStage('postgres', { apply: { applications: [club] } }),
  ])
  let app: Running
  try {
    app = await startNextApp(folder, port, {
      ...variablesOf(stage.place),
      ...variablesFor(club, home, stage),
    })
  } catch (error) {
    await stage.clear()
    throw error
  }
  return {
    stage,
    home,
    application: club,
    async clear() {
      await app.stop()
      await stage.clear()
    },
  }
}

const secret = 'a secret of the walk, long enough for Auth.js'

// next-auth 4 and 5 have different names for the same things.
function variablesFor(club: Application, home: string, stage: Stage): Record<string, string> {
  return {
    SEKISHO_URL: stage.server.url,
    AUTH_URL: home,
    AUTH_SECRET: secret,
    AUTH_SEKISHO_ID: club.id,
    AUTH_SEKISHO_SECRET: club.secret,
    NEXTAUTH_URL: home,
    NEXTAUTH_SECRET: secret,
    APP_ID: club.id,
    APP_SECRET: club.secret,
  }
}

/** What the club's application may do over HTTP. */
export function adapterOf({ stage, application: { id, secret } }: Club): SekishoAdapter {
  return sekishoHttpAdapter({
    url: stage.server.url,
    applicationId: id,
    applicationSecret: secret,
  })
}

/** From the club's doors over the hosted page, with a password, and back. */
export async function signInByPage(
  page: Page,
  account: { email: string; password: string },
): Promise<void> {
  await page.getByRole('button', { name: 'Sign in with Sekisho' }).click()
  // The club asks for an address too.
  await page.getByText('to continue to Club').waitFor()
  await passHostedPages(page, account)
}

/** Asks for a magic link and opens what came in the mail; the link. */
export async function signInByLink(page: Page, club: Club, email: string): Promise<string> {
  await page.getByLabel('Email').fill(email)
  await page.getByRole('button', { name: 'Email me a link' }).click()
  await page.getByRole('heading', { name: 'Check your mail' }).waitFor()
  const { link } = await club.stage.post.next(email)
  await page.goto(link)
  return link
}
