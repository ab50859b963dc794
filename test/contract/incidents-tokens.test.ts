import { createHmac, createPublicKey, generateKeyPairSync, KeyObject, sign } from 'node:crypto'
import { expect, test } from 'vitest'
import { transaction } from '../../src/base/context.ts'
import { signJwt } from '../../src/base/jwt.ts'
import { admit } from '../../src/flows/admit.ts'
import { issueApiKeys } from '../../src/flows/api-keys.ts'
import { signingKey } from '../../src/model/key.ts'
import { gotrueWorld, keyOf } from './gotrue-world.ts'
import {
  type Authority,
  authority,
  introspect,
  refreshed,
  things,
  wideTokens,
} from './oidc-authority.ts'
import { codeFor, me, redemption, refresh, shopBasic } from './oidc-client.ts'

// Tokens that say of themselves whose key is good, that are made for their reader, or that are of another kind.

const part = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

/** Every way of forging a token out of a good one, and of the public key that everybody can read. */
async function forgeries(good: string, publicKey: KeyObject): Promise<Record<string, string>> {
  const [head = '', body = '', signature = ''] = good.split('.')
  const header = JSON.parse(Buffer.from(head, 'base64url').toString())
  const claims = JSON.parse(Buffer.from(body, 'base64url').toString())
  const eve = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk = eve.publicKey.export({ format: 'jwk' })
  const byEve = (changes: object) => {
    const input = `${part({ ...header, ...changes })}.${body}`
    const key = { key: eve.privateKey, dsaEncoding: 'ieee-p1363' as const }
    return `${input}.${sign('sha256', Buffer.from(input), key).toString('base64url')}`
  }
  const bySecret = (secret: string | Buffer, changes: object = {}) => {
    const input = `${part({ ...header, alg: 'HS256', ...changes })}.${body}`
    return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
  }
  const published = publicKey.export({ format: 'jwk' })
  const secrets: Record<string, string | Buffer> = {
    'the public key as PEM': publicKey.export({ format: 'pem', type: 'spki' }),
    'the public key as DER': publicKey.export({ format: 'der', type: 'spki' }),
    'the public key as JWK': JSON.stringify(published),
    'a part of the public key': published.x ?? '',
    nothing: '',
    'a word': 'secret',
    'the word null': 'null',
    'a NUL': '\0',
  }
  const canary = 'https://canary.example/keys'
  const heads: Record<string, object> = {
    'its own key': { jwk },
    'the address of its key': { jku: canary },
    'the address of a certificate': { x5u: canary },
    'a certificate': { x5c: ['MIIB'] },
    'a path for a name': { kid: '../../../../dev/null' },
    'a statement for a name': { kid: "' or 1=1 --" },
    'a name of ten thousand letters': { kid: 'k'.repeat(10_000) },
    'a list of names': { kid: [header.kid] },
    'a number for a name': { kid: 0 },
    'no name': { kid: undefined },
    'a critical header': { crit: ['exp'], exp: 1 },
    'a critical header that nobody knows': { crit: ['http://x'] },
    'a body that is not encoded': { b64: false, crit: ['b64'] },
    packed: { zip: 'DEF' },
    'another curve': { alg: header.alg === 'ES384' ? 'ES256' : 'ES384' },
    'another algorithm': { alg: 'RS256' },
    'a key from a password': { alg: 'PBES2-HS256+A128KW', p2c: 1_000_000_000, enc: 'A128GCM' },
    'an algorithm that is a list': { alg: ['ES256'] },
    'no algorithm': { alg: undefined },
  }
  const nobody = ['none', 'None', 'NONE', 'nOnE', '', 'null'].flatMap((alg) => {
    const input = `${part({ ...header, alg })}.${body}`
    return [
      [`alg ${alg}`, `${input}.`],
      [`alg ${alg}, signed`, `${input}.${signature}`],
    ] as const
  })
  const last = signature.at(-1) ?? ''
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  return Object.fromEntries([
    ...nobody,
    ...Object.entries(secrets).flatMap(([name, secret]) => [
      [`signed with ${name}`, bySecret(secret)],
      [`signed with ${name}, without a name`, bySecret(secret, { kid: undefined })],
      [`signed with ${name}, under another name`, bySecret(secret, { kid: 'x' })],
    ]),
    ...Object.entries(heads).flatMap(([name, changes]) => [
      [`brings ${name}`, byEve(changes)],
      [
        `brings ${name}, beside the good signature`,
        `${part({ ...header, ...changes })}.${body}.${signature}`,
      ],
    ]),
    ['another body', `${head}.${part({ ...claims, sub: '0', role: 'service_role' })}.${signature}`],
    [
      'a claim that is there twice',
      `${head}.${part(`{"role":"service_role",${JSON.stringify(claims).slice(1)}`)}.${signature}`,
    ],
    ['no signature', `${head}.${body}`],
    ['an empty signature', `${head}.${body}.`],
    ['an empty head', `.${body}.${signature}`],
    ['an empty body', `${head}..${signature}`],
    ['a part too many', `${good}.x`],
    ['five parts', `${head}.x.y.z.${signature}`],
    ['a dot', '.'],
    ['two dots', '..'],
    ['dots', '.'.repeat(5000)],
    ['a signature of zeros', `${head}.${body}.${Buffer.alloc(64).toString('base64url')}`],
    [
      'a signature in DER',
      `${head}.${body}.${Buffer.from('3006020101020101', 'hex').toString('base64url')}`,
    ],
    ['a signature that was cut off', good.slice(0, -2)],
    ['a signature with more behind it', `${good}AA`],
    ['padding', `${good}==`],
    ['bits that are left over', good.slice(0, -1) + (alphabet[alphabet.indexOf(last) ^ 1] ?? '')],
    ['the other Base64', `${head}.${body}.${signature.replace(/[-_]/, '+')}+`],
    ['a body in the other case', `${head}.${body.toLowerCase()}.${signature}`],
    ['a head that is a list', `${part([header])}.${body}.${signature}`],
    ['a head that is null', `${part('null')}.${body}.${signature}`],
    ['a head that is deep', `${part('['.repeat(2000))}.${body}.${signature}`],
    ['a token within a token', `${part({ ...header, cty: 'JWT' })}.${part(good)}.${signature}`],
    ['half a character', `${part({ ...header, kid: '\ud800' })}.${body}.${signature}`],
  ])
}

const publicOf = (key: KeyObject | Uint8Array) => {
  if (!(key instanceof KeyObject)) throw new Error('This key has no public half.')
  return createPublicKey(key)
}

test('no forgery of an access token opens anything at /auth/v1, nor fetches a key (F1, F3, F5, F6, C14)', async () => {
  const at = await gotrueWorld()
  await at.createAccount()
  const { access_token: good } = await at.signIn()
  const key = await signingKey(at.ctx, 'gotrue')
  const forged = {
    ...(await forgeries(good, publicOf(key.private))),
    ...Object.fromEntries(
      Object.entries(await forgeries(at.adminKey, publicOf(key.private))).map(([name, token]) => [
        `${name} (admin)`,
        token,
      ]),
    ),
  }
  const before = at.sent.length
  for (const [name, bearer] of Object.entries(forged)) {
    for (const route of [
      'GET /user',
      'PUT /user',
      'POST /logout',
      'GET /admin/users',
      'GET /factors',
      'GET /reauthenticate',
    ]) {
      const [method = '', path = ''] = route.split(' ')
      const { status } = await at.ask(method, path, {
        bearer,
        ...(method === 'PUT' ? { body: { data: { eve: 1 } } } : {}),
      })
      expect([name, route, status]).toEqual([
        name,
        route,
        expect.toBeOneOf([400, 401, 403, 404, 405]),
      ])
    }
  }
  expect(at.sent.length).toBe(before)
  const { body } = await at.ask('GET', '/user', { bearer: good })
  expect(body.user_metadata).not.toHaveProperty('eve')
}, 60_000)

test('claims of another type than they should have open nothing, though we signed them (F7)', async () => {
  const at = await gotrueWorld()
  const { id } = await at.createAccount()
  const now = Math.floor(at.ctx.now().getTime() / 1000)
  const good = { sub: id, aud: 'authenticated', role: 'authenticated', exp: now + 600 }
  expect((await at.ask('GET', '/user', { bearer: await keyOf(at, good) })).status).toBe(200)
  const odd: Record<string, unknown>[] = [
    ...[String(now + 600), [now + 600], { at: now + 600 }, true, now - 1, -1, 'never'].map(
      (exp) => ({ exp }),
    ),
    ...[[id], { id }, 0, true, '', null, `${id} `, ` ${id}`, `${id}x`, `${id}\u0000`].map(
      (sub) => ({ sub }),
    ),
    ...[String(now), [now], { at: 0 }, now + 600].map((nbf) => ({ nbf })),
    ...[['x'], {}, 7, true, 'x'].map((session_id) => ({ session_id })),
  ]
  for (const claims of odd) {
    const { status } = await at.ask('GET', '/user', {
      bearer: await keyOf(at, { ...good, ...claims }),
    })
    expect([claims, status]).toEqual([claims, expect.toBeOneOf([400, 401, 403])])
  }
  // No type makes an administrator of somebody.
  for (const role of [
    ['service_role'],
    { role: 'service_role' },
    'SERVICE_ROLE',
    ' service_role',
    true,
    1,
  ]) {
    const bearer = await keyOf(at, { ...good, role })
    const { status } = await at.ask('GET', '/admin/users', { bearer })
    expect([role, status]).toEqual([role, expect.toBeOneOf([400, 401, 403])])
  }
  const key = await signingKey(at.ctx, 'gotrue')
  const endless = signJwt(key, good).split('.')
  const raw = part(JSON.stringify(good).replace(/"exp":\d+/, '"exp":1e400'))
  expect(
    (await at.ask('GET', '/user', { bearer: `${endless[0]}.${raw}.${endless[2]}` })).status,
  ).toBe(403)
})

test('no forgery of a JWT opens anything at /oidc, and introspection calls none of them active (F1, F3, F5, F6)', async () => {
  const at = await authority()
  const tokens = await wideTokens(at)
  const { access_token: good } = await refreshed(at, tokens, { resource: things })
  expect(await introspect(at, good)).toMatchObject({ active: true })
  const key = await signingKey(at.scene.ctx, 'oidc')
  for (const [name, token] of Object.entries(await forgeries(good, publicOf(key.private)))) {
    const said = (await introspect(at, token)) as { active?: boolean; error?: string }
    // What is too long to be a token is told so.
    expect([name, said.active ?? said.error]).toEqual([
      name,
      expect.toBeOneOf([false, 'invalid_request']),
    ])
    expect([name, (await me(at, token)).status]).toEqual([name, expect.toBeOneOf([400, 401])])
  }
  expect(at.scene.sent).toEqual([])
}, 60_000)

/** One token of each kind that somebody may hold. */
async function oneOfEach(at: Authority): Promise<Record<string, string>> {
  const { ctx } = at.scene
  const keys = await issueApiKeys(ctx)
  const { id } = await transaction(ctx, (ctx) =>
    admit(ctx, at.ann.user, { method: 'password', audit: null }),
  )
  const access = await keyOf(at.scene, {
    ...{ sub: at.ann.user.id, session_id: id, role: 'authenticated', aud: 'authenticated' },
  })
  const tokens = await wideTokens(at)
  const code = await codeFor(at.ann.browser)
  return {
    'an access token of Supabase Auth': access,
    'the anon key': keys.anonKey,
    'the service key': keys.serviceRoleKey,
    'an ID token': tokens.id_token,
    'an opaque access token': tokens.access_token,
    'an API’s access token': (await refreshed(at, await wideTokens(at), { resource: things }))
      .access_token,
    'a refresh token of an application': tokens.refresh_token,
    'a code': code,
    'a browser’s cookie':
      [...at.ann.browser.cookies.values()].find((value) => value.length > 20) ?? '',
  }
}

test('a token of one kind is taken for no other, wherever one is taken (C16, F8)', async () => {
  const at = await authority()
  const tokens = await oneOfEach(at)
  const json = { 'content-type': 'application/json' }
  const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } })
  const send = (path: string, body: object) =>
    at.ask(path, { method: 'POST', headers: json, body: JSON.stringify(body) })
  const doors: Record<string, { takes: string | null; ask(token: string): Promise<Response> }> = {
    'the user of Supabase Auth': {
      takes: 'an access token of Supabase Auth',
      ask: (token) => at.ask('/auth/v1/user', bearer(token)),
    },
    'its administrators': {
      takes: 'the service key',
      ask: (token) => at.ask('/auth/v1/admin/users', bearer(token)),
    },
    'its refresh': {
      takes: null,
      ask: (refresh_token) => send('/auth/v1/token?grant_type=refresh_token', { refresh_token }),
    },
    'its codes': {
      takes: null,
      ask: (auth_code) =>
        send('/auth/v1/token?grant_type=pkce', { auth_code, code_verifier: 'v'.repeat(43) }),
    },
    'its links': {
      takes: null,
      ask: (token_hash) => send('/auth/v1/verify', { type: 'magiclink', token_hash }),
    },
    'its ID tokens': {
      takes: null,
      ask: (id_token) =>
        send('/auth/v1/token?grant_type=id_token', { provider: 'google', id_token }),
    },
    'user info': { takes: 'an opaque access token', ask: (token) => me(at, token) },
    'refresh of an application': {
      takes: 'a refresh token of an application',
      ask: (token) => refresh(at, token),
    },
    'codes of an application': {
      takes: 'a code',
      ask: (code) => at.post('/oidc/token', redemption(code), shopBasic),
    },
  }
  const taken: string[] = []
  // The right ones come last: they spend what they are.
  for (const isRight of [false, true]) {
    for (const [door, { takes, ask }] of Object.entries(doors)) {
      for (const [kind, token] of Object.entries(tokens)) {
        if ((kind === takes) !== isRight) continue
        const { status } = await ask(token)
        if (status < 400) taken.push(`${door}: ${kind}`)
        else
          expect([door, kind, status]).toEqual([door, kind, expect.toSatisfy((one) => one < 500)])
      }
    }
  }
  expect(taken).toEqual(
    Object.entries(doors).flatMap(([door, { takes }]) =>
      takes === null ? [] : [`${door}: ${takes}`],
    ),
  )
})
