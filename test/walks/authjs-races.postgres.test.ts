import { createServer } from 'node:http'
import { Auth, type AuthConfig } from '@auth/core'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type SekishoAdapter, sekishoAdapter } from '../../authjs/index.ts'
import { isFault } from '../../src/base/fault.ts'
import { atOnce, freshEmail, tomorrow } from '../contract/authjs-world.ts'
import { withDatabase } from '../database.ts'
import { listenOnLoopback } from '../setup/listen.ts'

const tries = 50
const home = 'http://localhost:3002'
const database = withDatabase()
const nodes: (SekishoAdapter & { close(): Promise<void> })[] = []
let club: Awaited<ReturnType<typeof openProvider>>

beforeAll(async () => {
  const secret = 'the secret of this world, long enough to seal'
  for (let node = 0; node < 2; node += 1) {
    nodes.push(sekishoAdapter({ database: database.url!, secret }))
  }
  club = await openProvider()
})

afterAll(async () => {
  await Promise.all(nodes.map((node) => node.close()))
  await club?.close()
})

/** One of two adapters, each with a pool of its own, as two processes of an app have them. */
function node(number: number): SekishoAdapter {
  return nodes[number % 2]!
}

async function count(from: ReturnType<typeof sql>): Promise<number> {
  const { rows } = await sql<{ count: number }>`select count(*)::int as count ${from}`.execute(
    database.db,
  )
  return rows[0]?.count ?? -1
}

/** Somebody else's sign-in: its code names who comes, `subject address`. */
async function openProvider() {
  const server = createServer(async (request, response) => {
    response.setHeader('content-type', 'application/json')
    if (request.url?.startsWith('/token')) {
      let body = ''
      for await (const chunk of request) body += chunk
      const code = new URLSearchParams(body).get('code') ?? ''
      const access_token = Buffer.from(code).toString('base64url')
      response.end(JSON.stringify({ access_token, token_type: 'bearer' }))
    } else {
      const token = (request.headers.authorization ?? '').replace(/^Bearer /i, '')
      const [id, email] = Buffer.from(token, 'base64url').toString().split(' ')
      response.end(JSON.stringify({ id, email, name: `Visitor ${id}` }))
    }
  })
  const port = await listenOnLoopback(server)
  return {
    url: `http://127.0.0.1:${port}`,
    close: () => new Promise((resolve) => server.close(resolve)),
  }
}

/** The real Auth.js, at one of two nodes of the app, and a browser in front of it. */
function browser(number: number, sent: Map<string, string> = new Map()) {
  const config: AuthConfig = {
    adapter: node(number),
    secret: 'the secret of Auth.js itself',
    trustHost: true,
    basePath: '/auth',
    session: { strategy: 'database' },
    logger: { error: () => {}, warn: () => {} },
    providers: [
      {
        id: 'email',
        name: 'E-mail',
        type: 'email',
        from: 'club@example.com',
        maxAge: 600,
        sendVerificationRequest: ({ identifier, url }) => {
          sent.set(`${number} ${identifier}`, url)
        },
      },
      {
        id: 'club',
        name: 'Club',
        type: 'oauth',
        clientId: 'app',
        clientSecret: 'a secret of the app',
        authorization: `${club.url}/authorize`,
        token: `${club.url}/token`,
        userinfo: `${club.url}/userinfo`,
        checks: ['state'],
        profile: ({ id, email, name }) => ({ id, email, name }),
      },
    ],
  }
  const cookies = new Map<string, string>()
  async function open(path: string, form?: Record<string, string>) {
    const response = await Auth(
      new Request(new URL(path, home), {
        headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
        ...(form ? { method: 'POST', body: new URLSearchParams(form) } : {}),
      }),
      config,
    )
    for (const line of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      if (value === '') cookies.delete(name!)
      else cookies.set(name!, value!)
    }
    return response
  }
  async function signIn(provider: string, more: Record<string, string> = {}) {
    const { csrfToken } = await (await open('/auth/csrf')).json()
    const answer = await open(`/auth/signin/${provider}`, {
      csrfToken,
      callbackUrl: `${home}/in`,
      ...more,
    })
    return new URL(answer.headers.get('location')!)
  }
  return {
    /** Goes to the provider; what is returned comes back from it, as `subject address`. */
    async toClub() {
      const state = (await signIn('club')).searchParams.get('state') ?? ''
      return async (who: string) => {
        const query = new URLSearchParams({ code: who, state })
        return placeOf(await open(`/auth/callback/club?${query}`))
      }
    },
    async askForLink(email: string) {
      await signIn('email', { email })
      return sent.get(`${number} ${email}`)!
    },
    open: async (url: string) => placeOf(await open(url)),
    session: async () => (await open('/auth/session')).json(),
  }
}

function placeOf(response: Response): string {
  const { pathname, search } = new URL(response.headers.get('location')!)
  return pathname + search
}

const browsers = () => Array.from({ length: tries }, (_, number) => browser(number))

test('one verification token has one winner', async () => {
  const identifier = freshEmail()
  const given = { identifier, token: 'hashed by Auth.js', expires: tomorrow() }
  await node(0).createVerificationToken(given)
  const { values, errors } = await atOnce(tries, (number) =>
    node(number).useVerificationToken({ identifier, token: given.token }),
  )
  expect(errors).toEqual([])
  expect(values.filter((value) => value !== null)).toEqual([given])
})

test('one link, clicked in fifty browsers, lets one in', async () => {
  const email = freshEmail()
  const link = await browser(0).askForLink(email)
  const all = browsers()
  const { values } = await atOnce(tries, (number) => all[number]!.open(link))
  expect(values.filter((place) => place === '/in')).toHaveLength(1)
  expect(values.filter((place) => place === '/auth/error?error=Verification')).toHaveLength(
    tries - 1,
  )
  const sessions = await Promise.all(all.map((one) => one.session()))
  expect(sessions.filter((session) => session !== null)).toHaveLength(1)
  expect(await count(sql`from auth.users where email = ${email}`)).toBe(1)
})

test('fifty links of one new address, clicked at once, make one user', async () => {
  const email = freshEmail()
  const all = browsers()
  const links = await Promise.all(all.map((one) => one.askForLink(email)))
  const { values } = await atOnce(tries, (number) => all[number]!.open(links[number]!))
  const winners = values.filter((place) => place === '/in').length
  expect(winners).toBeGreaterThanOrEqual(1)
  expect(values.filter((place) => place !== '/in')).toEqual(
    Array(tries - winners).fill('/auth/error?error=Configuration'),
  )
  expect(await count(sql`from auth.users where email = ${email}`)).toBe(1)
  expect(
    await count(
      sql`from auth.sessions s join auth.users u on u.id = s.user_id where email = ${email}`,
    ),
  ).toBe(winners)
})

test('fifty people of a provider with one address make one user, who owns one account', async () => {
  const email = freshEmail()
  const returns = await Promise.all(browsers().map((one) => one.toClub()))
  const { values } = await atOnce(tries, (number) =>
    returns[number]!(`${email}-${number} ${email}`),
  )
  expect(values.filter((place) => place === '/in')).toHaveLength(1)
  const losers = values.filter((place) => place !== '/in')
  for (const place of losers) {
    expect(place).toMatch(/error=(OAuthAccountNotLinked|Configuration)/)
  }
  expect(await count(sql`from auth.users where email = ${email}`)).toBe(1)
  expect(await count(sql`from auth.identities where provider_id like ${`${email}-%`}`)).toBe(1)
})

test('fifty first sign-ins of one person make one user, one account, and no session of anybody else', async () => {
  const email = freshEmail()
  const all = browsers()
  const returns = await Promise.all(all.map((one) => one.toClub()))
  const { values } = await atOnce(tries, (number) => returns[number]!(`one-${email} ${email}`))
  expect(values).toContain('/in')
  const { rows } = await sql<{
    id: string
  }>`select id from auth.users where email = ${email}`.execute(database.db)
  expect(rows).toHaveLength(1)
  expect(
    await count(
      sql`from auth.identities where provider_id = ${`one-${email}`} and user_id = ${rows[0]!.id}`,
    ),
  ).toBe(1)
  const sessions = await Promise.all(all.map((one) => one.session()))
  const isIn = values.map((place) => place === '/in')
  expect(sessions.map((session) => session !== null)).toEqual(isIn)
})

test('an account that fifty users link at once has one owner', async () => {
  const users = await Promise.all(
    Array.from({ length: tries }, (_, number) =>
      node(number).createUser({ email: freshEmail(), emailVerified: new Date() }),
    ),
  )
  const key = { provider: 'club', providerAccountId: freshEmail() }
  const { values, errors } = await atOnce(tries, (number) =>
    node(number).linkAccount({ ...key, userId: users[number]!.id, type: 'oauth' }),
  )
  expect(values).toHaveLength(1)
  expect(errors.filter((error) => isFault(error, 'identity_exists'))).toHaveLength(tries - 1)
  for (const adapter of nodes) {
    expect((await adapter.getUserByAccount(key))?.id).toBe(values[0]!.userId)
  }
  expect(
    await count(
      sql`from idp.events where type = 'identity.linked' and user_id in (
        select user_id from auth.identities where provider_id = ${key.providerAccountId})`,
    ),
  ).toBe(1)
})

test('of fifty who are signed in and come back from the provider as one, one has the account', async () => {
  const all = browsers()
  const emails = all.map(() => freshEmail())
  await Promise.all(all.map(async (one, number) => one.open(await one.askForLink(emails[number]!))))
  const subject = freshEmail()
  const returns = await Promise.all(all.map((one) => one.toClub()))
  const { values } = await atOnce(tries, (number) => returns[number]!(`${subject} ${subject}`))
  expect(values.filter((place) => place === '/in')).toHaveLength(1)
  const winner = emails[values.indexOf('/in')]!
  const owner = await node(1).getUserByAccount({ provider: 'club', providerAccountId: subject })
  expect(owner?.email).toBe(winner)
  expect(await count(sql`from auth.users where email = ${subject}`)).toBe(0)
})
