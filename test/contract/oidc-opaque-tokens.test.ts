import { describe, expect, test } from 'vitest'
import { day, hour, second } from '../../src/base/time.ts'
import { readAccessToken, writeAccessToken } from '../../src/model/access-token.ts'
import { updateApplication } from '../../src/model/application.ts'
import {
  gate,
  machineBasic,
  me,
  person,
  shopBasic,
  type Tokens,
  tokensFor,
  verdict,
} from './oidc-client.ts'

// Opaque access tokens say themselves what they stand for (docs/adr/0007): what they say has to be ours, and true now.

async function signedIn() {
  const at = await gate()
  const { browser } = await person(at)
  const { access_token } = await tokensFor(at, browser)
  return { at, token: access_token }
}

async function isActive(at: Awaited<ReturnType<typeof gate>>, token: string): Promise<unknown> {
  const answer = await at.post('/oidc/token/introspection', { token }, shopBasic)
  return ((await answer.json()) as { active: unknown }).active
}

test('nothing is kept of it, and it works on every node with the same secret', async () => {
  const { at, token } = await signedIn()
  expect(await at.scene.ctx.db.selectFrom('idp.tokens').selectAll().execute()).toEqual([])
  expect(await verdict(await me(at, token))).toBe('200')
  const elsewhere = { ...at.scene.ctx, config: { ...at.scene.ctx.config } }
  expect(readAccessToken(elsewhere, token)?.applicationId).toBe('shop')
})

describe('what was not written by us is no token', () => {
  test('with any byte changed (C14)', async () => {
    const { at, token } = await signedIn()
    const bytes = Buffer.from(token, 'base64url')
    for (const place of [0, 31, 32, 40, bytes.length - 1]) {
      const changed = Buffer.from(bytes)
      changed[place] = (changed[place] ?? 0) ^ 1
      const value = changed.toString('base64url')
      expect(await verdict(await me(at, value))).toBe('401 invalid_token')
      expect(await isActive(at, value)).toBe(false)
    }
  })

  test('in another spelling of the same bytes (C14)', async () => {
    const { at, token } = await signedIn()
    const spelt = [
      `${token}=`,
      `${token}A`,
      token.slice(0, -1),
      Buffer.from(token).toString('base64url'),
    ]
    for (const value of spelt) {
      expect(await verdict(await me(at, value))).toBe('401 invalid_token')
      expect(await isActive(at, value)).toBe(false)
    }
  })

  test('with the secret of another installation (C14)', async () => {
    const { at, token } = await signedIn()
    const { ctx } = at.scene
    const other = {
      ...ctx,
      config: { ...ctx.config, secret: 'the secret of another installation' },
    }
    const known = readAccessToken(ctx, token)
    if (known === null) throw new Error('The token is not ours.')
    const forged = writeAccessToken(other, known)
    expect(await verdict(await me(at, forged))).toBe('401 invalid_token')
    expect(await isActive(at, forged)).toBe(false)
  })
})

test('it ends with its hour, to the second', async () => {
  const { at, token } = await signedIn()
  at.scene.pass(1 * hour - 1 * second)
  expect(await verdict(await me(at, token))).toBe('200')
  at.scene.pass(1 * second)
  expect(await verdict(await me(at, token))).toBe('401 invalid_token')
  expect(await isActive(at, token)).toBe(false)
})

test('it lives for a day at most, and says so', async () => {
  const at = await gate()
  const { ctx } = at.scene
  await updateApplication(ctx, 'shop', {
    customClientMetadata: { accessTokenTtl: (30 * day) / second },
  })
  const { browser } = await person(at)
  const tokens = await tokensFor(at, browser)
  expect(tokens).toMatchObject({ expires_in: 86_400 })
})

test('an application’s own is revoked by itself, and its other ones go on', async () => {
  const at = await gate()
  const own = async () => {
    const answer = await at.post('/oidc/token', { grant_type: 'client_credentials' }, machineBasic)
    return ((await answer.json()) as Tokens).access_token
  }
  const asked = async (token: string) => {
    const answer = await at.post('/oidc/token/introspection', { token }, machineBasic)
    return ((await answer.json()) as { active: unknown }).active
  }
  const [one, other] = [await own(), await own()]
  expect(one).not.toBe(other)
  expect(await asked(one)).toBe(true)
  expect((await at.post('/oidc/token/revocation', { token: one }, machineBasic)).status).toBe(200)
  expect(await asked(one)).toBe(false)
  expect(await asked(other)).toBe(true)
})
