import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sekishoAdapter } from '../../authjs/index.ts'
import { query } from './ledger.ts'
import { codeOf, redeem, refresh, tokensOf } from './oidc.ts'
import { linkTo } from './pages.ts'
import { type Server, startServer } from './server.ts'
import { application, createAccount, freshEmail, type Stage, setStage } from './stage.ts'
import { visitor } from './visitor.ts'

const tries = 50

// Two processes need a database that both can open.
describe('fifty at once, against two nodes', () => {
  let stage: Stage
  let second: Server
  const bookstore = application('bookstore', 'http://localhost:9', '/callback')

  beforeAll(async () => {
    stage = await setStage('postgres', { apply: { applications: [bookstore] } })
    second = await startServer(stage.place, { publicUrl: stage.server.url })
  }, 120_000)
  afterAll(async () => {
    await second?.stop()
    await stage?.clear()
  })

  function race<T>(attempt: (server: Server, number: number) => Promise<T>): Promise<T[]> {
    const nodes = [stage.server, second]
    return Promise.all(
      Array.from({ length: tries }, (_, number) => attempt(nodes[number % 2] ?? second, number)),
    )
  }

  async function ask(server: Server, path: string, body: unknown) {
    const answer = await fetch(server.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    return { status: answer.status, body: await answer.json() }
  }

  test('one authorization code has one winner (D2)', async () => {
    const code = await codeOf(stage.server, bookstore, await createAccount(stage.server))
    const answers = await race((server) => redeem(server, bookstore, code))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    const losers = answers.filter(({ status }) => status !== 200)
    expect(new Set(losers.map(({ status, body }) => `${status} ${body.error}`))).toEqual(
      new Set(['400 invalid_grant']),
    )
  }, 60_000)

  test('one refresh token of an application has one child (D1)', async () => {
    const account = await createAccount(stage.server)
    const tokens = await tokensOf(stage.server, bookstore, account)
    const answers = await race((server) => refresh(server, bookstore, tokens.refresh_token))
    const winners = answers.filter(({ status }) => status === 200)
    expect(new Set(winners.map(({ body }) => body.refresh_token)).size).toBe(1)
    for (const { status, body } of answers) {
      if (status !== 200)
        expect({ status, error: body.error }).toEqual({ status: 400, error: 'invalid_grant' })
    }
    const families = await query(
      stage.place,
      `select generation from idp.grants where user_id = $1`,
      [account.id],
    )
    expect(families).toEqual([{ generation: 1 }])
  }, 60_000)

  test('one refresh token of a Supabase client has one child, and everybody gets it (D1)', async () => {
    const { email, password } = await createAccount(stage.server)
    const { body: first } = await ask(stage.server, '/auth/v1/token?grant_type=password', {
      email,
      password,
    })
    const answers = await race((server) =>
      ask(server, '/auth/v1/token?grant_type=refresh_token', {
        refresh_token: first.refresh_token,
      }),
    )
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    const [child, ...others] = new Set(answers.map(({ body }) => body.refresh_token))
    expect(others).toEqual([])
    expect(child).not.toBe(first.refresh_token)
  }, 60_000)

  test('one magic link has one winner (C1)', async () => {
    const { email } = await createAccount(stage.server)
    await ask(stage.server, '/auth/v1/otp', { email })
    const { link } = await stage.post.next(email)
    const { pathname, search } = new URL(link)
    const places = await race(async (server) => {
      const answer = await fetch(server.url + pathname + search, { redirect: 'manual' })
      return `${answer.status} ${answer.headers.get('location')}`
    })
    expect(places.filter((place) => place.includes('access_token='))).toHaveLength(1)
    const losers = places.filter((place) => /^303 .*error_code=otp_expired/.test(place))
    expect(losers).toHaveLength(tries - 1)
  }, 60_000)

  test('one e-mailed code has one winner (C1)', async () => {
    const { email } = await createAccount(stage.server)
    // GoTrue's own mails hold a link; the code beside it is told to an admin who asks.
    const made = await fetch(`${stage.server.url}/auth/v1/admin/generate_link`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${stage.server.serviceRoleKey}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify({ type: 'magiclink', email }),
    })
    const { email_otp: token } = await made.json()
    const answers = await race((server) =>
      ask(server, '/auth/v1/verify', { type: 'email', email, token }),
    )
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    // Whoever types codes this fast is taken for a guesser after ten tries.
    const losers = answers.filter(({ status }) => status !== 200)
    expect(new Set(losers.map(({ status, body }) => `${status} ${body.error_code}`))).toEqual(
      new Set(['403 otp_expired', '429 over_request_rate_limit']),
    )
  }, 60_000)

  test('a code that is typed fifty times on the hosted page makes one account and one answer (C1)', async () => {
    const email = freshEmail()
    const guest = visitor({ stopAt: (url) => url.includes('code=') })
    const url = new URL(`${stage.server.url}/oidc/auth`)
    url.search = new URLSearchParams({
      client_id: bookstore.id,
      redirect_uri: 'http://localhost:9/callback',
      response_type: 'code',
      scope: 'openid',
      code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
      code_challenge_method: 'S256',
    }).toString()
    const start = await guest.open(url.href)
    const form = await guest.open(new URL(linkTo(start, '/register'), start.url).href)
    const asked = await guest.submit(form, { identifier: email }, '/register')
    const { code } = await stage.post.next(email)
    const ends = await race((server) =>
      // The second node's cookies are the first one's: both are on localhost.
      guest.submit(
        { ...asked, url: asked.url.replace(stage.server.url, server.url) },
        { code },
        '/register/code',
      ),
    )
    expect(ends.filter(({ status }) => status >= 500)).toEqual([])
    const users = await query(stage.place, 'select id from auth.users where email = $1', [email])
    expect(users).toHaveLength(1)
    const sessions = await query(
      stage.place,
      'select 1 from auth.sessions join auth.users on users.id = user_id where email = $1',
      [email],
    )
    expect(sessions).toHaveLength(1)
  }, 60_000)

  test('one verification token of Auth.js has one winner (C17)', async () => {
    const { databaseUrl, secret } = stage.place
    const options = { database: databaseUrl ?? '', secret }
    const adapters = [sekishoAdapter(options), sekishoAdapter(options)] as const
    try {
      const identifier = freshEmail()
      const token = randomBytes(32).toString('hex')
      const expires = new Date(Date.now() + 600_000)
      await adapters[0].createVerificationToken({ identifier, token, expires })
      const used = await race((_, number) =>
        adapters[number % 2 === 0 ? 0 : 1].useVerificationToken({ identifier, token }),
      )
      expect(used.filter((one) => one !== null)).toEqual([{ identifier, token, expires }])
    } finally {
      for (const adapter of adapters) await adapter.close()
    }
  }, 60_000)

  test('fifty sign-ups with one address make one user (M9)', async () => {
    const email = freshEmail()
    const answers = await race((server) =>
      ask(server, '/auth/v1/signup', { email, password: 'correct horse battery' }),
    )
    expect(answers.filter(({ status }) => status >= 500)).toEqual([])
    const users = await query(stage.place, 'select id from auth.users where email = $1', [email])
    expect(users).toHaveLength(1)
    const identities = await query(stage.place, 'select 1 from auth.identities where email = $1', [
      email,
    ])
    expect(identities).toHaveLength(1)
  }, 60_000)
})
