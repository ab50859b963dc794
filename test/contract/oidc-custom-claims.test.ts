import { createHmac } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { saveCustomClaims } from '../../src/flows/custom-claims.ts'
import { updateApplication } from '../../src/model/application.ts'
import { customClaimsInput } from '../../src/model/custom-claims.ts'
import { createPersonalAccessToken } from '../../src/model/subject-token.ts'
import { updateUser } from '../../src/model/user.ts'
import { listenOnLoopback } from '../setup/listen.ts'
import { type Authority, authority, bills, machineTokens, things } from './oidc-authority.ts'
import {
  claimsOf,
  codeFor,
  type Fields,
  issuer,
  redemption,
  shopBasic,
  type Tokens,
  verdict,
} from './oidc-client.ts'
import {
  allowExchange,
  exchange,
  exchanged,
  exchangeGrant,
  personalType,
  stage,
  subjectFor,
  subjectWith,
} from './oidc-exchanges.ts'

const key = Buffer.from('a key of thirty-two bytes, no less!!').toString('base64')
const secret = `whsec_${key}`

function declare(at: Authority, input: unknown): Promise<boolean> {
  return saveCustomClaims(at.scene.ctx, customClaimsInput.parse(input))
}

async function askForThings(at: Authority): Promise<Response> {
  const code = await codeFor(at.ann.browser, { scope: 'openid read:things', resource: things })
  return at.post('/oidc/token', redemption(code, { resource: things }), shopBasic)
}

async function thingsToken(at: Authority): Promise<Record<string, unknown>> {
  const { access_token } = (await (await askForThings(at)).json()) as Tokens
  return claimsOf(access_token)
}

describe('a mapping', () => {
  test('puts what its paths find into JWTs, and nothing where they find nothing', async () => {
    const at = await authority()
    const { ctx } = at.scene
    await updateUser(ctx, at.ann.user.id, { customData: { plan: { name: 'gold' }, tags: ['a'] } })
    await updateApplication(ctx, 'shop', { customData: { tier: 3 } })
    await declare(at, {
      accessToken: {
        plan: 'user.custom_data.plan.name',
        'https://example.com/tags': 'user.custom_data.tags',
        tier: 'application.custom_data.tier',
        roles: 'user.roles',
        nothing: 'user.custom_data.nothing.at.all',
        odd: 'user.custom_data.constructor',
        phone: 'user.phone',
      },
      clientCredentials: { app: 'application.name' },
    })
    const claims = await thingsToken(at)
    expect(claims).toMatchObject({
      ...{ plan: 'gold', 'https://example.com/tags': ['a'], tier: 3, roles: ['reader'] },
      ...{ iss: issuer, aud: things, sub: at.ann.user.id },
    })
    for (const absent of ['nothing', 'odd', 'phone', 'app'])
      expect(claims).not.toHaveProperty(absent)
    const machine = claimsOf((await machineTokens(at, { resource: bills })).access_token)
    expect(machine).toMatchObject({ app: 'M', sub: 'machine' })
    expect(machine).not.toHaveProperty('tier')
  })

  test('reads what its maker attached to a subject token, in what comes of it and nowhere else', async () => {
    const at = await stage()
    await declare(at, {
      accessToken: {
        ...{ ticket: 'grant.subjectTokenContext.ticket.number', by: 'grant.type' },
        list: 'grant.subjectTokenContext.list',
      },
    })
    const context = { ticket: { number: 7 }, list: ['a'], sub: 'mallory' }
    const subject_token = await subjectWith(at, context)
    const ask = async (subject: Fields) =>
      claimsOf((await exchanged(at, { resource: things, ...subject })).access_token)
    const claims = await ask({ subject_token })
    expect(claims).toMatchObject({
      ...{ sub: at.ann.user.id, scope: 'read:things' },
      ...{ ticket: 7, list: ['a'], by: exchangeGrant },
    })
    const bare = await ask({ subject_token: await subjectFor(at) })
    expect(bare).toMatchObject({ by: exchangeGrant })
    const { value: personal } = await createPersonalAccessToken(at.scene.ctx, {
      ...{ userId: at.ann.user.id, name: 'program', expiresAt: null },
    })
    const others = [
      bare,
      await ask({ subject_token: personal, subject_token_type: personalType }),
      await thingsToken(at),
    ]
    for (const other of others) expect(other).not.toHaveProperty('ticket')
    for (const other of others.slice(1)) expect(other).not.toHaveProperty('by')
  })

  test('is refused where it would say what the protocol says (E13)', () => {
    for (const [claim, path] of [
      ['sub', 'user.name'],
      ['scope', 'user.custom_data.scope'],
      ['cnf', 'user.name'],
      ['plan', 'user'],
      ['ticket', 'grant'],
      ['plan', 'process.env.HOME'],
      ['plan', 'user.custom_data..x'],
      ['', 'user.name'],
    ] as const) {
      const accessToken = Object.fromEntries([[claim, path]])
      expect(customClaimsInput.safeParse({ accessToken }).success, claim + path).toBe(false)
    }
    for (const path of ['user.name', 'grant.type']) {
      const clientCredentials = { who: path }
      expect(customClaimsInput.safeParse({ clientCredentials }).success).toBe(false)
    }
  })

  test('makes no token that is too large to be sent', async () => {
    const at = await authority()
    await updateUser(at.scene.ctx, at.ann.user.id, { customData: { book: 'x'.repeat(5000) } })
    await declare(at, { accessToken: { book: 'user.custom_data.book' } })
    expect(await thingsToken(at)).not.toHaveProperty('book')
  })
})

describe('a hook', () => {
  let server: Server
  let asked: { headers: Record<string, unknown>; body: string }[]
  let answer: { status: number; body: string }
  let url: string

  beforeEach(async () => {
    asked = []
    answer = { status: 200, body: '{}' }
    server = createServer((request, response) => {
      let body = ''
      request.on('data', (chunk) => {
        body += chunk
      })
      request.on('end', () => {
        asked.push({ headers: request.headers, body })
        response.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.body)
      })
    })
    url = `http://127.0.0.1:${await listenOnLoopback(server)}/claims`
  })

  afterEach(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })

  async function hooked(hook: object = {}): Promise<Authority> {
    const at = await authority()
    Object.assign(at.scene.ctx, { fetch: globalThis.fetch })
    await declare(at, { hook: { url, secret, ...hook } })
    return at
  }

  test('is asked, signed, what a token says beside; the protocol’s claims it cannot change (E13)', async () => {
    const at = await hooked()
    answer.body = JSON.stringify({
      claims: { level: 7, sub: 'mallory', scope: 'all', exp: 1, cnf: { jkt: 'x' } },
    })
    const claims = await thingsToken(at)
    expect(claims).toMatchObject({ level: 7, sub: at.ann.user.id, scope: 'read:things' })
    expect(asked).toHaveLength(1)
    const [{ headers, body } = { headers: {}, body: '' }] = asked
    const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`
    const mark = createHmac('sha256', Buffer.from(key, 'base64')).update(signed).digest('base64')
    expect(headers['webhook-signature']).toBe(`v1,${mark}`)
    expect(JSON.parse(body)).toMatchObject({
      type: 'access-token',
      token: { sub: at.ann.user.id, aud: things },
      context: { user: { id: at.ann.user.id, roles: ['reader'] }, application: { id: 'shop' } },
    })
    expect(body).not.toContain('encrypted_password')
  })

  test('is not asked for an opaque token', async () => {
    const at = await hooked()
    const code = await codeFor(at.ann.browser)
    await at.post('/oidc/token', redemption(code), shopBasic)
    expect(asked).toHaveLength(0)
  })

  test('is told of the grant where a subject token was exchanged, as a script of Logto’s is', async () => {
    const at = await hooked()
    await allowExchange(at)
    const context = { ticket: 7, reason: { 'said by': 'Ann' } }
    await exchanged(at, { resource: things, subject_token: await subjectWith(at, context) })
    await thingsToken(at)
    expect(asked.map(({ body }) => JSON.parse(body).context.grant)).toEqual([
      { type: exchangeGrant, subjectTokenContext: context },
      undefined,
    ])
    // Who refuses by what it was told refuses the token; the subject's is spent.
    answer.body = '{"denied":true}'
    const subject_token = await subjectWith(at, context)
    const refused = await exchange(at, { subject_token, resource: things })
    expect(await verdict(refused)).toBe('403 access_denied')
    answer.body = '{}'
    const again = await exchange(at, { subject_token, resource: things })
    expect(await verdict(again)).toBe('400 invalid_request')
  })

  test('may refuse', async () => {
    const at = await hooked()
    answer.body = '{"denied":true}'
    expect(await verdict(await askForThings(at))).toBe('403 access_denied')
  })

  test.each([
    ['an error', 500, '{}'],
    ['no JSON', 200, 'not json'],
    ['an array', 200, '[]'],
    ['an array of claims', 200, '{"claims":[]}'],
    ['a redirect', 302, ''],
    ['endless depth', 200, `{"claims":{"deep":${'['.repeat(9000)}${']'.repeat(9000)}}}`],
  ])(
    'that fails by %s adds nothing, or refuses where the settings say so',
    async (_, status, body) => {
      const at = await hooked()
      answer = { status, body }
      expect(await thingsToken(at)).toMatchObject({ scope: 'read:things' })
      await declare(at, { hook: { url, secret, onFailure: 'refuse' } })
      expect(await verdict(await askForThings(at))).toBe('503 temporarily_unavailable')
    },
  )

  test('keeps its secret encrypted, and is written once', async () => {
    const at = await hooked()
    expect(await declare(at, { hook: { url, secret } })).toBe(false)
    const { rows } = await sql`select value from idp.settings`.execute(at.scene.database.db)
    expect(rows).toHaveLength(1)
    expect(JSON.stringify(rows)).not.toContain(key)
  })
})
