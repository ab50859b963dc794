import { createLocalJWKSet, jwtVerify } from 'jose'
import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { signatureAlgorithms, signJwt } from '../../src/base/jwt.ts'
import { day, hour, minute, second } from '../../src/base/time.ts'
import { runCommand } from '../../src/flows/administer.ts'
import { tidy } from '../../src/flows/housekeeping.ts'
import { publishedFor, turnKeys } from '../../src/flows/keys.ts'
import { createApplication, updateApplication } from '../../src/model/application.ts'
import { listKeys, signingKey, signingKeyFor, verifyIssued } from '../../src/model/key.ts'
import { saveDocument } from '../../src/model/registration.ts'
import { type World, world } from '../world.ts'
import {
  answerOf,
  authPath,
  callback,
  codeFor,
  type Gate,
  gate,
  issuer,
  person,
  redemption,
  type Tokens,
  tokensFor,
} from './oidc-client.ts'

/** `oidc ES384 current` of every key, sorted. */
async function stages({ ctx }: World): Promise<string[]> {
  const keys = await runCommand(ctx, 'keys.list', {})
  return keys.map(({ purpose, algorithm, state }) => `${purpose} ${algorithm} ${state}`).sort()
}

async function keySet(at: Gate) {
  const { keys } = (await (await at.ask('/oidc/jwks')).json()) as {
    keys: Record<string, string>[]
  }
  return { kids: keys.map(({ kid }) => kid), verify: createLocalJWKSet({ keys } as never) }
}

function kidOf(jwt: string): string {
  return JSON.parse(Buffer.from(jwt.split('.')[0] ?? '', 'base64url').toString()).kid
}

describe('an application says what its ID tokens are signed with', () => {
  test.each(signatureAlgorithms)('%s, and everybody can verify it (Core)', async (algorithm) => {
    const at = await gate()
    await createApplication(at.scene.ctx, {
      ...{ id: 'signed', secret: 'the-secret-of-the-signed', name: 'S', type: 'Traditional' },
      oidcClientMetadata: { redirectUris: [callback], idTokenSignedResponseAlg: algorithm },
    })
    const { browser, user, sessionId } = await person(at)
    const code = await codeFor(browser, { client_id: 'signed' })
    const answer = await at.post(
      '/oidc/token',
      redemption(code, { client_id: 'signed', client_secret: 'the-secret-of-the-signed' }),
    )
    const { id_token } = (await answer.json()) as Tokens
    const { verify } = await keySet(at)
    const { payload, protectedHeader } = await jwtVerify(id_token, verify, {
      issuer,
      audience: 'signed',
      currentDate: at.scene.ctx.now(),
    })
    expect(protectedHeader).toEqual({ alg: algorithm, typ: 'JWT', kid: kidOf(id_token) })
    expect(payload).toMatchObject({ sub: user.id, sid: sessionId })
    // It is accepted as a hint as well, whatever it is signed with.
    const silent = { client_id: 'signed', prompt: 'none', id_token_hint: id_token }
    expect(answerOf(await browser.open(authPath(silent)))).toHaveProperty('code')
  })

  test('a key is made when it is needed first, once, and no secret stands in the key set (Discovery)', async () => {
    const { ctx } = await world()
    expect(await listKeys(ctx, 'oidc')).toHaveLength(1)
    const made = await Promise.all(
      ['EdDSA', 'RS256', 'EdDSA', 'RS256'].map((algorithm) =>
        signingKeyFor(ctx, 'oidc', algorithm as 'EdDSA' | 'RS256'),
      ),
    )
    expect(new Set(made.map(({ kid }) => kid)).size).toBe(2)
    for (const { publicJwk } of await listKeys(ctx, 'oidc')) {
      for (const value of Object.values(publicJwk)) expect(typeof value).toBe('string')
      for (const name of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k']) {
        expect(publicJwk).not.toHaveProperty(name)
      }
    }
    const { rows } = await sql<{ text: string }>`select k::text as text from idp.keys k`.execute(
      ctx.db,
    )
    for (const { text } of rows) expect(text).not.toMatch(/"d"|"p"/)
  })

  test('the key set has an application’s key before its first token, and once only', async () => {
    const at = await gate()
    const { ctx } = at.scene
    const signedBy = (idTokenSignedResponseAlg: 'RS256' | 'ES256' | 'EdDSA') => ({
      oidcClientMetadata: { redirectUris: [callback], idTokenSignedResponseAlg },
    })
    const algorithms = async () => {
      const { keys } = (await (await at.ask('/oidc/jwks')).json()) as { keys: { alg: string }[] }
      return keys.map(({ alg }) => alg).sort()
    }
    expect(await algorithms()).toEqual(['ES384'])
    await createApplication(ctx, { name: 'S', type: 'Traditional', ...signedBy('RS256') })
    await createApplication(ctx, { id: 's', name: 'S', type: 'Traditional', ...signedBy('RS256') })
    expect(await algorithms()).toEqual(['ES384', 'RS256'])
    await updateApplication(ctx, 's', signedBy('EdDSA'))
    expect(await algorithms()).toEqual(['ES384', 'EdDSA', 'RS256'])
    const application = { name: 'It', type: 'SPA' as const, ...signedBy('ES256') }
    const address = 'https://app.example.com/it'
    await saveDocument(ctx, address, { application, method: 'none', metadata: {} }, 1 * hour)
    expect(await algorithms()).toEqual(['ES256', 'ES384', 'EdDSA', 'RS256'])
  })

  test.each([{ SEKISHO_REGISTRATION: 'open' }, { SEKISHO_CLIENT_DOCUMENTS: 'true' }])(
    'where applications introduce themselves, the key set has a key of every algorithm that discovery names (%o)',
    async (environment) => {
      const at = await gate(environment)
      const read = async <T>(path: string) => (await (await at.ask(path)).json()) as T
      const { keys } = await read<{ keys: { alg: string; kid: string }[] }>('/oidc/jwks')
      const named = await read<{ id_token_signing_alg_values_supported: string[] }>(
        '/oidc/.well-known/openid-configuration',
      )
      expect(keys.map(({ alg }) => alg).sort()).toEqual(
        named.id_token_signing_alg_values_supported.toSorted(),
      )
      expect(await read('/oidc/jwks')).toEqual({ keys })
    },
  )

  test('an algorithm that nobody should use cannot be asked for', async () => {
    const { ctx } = await world()
    for (const algorithm of ['none', 'HS256', 'PS256', '']) {
      const application = {
        name: 'S',
        type: 'Traditional',
        oidcClientMetadata: { idTokenSignedResponseAlg: algorithm as 'RS256' },
      } as const
      await expect(createApplication(ctx, application)).rejects.toThrow('Invalid option')
    }
  })
})

describe('keys rotate', () => {
  test('in stages: published, then signing, then accepted only, then gone', async () => {
    const at = await gate()
    const { ctx, pass } = at.scene
    const { browser } = await person(at)
    const before = await tokensFor(at, browser)
    const first = await keySet(at)

    await runCommand(ctx, 'keys.announce', { purpose: 'oidc' })
    const announced = await keySet(at)
    expect(announced.kids).toHaveLength(2)
    expect(announced.kids[0]).toBe(first.kids[0])

    // Who has kept the old set for five minutes must not meet the new key yet.
    pass(publishedFor - 1 * second)
    await turnKeys(ctx)
    expect(kidOf((await tokensFor(at, browser)).id_token)).toBe(first.kids[0])
    pass(1 * second)
    await turnKeys(ctx)
    const after = await tokensFor(at, browser)
    expect(kidOf(after.id_token)).toBe(announced.kids[1])
    await jwtVerify(after.id_token, announced.verify, { currentDate: ctx.now() })
    expect(await stages(at.scene)).toContain('oidc ES384 retiring')

    // The old key's tokens are good as long as they live.
    const now = await keySet(at)
    await jwtVerify(before.id_token, now.verify, { currentDate: ctx.now() })
    const hint = authPath({ prompt: 'none', id_token_hint: before.id_token })
    expect(answerOf(await browser.open(hint))).toHaveProperty('code')

    pass(25 * hour + 1 * second)
    expect((await keySet(at)).kids).toEqual([announced.kids[1]])
    expect(answerOf(await browser.open(hint)).error).toBe('invalid_request')
    expect(await tidy(ctx)).toMatchObject({ 'idp.keys': 1 })
    expect(await at.scene.events()).toEqual(expect.arrayContaining(['key.created', 'key.promoted']))
  })

  test('by themselves every ninety days, algorithm by algorithm', async () => {
    const scene = await world()
    const { ctx, pass } = scene
    const old = await signingKey(ctx, 'oidc')
    await signingKeyFor(ctx, 'oidc', 'RS256')
    await signingKey(ctx, 'gotrue')
    pass(90 * day - 1 * minute)
    await turnKeys(ctx)
    expect(await stages(scene)).toEqual([
      'gotrue ES256 current',
      'oidc ES384 current',
      'oidc RS256 current',
    ])
    pass(1 * minute)
    await turnKeys(ctx)
    await turnKeys(ctx)
    expect(await stages(scene)).toEqual([
      'gotrue ES256 current',
      'oidc ES384 current',
      'oidc ES384 next',
      'oidc RS256 current',
      'oidc RS256 next',
    ])
    pass(publishedFor)
    await turnKeys(ctx)
    expect(await stages(scene)).toEqual([
      'gotrue ES256 current',
      'oidc ES384 current',
      'oidc ES384 retiring',
      'oidc RS256 current',
      'oidc RS256 retiring',
    ])
    expect((await signingKey(ctx, 'oidc')).kid).not.toBe(old.kid)
    // The new key's age counts from the day on which it signed.
    pass(89 * day)
    await turnKeys(ctx)
    expect(await stages(scene)).not.toContain('oidc ES384 next')
  })

  test('not by themselves where that is switched off', async () => {
    const scene = await world({ SEKISHO_KEY_ROTATION_DAYS: '0' })
    await signingKey(scene.ctx, 'oidc')
    scene.pass(1000 * day)
    await turnKeys(scene.ctx)
    expect(await stages(scene)).toEqual(['gotrue ES256 current', 'oidc ES384 current'])
  })

  test('at once for a key in wrong hands, which can then be deleted with all that it signed', async () => {
    const at = await gate()
    const { ctx } = at.scene
    const { browser } = await person(at)
    const stolen = await tokensFor(at, browser)
    const kid = kidOf(stolen.id_token)
    const signing = runCommand(ctx, 'keys.delete', { id: kid })
    await expect(signing).rejects.toMatchObject({ code: 'not_found' })
    await runCommand(ctx, 'keys.replace', { purpose: 'oidc', algorithm: 'ES384' })
    const hint = authPath({ prompt: 'none', id_token_hint: stolen.id_token })
    expect(kidOf((await tokensFor(at, browser)).id_token)).not.toBe(kid)
    expect(answerOf(await browser.open(hint))).toHaveProperty('code')
    await runCommand(ctx, 'keys.delete', { id: kid })
    expect(answerOf(await browser.open(hint)).error).toBe('invalid_request')
    expect((await keySet(at)).kids).not.toContain(kid)
    expect(await at.scene.events()).toContain('key.deleted')
  })

  test('of many who let the next key sign at once, one does', async () => {
    const scene = await world()
    const { ctx, pass } = scene
    await runCommand(ctx, 'keys.announce', { purpose: 'oidc' })
    pass(publishedFor)
    await Promise.all(Array.from({ length: 10 }, () => turnKeys(ctx)))
    expect(await stages(scene)).toEqual([
      'gotrue ES256 current',
      'oidc ES384 current',
      'oidc ES384 retiring',
    ])
    expect((await scene.events()).filter((type) => type === 'key.promoted')).toHaveLength(1)
  })

  test('a retired key is accepted as long as the longest ID token that an application asked for', async () => {
    const scene = await world()
    const { ctx, pass } = scene
    await createApplication(ctx, {
      name: 'Long',
      type: 'Traditional',
      customClientMetadata: { idTokenTtl: 7 * 86_400 },
    })
    await runCommand(ctx, 'keys.announce', { purpose: 'oidc' })
    pass(publishedFor)
    await turnKeys(ctx)
    pass(7 * day)
    expect(await stages(scene)).toContain('oidc ES384 retiring')
    pass(1 * hour + 1 * second)
    expect(await stages(scene)).not.toContain('oidc ES384 retiring')
  })

  test('API keys of GoTrue outlive a rotation, until their key is deleted', async () => {
    const at = await gate()
    const { ctx, pass } = at.scene
    const { serviceRoleKey } = await runCommand(ctx, 'keys', {})
    const users = () =>
      at.ask('/auth/v1/admin/users', { headers: { authorization: `Bearer ${serviceRoleKey}` } })
    await runCommand(ctx, 'keys.replace', { purpose: 'gotrue' })
    pass(5 * 365 * day)
    await tidy(ctx)
    expect((await users()).status).toBe(200)
    await runCommand(ctx, 'keys.delete', { id: kidOf(serviceRoleKey) })
    expect((await users()).status).toBe(403)
  })
})

describe('another node', () => {
  test('accepts what a key signed that it has never read, and looks for unknown ones once a second at most (F4)', async () => {
    const { ctx, pass, queries } = await world()
    await listKeys(ctx, 'oidc')
    const elsewhere = { ...ctx, cache: { ...ctx.cache, get: readAlways, forget() {} } }
    await runCommand(elsewhere, 'keys.replace', { purpose: 'oidc' })
    const token = signJwt(await signingKey(elsewhere, 'oidc'), { sub: 'ann' })
    const verify = () => verifyIssued(ctx, 'oidc', { token, at: ctx.now() })
    queries()
    expect((await verify()).outcome).toBe('valid')
    expect(queries()).toHaveLength(1)
    expect((await verify()).outcome).toBe('valid')
    const foreign = signJwt(
      { ...(await signingKey(ctx, 'oidc')), kid: 'nobody’s' },
      { sub: 'mallory' },
    )
    const guess = async () => {
      for (let tries = 0; tries < 50; tries += 1) {
        const read = await verifyIssued(ctx, 'oidc', { token: foreign, at: ctx.now() })
        expect(read.outcome).toBe('unknown-key')
      }
      return queries().length
    }
    expect(await guess()).toBe(0)
    pass(1 * second)
    expect(await guess()).toBe(1)
  })
})

function readAlways<T>(_key: string, _now: Date, read: () => Promise<T>): Promise<T> {
  return read()
}
