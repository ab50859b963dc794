import { createServer, type Server } from 'node:http'
import { createLocalJWKSet, jwtVerify } from 'jose'
import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { sekishoAdapter } from '../../authjs/index.ts'
import { transaction } from '../../src/base/context.ts'
import { hashPassword } from '../../src/base/password.ts'
import { day, hour, minute, second } from '../../src/base/time.ts'
import { issueApiKeys } from '../../src/flows/api-keys.ts'
import { tidy } from '../../src/flows/housekeeping.ts'
import { sendDue } from '../../src/flows/outbox.ts'
import { deletePerson } from '../../src/flows/people.ts'
import {
  createApplication,
  deleteApplication,
  updateApplication,
} from '../../src/model/application.ts'
import { endSession } from '../../src/model/session.ts'
import { deleteUser } from '../../src/model/user.ts'
import { listenOnLoopback } from '../setup/listen.ts'
import {
  answerOf,
  authPath,
  browserAt,
  callback,
  codeFor,
  encoded,
  type Gate,
  gate,
  issuer,
  me,
  type Person,
  person,
  redemption,
  refresh,
  shopBasic,
  signIn,
  type Tokens,
  tokensFor,
  verdict,
} from './oidc-client.ts'

/** What the applications' logout endpoints got, by path; and what they answer. */
let received: { path: string; type: string | undefined; token: string }[] = []
let answerWith = 200
let ears: Server
let home = ''

beforeAll(async () => {
  ears = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    const token = new URLSearchParams(body).get('logout_token') ?? ''
    received.push({ path: request.url ?? '', type: request.headers['content-type'], token })
    response.writeHead(answerWith, { location: `${home}/elsewhere` }).end()
  })
  home = `http://127.0.0.1:${await listenOnLoopback(ears)}`
})
afterAll(async () => {
  ears.closeAllConnections()
  await new Promise((resolve) => ears.close(resolve))
})
beforeEach(() => {
  received = []
  answerWith = 200
})

interface Club extends Gate {
  /** The worker's round, as the timer runs it. */
  deliver(): Promise<number>
  /** Tokens of `app`, for somebody who is signed in. */
  tokens(who: Person, app: string): Promise<Tokens>
}

/** Two applications that want to hear of sign-outs, and one that does not. */
async function club(environment: Record<string, string> = {}): Promise<Club> {
  const at = await gate(environment)
  const { ctx } = at.scene
  await updateApplication(ctx, 'shop', {
    oidcClientMetadata: { backchannelLogoutUri: `${home}/shop`, idTokenSignedResponseAlg: 'RS256' },
  })
  for (const [id, metadata] of [
    ['wiki', { backchannelLogoutUri: `${home}/wiki`, backchannelLogoutSessionRequired: true }],
    ['deaf', {}],
  ] as const) {
    await createApplication(ctx, {
      ...{ id, secret: `the-secret-of-${id}`, name: id, type: 'Traditional' },
      oidcClientMetadata: { redirectUris: [callback], ...metadata },
    })
  }
  return {
    ...at,
    deliver: () => sendDue({ ...ctx, fetch: globalThis.fetch }),
    async tokens(who, app) {
      if (app === 'shop') return tokensFor(at, who.browser)
      const code = await codeFor(who.browser, { client_id: app })
      const form = { client_id: app, client_secret: `the-secret-of-${app}` }
      return (await (await at.post('/oidc/token', redemption(code, form))).json()) as Tokens
    },
  }
}

async function waiting({ scene }: Gate): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from idp.deliveries`.execute(scene.ctx.db)
  return rows[0]?.count ?? -1
}

/** Checks every rule of § 2.6 and returns what the token says. */
async function checked(at: Gate, token: string, audience: string) {
  const { keys } = (await (await at.ask('/oidc/jwks')).json()) as { keys: never[] }
  const { payload, protectedHeader } = await jwtVerify(token, createLocalJWKSet({ keys }), {
    issuer,
    audience,
    typ: 'logout+jwt',
    currentDate: at.scene.ctx.now(),
  })
  expect(payload.events).toEqual({ 'http://schemas.openid.net/event/backchannel-logout': {} })
  expect(payload).not.toHaveProperty('nonce')
  expect(Number(payload.exp) - Number(payload.iat)).toBe(120)
  expect(payload.jti).toMatch(/^[0-9a-f-]{36}$/)
  return { payload, alg: protectedHeader.alg }
}

/** Every face's way to end a session, and what the ends have in common. */
describe('a session that ends', () => {
  const admin = async ({ scene }: Gate) => ({
    authorization: `Bearer ${(await issueApiKeys(scene.ctx)).serviceRoleKey}`,
    'content-type': 'application/json',
  })

  /** Signs in at GoTrue's face too; its session is another one of the same user. */
  async function supabase(at: Gate): Promise<{ access_token: string; refresh_token: string }> {
    const answer = await at.ask('/auth/v1/token?grant_type=password', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ email: 'ann@example.com', password: 'correct horse battery' }),
    })
    return answer.json()
  }

  const ends: Record<string, (at: Club, who: Person) => Promise<unknown>> = {
    'by a global sign-out of a Supabase client': async (at) => {
      const { access_token } = await supabase(at)
      const answer = await at.ask('/auth/v1/logout?scope=global', {
        method: 'POST',
        headers: { authorization: `Bearer ${access_token}` },
      })
      expect(answer.status).toBe(204)
    },
    'by a sign-out of the others from a Supabase client': async (at) => {
      const { access_token } = await supabase(at)
      await at.ask('/auth/v1/logout?scope=others', {
        method: 'POST',
        headers: { authorization: `Bearer ${access_token}` },
      })
    },
    'by a new password from a Supabase client': async (at) => {
      const { access_token } = await supabase(at)
      const answer = await at.ask('/auth/v1/user', {
        method: 'PUT',
        headers: { authorization: `Bearer ${access_token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ password: 'another horse battery' }),
      })
      expect(answer.status).toBe(200)
    },
    'by an administrator who deletes the user': async (at, { user }) => {
      const answer = await at.ask(`/auth/v1/admin/users/${user.id}`, {
        method: 'DELETE',
        headers: await admin(at),
      })
      expect(answer.status).toBe(200)
    },
    'by an administrator who leaves the row of the user': async (at, { user }) => {
      await at.ask(`/auth/v1/admin/users/${user.id}`, {
        method: 'DELETE',
        headers: await admin(at),
        body: JSON.stringify({ should_soft_delete: true }),
      })
    },
    'by an administrator who sets a password': async (at, { user }) => {
      await at.ask(`/auth/v1/admin/users/${user.id}`, {
        method: 'PUT',
        headers: await admin(at),
        body: JSON.stringify({ password: 'another horse battery' }),
      })
    },
    'by a ban': async (at, { user }) => {
      const answer = await at.ask(`/auth/v1/admin/users/${user.id}`, {
        method: 'PUT',
        headers: await admin(at),
        body: JSON.stringify({ ban_duration: '24h' }),
      })
      expect(answer.status).toBe(200)
    },
    'by the command line': (at, { user }) => deletePerson(at.scene.ctx, user.id),
    'by an application’s sign-out': async (at, who) => {
      const { id_token } = await at.tokens(who, 'deaf')
      await who.browser.open(`/oidc/session/end?${encoded({ id_token_hint: id_token })}`)
    },
    'on the hosted page': async (_, { browser }) => {
      const page = await (await browser.open('/sign-out')).text()
      const fields = [...page.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g)]
      const form = Object.fromEntries(fields.map(([, name, value]) => [name, value]))
      await browser.send('/sign-out', form)
    },
    'by an Auth.js app that deletes the user': async (at, { user }) => {
      const { database } = at.scene
      const { secret } = at.scene.ctx.config
      await sekishoAdapter({ database, secret }).deleteUser?.(user.id)
    },
    'by somebody at the database': (at, { sessionId }) =>
      sql`delete from auth.sessions where id = ${sessionId}`.execute(at.scene.ctx.db),
  }

  test.each(Object.keys(ends))(
    'ends %s: every token is refused, and every application is told (D5) (9700-11, Logout)',
    async (way) => {
      const at = await club()
      const password = 'correct horse battery'
      const who = await person(at, { passwordHash: await hashPassword(at.scene.ctx, password) })
      const shop = await at.tokens(who, 'shop')
      // Twice at the wiki: it is told once.
      await at.tokens(who, 'wiki')
      const wiki = await at.tokens(who, 'wiki')
      await at.tokens(who, 'deaf')
      expect((await me(at, shop.access_token)).status).toBe(200)

      await ends[way]?.(at, who)

      expect(await verdict(await me(at, shop.access_token))).toBe('401 invalid_token')
      expect(await verdict(await me(at, wiki.access_token))).toBe('401 invalid_token')
      expect(await verdict(await refresh(at, shop.refresh_token))).toBe('400 invalid_grant')
      expect(received).toEqual([])
      expect(await at.deliver()).toBe(2)
      expect(received.map(({ path }) => path).sort()).toEqual(['/shop', '/wiki'])
      for (const { path, type, token } of received) {
        expect(type).toBe('application/x-www-form-urlencoded')
        const { payload, alg } = await checked(at, token, path.slice(1))
        expect(payload).toMatchObject({ sub: who.user.id, sid: who.sessionId })
        expect(alg).toBe(path === '/shop' ? 'RS256' : 'ES384')
      }
      expect(await waiting(at)).toBe(0)
      expect(await at.deliver()).toBe(0)
      expect((await at.scene.events()).filter((type) => type === 'logout.delivered')).toHaveLength(
        2,
      )
    },
  )

  test('is told by the ID token’s sid, and another session of the same user goes on', async () => {
    const at = await club()
    const who = await person(at)
    const { id_token } = await at.tokens(who, 'shop')
    const phone = browserAt(at)
    const other = { ...who, browser: phone, sessionId: await signIn(at, phone, who.user) }
    const kept = await at.tokens(other, 'shop')
    await who.browser.open(`/oidc/session/end?${encoded({ id_token_hint: id_token })}`)
    await at.deliver()
    expect(received).toHaveLength(1)
    const { payload } = await checked(at, received[0]?.token ?? '', 'shop')
    const { sid } = JSON.parse(Buffer.from(id_token.split('.')[1] ?? '', 'base64url').toString())
    expect(payload.sid).toBe(sid)
    // It is signed by the same key, and still no ID token.
    const hint = authPath({ prompt: 'none', id_token_hint: received[0]?.token })
    expect(answerOf(await phone.open(hint)).error).toBe('invalid_request')
    expect((await me(at, kept.access_token)).status).toBe(200)
  })

  test('and is rolled back was never over: nobody is told', async () => {
    const at = await club()
    const who = await person(at)
    await at.tokens(who, 'shop')
    const failing = transaction(at.scene.ctx, async (ctx) => {
      await endSession(ctx, who.sessionId)
      throw new Error('Not after all.')
    })
    await expect(failing).rejects.toThrow('Not after all.')
    expect(await at.deliver()).toBe(0)
  })

  test('long after its end, when the house is tidied, is told to nobody', async () => {
    const at = await club()
    const who = await person(at)
    await at.tokens(who, 'shop')
    at.scene.pass(40 * day)
    expect(await tidy(at.scene.ctx)).toMatchObject({ 'auth.sessions': 1 })
    expect(await waiting(at)).toBe(0)
  })
})

test('a grant that is revoked alone, or an application that is deleted, signs nobody out', async () => {
  const at = await club()
  const who = await person(at)
  const { refresh_token } = await at.tokens(who, 'shop')
  await at.tokens(who, 'wiki')
  await at.post('/oidc/token/revocation', { token: refresh_token, client_id: 'shop' }, shopBasic)
  await deleteApplication(at.scene.ctx, 'wiki')
  expect(await waiting(at)).toBe(0)
})

describe('an application that does not hear', () => {
  async function signedOut(environment: Record<string, string> = {}): Promise<Club> {
    const at = await club(environment)
    const who = await person(at)
    await at.tokens(who, 'shop')
    await endSession(at.scene.ctx, who.sessionId)
    return at
  }

  test.each([400, 500, 302])(
    'answers %s, and is told again later, with a new token',
    async (status) => {
      const at = await signedOut()
      answerWith = status
      expect(await at.deliver()).toBe(0)
      expect(received).toHaveLength(1)
      // Not before its time.
      at.scene.pass(29 * second)
      expect(await at.deliver()).toBe(0)
      expect(received).toHaveLength(1)
      answerWith = 204
      at.scene.pass(1 * second)
      expect(await at.deliver()).toBe(1)
      const [first, again] = await Promise.all(
        received.map(({ token }) => checked(at, token, 'shop')),
      )
      expect(received.map(({ path }) => path)).toEqual(['/shop', '/shop'])
      expect(first?.payload.jti).not.toBe(again?.payload.jti)
      expect(await waiting(at)).toBe(0)
    },
  )

  test('is given up after six tries in seven hours, and that is recorded', async () => {
    const at = await signedOut()
    answerWith = 503
    for (const pause of [0, 30 * second, 2 * minute, 10 * minute, 1 * hour, 6 * hour]) {
      at.scene.pass(pause)
      expect(await at.scene.events()).not.toContain('logout.failed')
      await at.deliver()
    }
    expect(received).toHaveLength(6)
    expect(await waiting(at)).toBe(0)
    const { rows } = await sql`
      select application_id, actor, details from idp.events where type = 'logout.failed'`.execute(
      at.scene.ctx.db,
    )
    expect(rows).toEqual([
      { application_id: 'shop', actor: 'system:outbox', details: { why: 'status 503' } },
    ])
  })

  test('and no longer wants to, or is gone, is left alone', async () => {
    const at = await signedOut()
    await updateApplication(at.scene.ctx, 'shop', {
      oidcClientMetadata: { backchannelLogoutUri: null },
    })
    expect(await at.deliver()).toBe(0)
    expect(received).toEqual([])
    expect(await waiting(at)).toBe(0)
    const gone = await signedOut()
    await deleteApplication(gone.scene.ctx, 'shop')
    expect(await gone.deliver()).toBe(0)
    expect(await waiting(gone)).toBe(0)
  })

  test('at an inner address is never asked in production (E10, H1)', async () => {
    const at = await signedOut()
    const { ctx } = at.scene
    const guarded = {
      ...ctx,
      config: { ...ctx.config, mode: 'start' as const },
      fetch: globalThis.fetch,
    }
    expect(await sendDue(guarded)).toBe(0)
    expect(received).toEqual([])
    expect(await waiting(at)).toBe(1)
  })
})

const somebody = {
  userId: '00000000-0000-4000-8000-000000000001',
  sessionId: '00000000-0000-4000-8000-000000000002',
}

test('what one node has in hand, no other one sends; what it drops, another one takes up', async () => {
  const at = await club()
  for (let number = 0; number < 30; number += 1) {
    await sql`insert into idp.deliveries (kind, key, details) values ('back-channel-logout', ${`s:${number}`},
      ${{ applicationId: 'shop', ...somebody }})`.execute(at.scene.ctx.db)
  }
  const told = await Promise.all([at.deliver(), at.deliver(), at.deliver()])
  expect(told.reduce((sum, count) => sum + count, 0)).toBe(30)
  expect(new Set(received.map(({ token }) => token)).size).toBe(30)

  // A node that dies between the request and its note: `fetch` ends it.
  await sql`insert into idp.deliveries (kind, key, details) values ('back-channel-logout', 's:dying',
    ${{ applicationId: 'shop', ...somebody }})`.execute(at.scene.ctx.db)
  const dying = { ...at.scene.ctx, fetch: () => new Promise<Response>(() => {}) }
  const left = sendDue(dying)
  left.catch(() => {})
  await expect.poll(() => attempts(at)).toBe(1)
  expect(await at.deliver()).toBe(0)
  at.scene.pass(30 * second)
  expect(await at.deliver()).toBe(1)
  expect(await waiting(at)).toBe(0)
})

async function attempts({ scene }: Gate): Promise<number> {
  const { rows } = await sql<{ most: number }>`
    select coalesce(max(attempts), 0) as most from idp.deliveries`.execute(scene.ctx.db)
  return rows[0]?.most ?? 0
}

test.each([
  ['javascript:alert(1)', 'must begin with https:// or http://'],
  ['https://app.example.com/out#x', 'must not have a fragment'],
  ['https://user:pass@app.example.com/', 'must not contain a user name'],
  ['/out', 'must be an absolute URL'],
])(
  '%s cannot be registered as a logout address (E10, H1)',
  async (backchannelLogoutUri, problem) => {
    const { scene } = await gate()
    const changed = updateApplication(scene.ctx, 'shop', {
      oidcClientMetadata: { backchannelLogoutUri },
    })
    await expect(changed).rejects.toThrow(problem)
  },
)

test('users who fall with their sessions are told of whatever order the database takes', async () => {
  const at = await club()
  const who = await person(at)
  await at.tokens(who, 'shop')
  expect(await deleteUser(at.scene.ctx, who.user.id)).toBe(true)
  expect(await waiting(at)).toBe(1)
})
