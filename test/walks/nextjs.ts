import { createHash } from 'node:crypto'
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BrowserContext, Page } from 'playwright-core'
import { type SekishoAdapter, sekishoHttpAdapter } from '../../authjs/http.ts'
import { freePort } from '../setup/free-port.ts'
import { installedExample } from './example.ts'
import { node, top } from './machine.ts'
import { type Running, run, runToEnd } from './process.ts'
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
    builtClub(name),
    setStage('postgres', { apply: { applications: [club] } }),
  ])
  let app: Running
  try {
    app = await run(node, [next, 'start', '--hostname', 'localhost', '--port', String(port)], {
      cwd: folder,
      env: { ...quiet, ...variablesOf(stage.place), ...variablesFor(club, home, stage) },
      readyWhen: /Ready in/,
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

const next = 'node_modules/next/dist/bin/next'
const quiet = { NEXT_TELEMETRY_DISABLED: '1', NODE_ENV: 'production' }
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

/** The folder of the built app; a build is kept for as long as nothing of what it is made of changes. */
async function builtClub(name: ClubName): Promise<string> {
  const folder = await installedExample(name)
  const mark = join(folder, '.next/.walked')
  const hash = hashOf(folder)
  if (existsSync(mark) && readFileSync(mark, 'utf8') === hash) return folder
  await runToEnd(node, [next, 'build'], { cwd: folder, env: quiet })
  writeFileSync(mark, hash)
  return folder
}

function hashOf(folder: string): string {
  const hash = createHash('sha256')
  const own = globSync(['*.{js,json}', 'app/**/*.{js,css}'], { cwd: folder })
  const ours = globSync(['authjs/*.ts', 'src/{base,db,model,faces/authjs}/*.ts'], { cwd: top })
  for (const path of [
    ...own.map((file) => join(folder, file)),
    ...ours.map((file) => join(top, file)),
  ].sort()) {
    hash.update(path).update(readFileSync(path))
  }
  return hash.digest('hex')
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
  { email, password }: { email: string; password: string },
): Promise<void> {
  await page.getByRole('button', { name: 'Sign in with Sekisho' }).click()
  // The club asks for an address too.
  await page.getByText('to continue to Club').waitFor()
  await page.getByLabel('Email').fill(email)
  await page.getByRole('button', { name: 'Continue' }).click()
  await page.getByRole('textbox', { name: 'Password' }).fill(password)
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
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

/** A key in the machine that never asks anything, and whose owner is always there. */
export async function giveKey(context: BrowserContext, page: Page): Promise<void> {
  const session = await context.newCDPSession(page)
  await session.send('WebAuthn.enable')
  await session.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  })
}
