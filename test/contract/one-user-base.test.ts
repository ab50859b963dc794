import { randomUUID } from 'node:crypto'
import { Auth } from '@auth/core'
import { createClient, type SupabaseClient } from '@supabase/supabase-js'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sekishoHttpAdapter } from '../../authjs/http.ts'
import { type SekishoAdapter, sekishoAdapter } from '../../authjs/index.ts'
import { readConfig } from '../../src/base/config.ts'
import { type Context, transaction } from '../../src/base/context.ts'
import { createLog } from '../../src/base/log.ts'
import { type ApiKeys, issueApiKeys } from '../../src/flows/api-keys.ts'
import { createApp, createContext, type Listening, listen } from '../../src/main.ts'
import { createApplication } from '../../src/model/application.ts'
import { listMessages } from '../../src/model/message.ts'
import { listSessions } from '../../src/model/session.ts'
import { withDatabase } from '../database.ts'
import { freePort } from '../setup/free-port.ts'
import { linkTo } from '../walks/pages.ts'
import { type Page, type Visitor, visitor } from '../walks/visitor.ts'
import { freshEmail, secret, tomorrow } from './authjs-world.ts'
import { type SoftwareKey, softwareKey } from './software-key.ts'

const password = 'correct horse battery'
const database = withDatabase()
let ctx: Context
let listening: Listening
let url: string
let keys: ApiKeys
let overHttp: SekishoAdapter

beforeAll(async () => {
  const port = await freePort()
  url = `http://localhost:${port}`
  const environment = {
    SEKISHO_PUBLIC_URL: url,
    SEKISHO_SECRET: secret,
    GOTRUE_SMTP_MAX_FREQUENCY: '0s',
  }
  const config = readConfig({ mode: 'dev', environment })
  ctx = createContext({ config, database, log: createLog('silent') })
  listening = await listen(createApp(ctx), { hosts: ['127.0.0.1'], port })
  keys = await issueApiKeys(ctx)
  const made = await transaction(ctx, (ctx) =>
    createApplication(ctx, {
      name: 'Club',
      type: 'Traditional',
      customClientMetadata: { isAuthjsAdapter: true },
    }),
  )
  const applicationId = made.application.id
  overHttp = sekishoHttpAdapter({ url, applicationId, applicationSecret: String(made.secret) })
})
afterAll(() => listening?.close())

const ways: [string, () => SekishoAdapter][] = [
  ['in the database', () => sekishoAdapter({ database, secret })],
  ['over HTTP', () => overHttp],
]

describe.each(ways)('one user base, with Auth.js %s', (_way, adapterOf) => {
  /** Somebody whom Auth.js made by a magic link, and the cookie that it gave them. */
  async function club(email = freshEmail()) {
    const adapter = adapterOf()
    let link = ''
    const cookies = new Map<string, string>()
    async function open(path: string, form?: Record<string, string>): Promise<Response> {
      const answer = await Auth(
        new Request(new URL(path, 'http://localhost:3002'), {
          headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
          ...(form ? { method: 'POST', body: new URLSearchParams(form) } : {}),
        }),
        {
          adapter,
          secret: 'the secret of Auth.js itself',
          trustHost: true,
          basePath: '/auth',
          session: { strategy: 'database' },
          providers: [
            {
              id: 'email',
              name: 'E-mail',
              type: 'email',
              from: 'club@example.com',
              maxAge: 600,
              sendVerificationRequest(mail) {
                link = mail.url
              },
            },
          ],
          callbacks: {
            session: ({ session, user }) => ({ expires: session.expires, user: { id: user.id } }),
          },
        },
      )
      for (const line of answer.headers.getSetCookie()) {
        const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
        cookies.set(name, value)
      }
      return answer
    }
    const { csrfToken } = await (await open('/auth/csrf')).json()
    await open('/auth/signin/email', { email, csrfToken })
    await open(link)
    return {
      email,
      adapter,
      /** Whom Auth.js takes the browser for; null when the session is over. */
      async who(): Promise<string | null> {
        const session = await (await open('/auth/session')).json()
        return session?.user?.id ?? null
      },
    }
  }

  const open = (key = keys.anonKey): SupabaseClient =>
    createClient(url, key, { auth: { persistSession: false, autoRefreshToken: false } })

  async function mailTo(email: string) {
    const [mail] = await listMessages(ctx, { to: email })
    return { code: mail?.code ?? '' }
  }

  async function supabaseByCode(email: string): Promise<SupabaseClient> {
    const supabase = open()
    expect((await supabase.auth.signInWithOtp({ email })).error).toBeNull()
    const { code: token } = await mailTo(email)
    expect((await supabase.auth.verifyOtp({ email, token, type: 'email' })).error).toBeNull()
    return supabase
  }

  async function supabaseByPassword(email: string): Promise<SupabaseClient> {
    const supabase = open()
    expect((await supabase.auth.signInWithPassword({ email, password })).error).toBeNull()
    return supabase
  }

  async function hostedByCode(guest: Visitor, email: string): Promise<Page> {
    const asked = await guest.submit(
      await guest.open(`${url}/sign-in`),
      { identifier: email },
      '/sign-in',
    )
    const { code } = await mailTo(email)
    return guest.submit(asked, { code }, '/sign-in/code')
  }

  async function hostedByPassword(guest: Visitor, email: string): Promise<Page> {
    const asked = await guest.submit(
      await guest.open(`${url}/sign-in`),
      { identifier: email },
      '/sign-in',
    )
    const form = await guest.open(new URL(linkTo(asked, '/sign-in/password'), url).href)
    return guest.submit(form, { password }, '/sign-in/password')
  }

  /** Whether the hosted pages know the browser; where they do not, nobody is there to be signed out. */
  const isKnown = async (guest: Visitor) =>
    (await guest.open(`${url}/sign-out`)).body.includes('Sign out?')

  const eventsOf = async (userId: string) =>
    (
      await sql<{ type: string; method: string | null; session_id: string | null }>`
        select type, coalesce(details->>'method', details->>'carrier') as method, session_id from idp.events
        where user_id = ${userId} order by id`.execute(database.db)
    ).rows

  test('whom a magic link made signs in by supabase-js, with a code and then a password, and on the hosted page with both', async () => {
    const { email, who, adapter } = await club()
    const id = String(await who())
    const byCode = await supabaseByCode(email)
    expect((await byCode.auth.getUser()).data.user).toMatchObject({ id, email })
    expect(await who()).toBe(id)
    // As with GoTrue: a new password ends every session but the one that set it, whoever began them.
    expect((await byCode.auth.updateUser({ password })).error).toBeNull()
    expect(await who()).toBeNull()
    const byPassword = await supabaseByPassword(email)
    expect((await byPassword.auth.getUser()).data.user?.id).toBe(id)

    const [first, second] = [visitor(), visitor()]
    expect((await hostedByCode(first, email)).url).toBe(`${url}/message?about=signed-in`)
    expect((await hostedByPassword(second, email)).url).toBe(`${url}/message?about=signed-in`)

    const sessions = await listSessions(ctx, id)
    expect(sessions).toHaveLength(4)
    expect((await adapter.listSessions(id)).map((one) => one.id).sort()).toEqual(
      sessions.map((one) => one.id).sort(),
    )
    const events = await eventsOf(id)
    const signedIn = events.filter(({ type }) => type === 'user.signed-in')
    expect(signedIn.map(({ method }) => method)).toEqual([
      'authjs',
      'otp',
      'password',
      'otp',
      'password',
    ])
    expect(new Set(signedIn.slice(1).map(({ session_id }) => session_id))).toEqual(
      new Set(sessions.map((one) => one.id)),
    )
  })

  test('who signed up through supabase-js is the same user by a magic link', async () => {
    const email = freshEmail()
    const supabase = await supabaseByCode(email)
    const id = (await supabase.auth.getUser()).data.user?.id
    expect(id).toEqual(expect.any(String))
    expect(await (await club(email)).who()).toBe(id)
  })

  test('an account of Auth.js is an identity with its issuer, and its tokens rest sealed', async () => {
    const { email, who, adapter } = await club()
    const userId = String(await who())
    const [providerAccountId, accessToken] = [randomUUID(), `access-${randomUUID()}`]
    const idToken = ['{}', JSON.stringify({ iss: 'https://accounts.google.com' }), 'x']
      .map((part) => Buffer.from(part).toString('base64url'))
      .join('.')
    const account = {
      userId,
      type: 'oidc' as const,
      provider: 'google',
      providerAccountId,
      access_token: accessToken,
      id_token: idToken,
    }
    await adapter.linkAccount(account)
    const supabase = await supabaseByCode(email)
    const { data } = await supabase.auth.getUserIdentities()
    expect(data?.identities).toContainEqual(
      expect.objectContaining({
        provider: 'google',
        id: providerAccountId,
        identity_data: expect.objectContaining({
          iss: 'https://accounts.google.com',
          sub: providerAccountId,
        }),
      }),
    )
    const { rows } = await sql<{ issuer: string; text: string }>`
      select t.issuer, t::text || i::text as text from idp.identity_tokens t join auth.identities i on i.id = t.identity_id
      where i.user_id = ${userId}`.execute(database.db)
    expect(rows).toMatchObject([{ issuer: 'https://accounts.google.com' }])
    expect(rows[0]?.text).not.toContain(accessToken)
    expect(rows[0]?.text).not.toContain(idToken)
    expect(await adapter.getAccount(providerAccountId, 'google')).toEqual(account)
  })

  test('a global sign-out by supabase-js ends Auth.js’ session and the browser’s (D5)', async () => {
    const { email, who } = await club()
    const id = String(await who())
    const guest = visitor()
    await hostedByCode(guest, email)
    const supabase = await supabaseByCode(email)
    expect([await who(), await isKnown(guest)]).toEqual([id, true])
    expect((await supabase.auth.signOut({ scope: 'global' })).error).toBeNull()
    expect([await who(), await isKnown(guest)]).toEqual([null, false])
    expect(await listSessions(ctx, id)).toEqual([])
  })

  test('signing out by supabase-js on one device leaves the others, and on the others leaves the one', async () => {
    const { email, who } = await club()
    const id = String(await who())
    const guest = visitor()
    await hostedByCode(guest, email)
    const [mine, other] = [await supabaseByCode(email), await supabaseByCode(email)]
    expect((await other.auth.signOut({ scope: 'local' })).error).toBeNull()
    expect([await who(), await isKnown(guest)]).toEqual([id, true])
    expect((await mine.auth.signOut({ scope: 'others' })).error).toBeNull()
    expect([await who(), await isKnown(guest)]).toEqual([null, false])
    expect((await mine.auth.refreshSession()).data.user?.id).toBe(id)
  })

  test('Auth.js ends every session of a user, whoever began it, and the log says so', async () => {
    const { email, who, adapter } = await club()
    const id = String(await who())
    const guest = visitor()
    await hostedByCode(guest, email)
    const supabase = await supabaseByCode(email)
    expect(await adapter.deleteSessions(id)).toBe(3)
    expect([await who(), await isKnown(guest)]).toEqual([null, false])
    expect((await supabase.auth.refreshSession()).error).not.toBeNull()
    expect((await eventsOf(id)).at(-1)?.type).toBe('session.ended')
  })

  test('signing out on the hosted page leaves Auth.js’ session', async () => {
    const { email, who } = await club()
    const id = await who()
    const guest = visitor()
    await hostedByCode(guest, email)
    await guest.submit(await guest.open(`${url}/sign-out`), {}, '/sign-out')
    expect([await who(), await isKnown(guest)]).toEqual([id, false])
  })

  test('one session of Auth.js is revoked alone, and the log says so', async () => {
    const { email, who, adapter } = await club()
    const id = String(await who())
    const sessionToken = randomUUID()
    await adapter.createSession({ sessionToken, userId: id, expires: tomorrow() })
    const guest = visitor()
    await hostedByCode(guest, email)
    expect(await adapter.listSessions(id)).toHaveLength(3)
    await adapter.deleteSession(sessionToken)
    expect(await adapter.getSessionAndUser(sessionToken)).toBeNull()
    expect([await who(), await isKnown(guest)]).toEqual([id, true])
    expect(await adapter.listSessions(id)).toHaveLength(2)
    expect((await eventsOf(id)).at(-1)?.type).toBe('session.ended')
  })

  test('who is deleted by an admin is gone for all', async () => {
    const { email, who, adapter } = await club()
    const id = String(await who())
    const guest = visitor()
    await hostedByCode(guest, email)
    const admin = open(keys.serviceRoleKey)
    expect((await admin.auth.admin.deleteUser(id)).error).toBeNull()
    expect([await who(), await isKnown(guest)]).toEqual([null, false])
    expect(await adapter.getUser(id)).toBeNull()
  })

  /** A browser with a key: the page's script asks and tells. */
  async function signInWithKey(key: SoftwareKey, counter: number): Promise<Response> {
    const form = { method: 'POST', headers: { origin: url } }
    const asked = await fetch(`${url}/sign-in/passkey/options`, form)
    const { flow, challengeId: challenge, options } = await asked.json()
    const place = { origin: url, relyingParty: 'localhost' }
    const credential = key.answer(options.challenge, place, { counter })
    const [cookie = ''] = asked.headers.getSetCookie()
    return fetch(`${url}/sign-in/passkey`, {
      ...form,
      headers: { origin: url, cookie: cookie.split(';')[0] ?? '' },
      body: new URLSearchParams({ flow, challenge, credential }),
      redirect: 'manual',
    })
  }

  test('an authenticator of Auth.js is a passkey on the hosted page, and its counter is one', async () => {
    const { who, adapter } = await club()
    const userId = String(await who())
    const key = softwareKey()
    const credentialID = key.id.toString('base64')
    await adapter.createAuthenticator({
      userId,
      credentialID,
      providerAccountId: credentialID,
      credentialPublicKey: key.publicKey.toString('base64'),
      counter: 3,
      credentialDeviceType: 'singleDevice',
      credentialBackedUp: false,
      transports: 'usb',
    })
    const done = await signInWithKey(key, 4)
    expect(done.headers.get('location')).toBe('/message?about=signed-in')
    expect(await adapter.getAuthenticator(credentialID)).toMatchObject({ counter: 4, userId })
    expect(await listSessions(ctx, userId)).toContainEqual(
      expect.objectContaining({ amr: [expect.objectContaining({ method: 'passkey' })] }),
    )
    // What Auth.js counted, the hosted page knows: the same use does not count again.
    await adapter.updateAuthenticatorCounter(credentialID, 9)
    expect((await signInWithKey(key, 9)).status).toBe(422)
  })
})
