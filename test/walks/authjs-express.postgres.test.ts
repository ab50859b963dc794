import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { askForLink, clubSecret } from './club.ts'
import { startExample } from './example.ts'
import { query } from './ledger.ts'
import { freePort } from './machine.ts'
import { signInWithPassword } from './pages.ts'
import type { Running } from './process.ts'
import { variablesOf } from './server.ts'
import { application, createAccount, freshEmail, type Stage, setStage } from './stage.ts'
import { type Page, type Visitor, visitor } from './visitor.ts'

// Two programs cannot open the embedded database: there the app has it to itself (authjs-express.pglite.test.ts).
describe('beside a server, on one Postgres', () => {
  let stage: Stage
  let app: Running
  let home: string

  beforeAll(async () => {
    const port = await freePort()
    home = `http://localhost:${port}`
    const club = application('club', home, '/auth/callback/sekisho')
    stage = await setStage('postgres', { apply: { applications: [club] } })
    app = await startExample('authjs-express', {
      ...clubSecret,
      ...variablesOf(stage.place),
      PORT: String(port),
      ENDPOINT: stage.server.url,
      APP_ID: club.id,
      APP_SECRET: club.secret,
    })
  }, 180_000)
  afterAll(async () => {
    await app?.stop()
    await stage?.clear()
  })

  test('Auth.js signs in at our provider, and its user is our user', async () => {
    const guest = visitor()
    const account = await createAccount(stage.server)
    const end = await signInHere(guest, home, account)
    expect(end.url).toBe(`${home}/`)
    expect(JSON.parse(end.body)).toMatchObject({ id: account.id, email: account.email })

    const sessions = await query(stage.place, sessionsOf, [account.id])
    expect(sessions).toHaveLength(1)
    const out = await guest.submit(await guest.open(`${home}/auth/signout`), {}, '/auth/signout')
    expect(JSON.parse(out.body)).toBeNull()
    expect(await query(stage.place, sessionsOf, [account.id])).toEqual([])
  }, 60_000)

  test('somebody who comes again is the same user, with one account', async () => {
    const account = await createAccount(stage.server)
    for (const guest of [visitor(), visitor()]) {
      const end = await signInHere(guest, home, account)
      expect(JSON.parse(end.body)).toMatchObject({ id: account.id })
    }
    const identities = await query(
      stage.place,
      'select provider, provider_id from auth.identities where user_id = $1 order by provider',
      [account.id],
    )
    expect(identities).toEqual([
      { provider: 'email', provider_id: account.id },
      { provider: 'sekisho', provider_id: account.id },
    ])
  }, 60_000)

  test('a magic link lives in our tables as a hash, and is good once', async () => {
    const email = freshEmail()
    const guest = visitor()
    const link = await askForLink(guest, app, home, email)
    const token = new URL(link).searchParams.get('token') ?? ''
    const rows = await query<{ text: string }>(
      stage.place,
      `select to_jsonb(verifications)::text as text from idp.verifications where purpose = 'authjs' and recipient = $1`,
      [email],
    )
    expect(rows).toHaveLength(1)
    expect(rows?.[0]?.text).not.toContain(token)

    const end = await guest.open(link)
    const user = JSON.parse(end.body)
    expect(user).toMatchObject({ email })
    expect(await query(stage.place, 'select id from auth.users where email = $1', [email])).toEqual(
      [{ id: user.id }],
    )
    const second = await visitor().open(link)
    expect(second.url).toContain('error=Verification')
  }, 60_000)
})

const sessionsOf = `select 1 from idp.session_tokens join auth.sessions on sessions.id = session_id
  where carrier = 'authjs' and user_id = $1`

async function signInHere(
  guest: Visitor,
  home: string,
  account: { email: string; password: string },
): Promise<Page> {
  const doors = await guest.open(`${home}/auth/signin?callbackUrl=${encodeURIComponent(home)}`)
  const start = await guest.submit(doors, {}, '/auth/signin/sekisho')
  return signInWithPassword(guest, start, account)
}
