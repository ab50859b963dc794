import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { day, second } from '../../src/base/time.ts'
import {
  answerOf,
  authPath,
  claimsOf,
  codeFor,
  type Gate,
  gate,
  me,
  person,
  redemption,
  shopBasic,
  type Tokens,
  tokensFor,
  verdict,
} from './oidc-client.ts'

// A code says what it stands for; the database hears of it when it is redeemed.

const redeem = (at: Gate, code: string) => at.post('/oidc/token', redemption(code), shopBasic)

async function rowsOf({ scene }: Gate): Promise<unknown> {
  const { rows } = await sql`select (select count(*)::int from idp.grants) as grants,
    (select count(*)::int from idp.spent_codes) as codes, (select count(*)::int from idp.tokens) as tokens,
    (select count(*)::int from idp.events) as events`.execute(scene.ctx.db)
  return rows[0]
}

test('nothing is written until it is redeemed, and then one grant', async () => {
  const at = await gate()
  const { browser } = await person(at)
  await tokensFor(at, browser)
  const before = (await rowsOf(at)) as { events: number }
  const codes = [await codeFor(browser), await codeFor(browser)]
  expect(await rowsOf(at)).toEqual(before)
  expect((await redeem(at, codes[0] ?? '')).status).toBe(200)
  const after = { ...before, grants: 2, codes: 2, events: before.events + 1 }
  expect(await rowsOf(at)).toEqual(after)
})

describe('what was not written by us as a code is none, and costs no round trip', () => {
  test.each([0, 31, 32, 60, 200, -1])('byte %i changed', async (place) => {
    const at = await gate()
    const { browser } = await person(at)
    await redeem(at, 'x')
    const code = await codeFor(browser)
    const bytes = Buffer.from(code, 'base64url')
    const index = place < 0 ? bytes.length - 1 : place
    bytes[index] = (bytes[index] ?? 0) ^ 1
    at.scene.queries()
    for (const wrong of [bytes.toString('base64url'), `${code}A`, code.slice(0, -4), 'x']) {
      expect(await verdict(await redeem(at, wrong))).toBe('400 invalid_grant')
    }
    expect(at.scene.queries()).toEqual([])
    expect((await redeem(at, code)).status).toBe(200)
  })

  test('an access token, and the code as one', async () => {
    const at = await gate()
    const { browser } = await person(at)
    const { access_token, refresh_token } = await tokensFor(at, browser)
    for (const other of [access_token, refresh_token]) {
      expect(await verdict(await redeem(at, other))).toBe('400 invalid_grant')
    }
    expect(await verdict(await me(at, await codeFor(browser)))).toBe('401 invalid_token')
  })
})

describe('once spent it stays so, whatever becomes of what it gave', () => {
  test('its tokens were revoked', async () => {
    const at = await gate()
    const { browser } = await person(at)
    const code = await codeFor(browser)
    const { access_token: token } = (await (await redeem(at, code)).json()) as Tokens
    expect((await at.post('/oidc/token/revocation', { token }, shopBasic)).status).toBe(200)
    for (let time = 0; time < 3; time += 1) {
      expect(await verdict(await redeem(at, code))).toBe('400 invalid_grant')
    }
    expect(await rowsOf(at)).toMatchObject({ grants: 0, codes: 1 })
  })

  test('it came again, and again (9700-05)', async () => {
    const at = await gate()
    const { browser } = await person(at)
    const code = await codeFor(browser)
    const { access_token } = (await (await redeem(at, code)).json()) as Tokens
    for (let time = 0; time < 3; time += 1) {
      expect(await verdict(await redeem(at, code))).toBe('400 invalid_grant')
    }
    expect(await verdict(await me(at, access_token))).toBe('401 invalid_token')
    expect(await rowsOf(at)).toMatchObject({ grants: 0, codes: 1 })
    const reused = (await at.scene.events()).filter((type) => type === 'code.reused')
    expect(reused).toHaveLength(1)
  })

  test('an address of old that a browser opens again takes nothing along', async () => {
    const at = await gate()
    const { browser } = await person(at)
    const code = await codeFor(browser)
    expect((await redeem(at, code)).status).toBe(200)
    at.scene.pass(1 * day + 61 * second)
    expect(await verdict(await redeem(at, code))).toBe('400 invalid_grant')
    expect(await rowsOf(at)).toMatchObject({ grants: 1 })
  })

  test('of fifty who bring it again while others revoke its tokens, nobody gets any', async () => {
    const at = await gate()
    const { browser } = await person(at)
    const code = await codeFor(browser)
    const { refresh_token: token } = (await (await redeem(at, code)).json()) as Tokens
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, number) =>
        number % 2 === 0
          ? redeem(at, code)
          : at.post('/oidc/token/revocation', { token }, shopBasic),
      ),
    )
    const brought = answers.filter((_, number) => number % 2 === 0)
    expect(new Set(brought.map(({ status }) => status))).toEqual(new Set([400]))
    expect(await rowsOf(at)).toMatchObject({ grants: 0, codes: 1 })
  })
})

test('it is good for a minute by the database’s clock, to the second', async () => {
  const at = await gate()
  const { browser } = await person(at)
  const [early, late] = [await codeFor(browser), await codeFor(browser)]
  at.scene.pass(59 * second)
  expect((await redeem(at, early)).status).toBe(200)
  at.scene.pass(1 * second)
  expect(await verdict(await redeem(at, late))).toBe('400 invalid_grant')
})

test('somebody else’s application gets nothing for what its user took back meanwhile', async () => {
  const at = await gate()
  const { browser, user } = await person(at)
  const { db } = at.scene.ctx
  await sql`update idp.applications set is_third_party = true where id = 'shop'`.execute(db)
  at.scene.pass(10 * second)
  await sql`insert into idp.consents (user_id, application_id, scopes)
    values (${user.id}, 'shop', '{profile,email,offline_access}')`.execute(db)
  const code = await codeFor(browser, { prompt: undefined })
  await sql`delete from idp.consents`.execute(db)
  expect(await verdict(await redeem(at, code))).toBe('400 invalid_grant')
  expect(await rowsOf(at)).toMatchObject({ grants: 0, codes: 0 })
})

test('a nonce travels in it, and so has an end', async () => {
  const at = await gate()
  const { browser } = await person(at)
  const nonce = 'n'.repeat(1024)
  expect(claimsOf((await tokensFor(at, browser, { nonce })).id_token).nonce).toBe(nonce)
  const longer = await browser.open(authPath({ nonce: `${nonce}n` }))
  expect(answerOf(longer)).toMatchObject({ error: 'invalid_request', state: 'a state' })
  expect(answerOf(longer).error_description).toContain('nonce')
})
