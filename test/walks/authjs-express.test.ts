import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { databaseKind } from '../database.ts'
import { freePort } from '../setup/free-port.ts'
import { adapterApplication, askForLink, clubSecret } from './club.ts'
import { startExample } from './example.ts'
import { query } from './ledger.ts'
import { signInWithPassword } from './pages.ts'
import type { Running } from './process.ts'
import { variablesOf } from './server.ts'
import { createAccount, freshEmail, type Stage, setStage } from './stage.ts'
import { type Page, type Visitor, visitor } from './visitor.ts'

// On Postgres the app asks the server's database itself; the embedded one has room for one program, and the app asks the server.
describe('Auth.js beside a server', () => {
  let stage: Stage
  let app: Running
  let home: string

  beforeAll(async () => {
    const port = await freePort()
    home = `http://localhost:${port}`
    const club = adapterApplication('club', home)
    stage = await setStage(databaseKind(), { apply: { applications: [club] } })
    app = await startExample('authjs-express', {
      ...clubSecret,
      ...(stage.place.databaseUrl === null ? {} : variablesOf(stage.place)),
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

    expect((await query(stage.place, sessionsOf, [account.id]))?.length ?? 1).toBe(1)
    const out = await guest.submit(await guest.open(`${home}/auth/signout`), {}, '/auth/signout')
    expect(JSON.parse(out.body)).toBeNull()
    expect((await query(stage.place, sessionsOf, [account.id])) ?? []).toEqual([])
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
    const both = [
      { provider: 'email', provider_id: account.id },
      { provider: 'sekisho', provider_id: account.id },
    ]
    expect(identities ?? both).toEqual(both)
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
    expect(rows?.length ?? 1).toBe(1)
    expect(rows?.[0]?.text ?? '').not.toContain(token)

    const end = await guest.open(link)
    const user = JSON.parse(end.body)
    expect(user).toMatchObject({ email })
    const users = await query(stage.place, 'select id from auth.users where email = $1', [email])
    expect(users ?? [{ id: user.id }]).toEqual([{ id: user.id }])
    const second = await visitor().open(link)
    expect(second.url).toContain('error=Verification')
    const out = await guest.submit(await guest.open(`${home}/auth/signout`), {}, '/auth/signout')
    expect(JSON.parse(out.body)).toBeNull()
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
