import { expect, test } from 'vitest'
import { second } from '../../src/base/time.ts'
import { endSession } from '../../src/model/session.ts'
import { deleteUser } from '../../src/model/user.ts'
import {
  answerOf,
  authPath,
  browserAt,
  codeFor,
  gate,
  me,
  person,
  redemption,
  refresh,
  shopBasic,
  signIn,
  type Tokens,
  tokensFor,
  verdict,
} from './oidc-client.ts'

const tries = 50

function race<T>(attempt: (number: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: tries }, (_, number) => attempt(number)))
}

async function countGrants(at: Awaited<ReturnType<typeof gate>>): Promise<number> {
  return (await at.scene.ctx.db.selectFrom('idp.grants').select('id').execute()).length
}

test('of fifty who redeem one code at once, one gets tokens, which fall with the others (D2) (9700-05)', async () => {
  const at = await gate()
  const { browser } = await person(at)
  const code = await codeFor(browser)
  const answers = await race(() => at.post('/oidc/token', redemption(code), shopBasic))
  const winners = answers.filter(({ status }) => status === 200)
  expect(winners).toHaveLength(1)
  for (const answer of answers) {
    if (answer.status !== 200) expect(await verdict(answer)).toBe('400 invalid_grant')
  }
  const tokens = (await winners[0]?.json()) as Tokens
  expect(await verdict(await me(at, tokens.access_token))).toBe('401 invalid_token')
  expect(await countGrants(at)).toBe(0)
})

test('fifty who refresh with one token at once get one child (D1) (9700-09)', async () => {
  const at = await gate()
  const { browser } = await person(at)
  const { refresh_token } = await tokensFor(at, browser)
  const answers = await race(() => refresh(at, refresh_token))
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
  const bodies = (await Promise.all(answers.map((answer) => answer.json()))) as Tokens[]
  expect(new Set(bodies.map((body) => body.refresh_token)).size).toBe(1)
  expect(await countGrants(at)).toBe(1)
  const [first] = bodies
  expect((await refresh(at, first?.refresh_token ?? '')).status).toBe(200)
})

test('fifty who come with a spent token at once get nothing, and nobody waits for ever (D1) (9700-09)', async () => {
  const at = await gate()
  const { browser } = await person(at)
  const { refresh_token } = await tokensFor(at, browser)
  const child = (await (await refresh(at, refresh_token)).json()) as Tokens
  at.scene.pass(11 * second)
  const answers = await race((number) =>
    refresh(at, number % 2 === 0 ? refresh_token : child.refresh_token),
  )
  expect(answers.filter(({ status }) => status >= 500)).toEqual([])
  expect(await countGrants(at)).toBe(0)
  const reused = (await at.scene.events()).filter((type) => type === 'token.reused')
  expect(reused).toHaveLength(1)
})

test('a sign-out among refreshes wins: no token from before or during it works (D17)', async () => {
  const at = await gate()
  for (let round = 0; round < 5; round += 1) {
    const { browser, sessionId, user } = await person(at, { email: `ann${round}@example.com` })
    const families = await Promise.all(Array.from({ length: 5 }, () => tokensFor(at, browser)))
    const refreshes = families.flatMap(({ refresh_token }) =>
      Array.from({ length: 5 }, () => refresh(at, refresh_token)),
    )
    const ended =
      round % 2 === 0 ? endSession(at.scene.ctx, sessionId) : deleteUser(at.scene.ctx, user.id)
    const codes = Array.from({ length: 5 }, () => browser.open(authPath({ prompt: 'none' })))
    const answers = await Promise.all([...refreshes, ...codes])
    expect(await ended).toBe(true)
    expect(answers.filter(({ status }) => status >= 500)).toEqual([])
    for (const answer of answers.slice(0, refreshes.length)) {
      if (answer.status !== 200) continue
      const tokens = (await answer.json()) as Tokens
      expect((await me(at, tokens.access_token)).status).toBe(401)
      expect((await refresh(at, tokens.refresh_token)).status).toBe(400)
    }
  }
})

test('fifty who come back from the pages at once make one code', async () => {
  const at = await gate()
  const { user } = await person(at)
  const browser = browserAt(at)
  const { flow } = answerOf(await browser.open(authPath()))
  at.scene.pass(1 * second)
  await signIn(at, browser, user)
  const answers = await race(() => browser.open(`/oidc/auth/${flow}`))
  const codes = answers.filter((answer) => answerOf(answer).code !== undefined)
  expect(codes).toHaveLength(1)
  expect(answers.filter(({ status }) => status >= 500)).toEqual([])
})

test('a user who is deleted among sign-ins leaves no grant, and no request fails', async () => {
  const at = await gate()
  for (let round = 0; round < 10; round += 1) {
    const { browser, user } = await person(at, { email: `ann${round}@example.com` })
    const ready = await Promise.all(Array.from({ length: 10 }, () => codeFor(browser)))
    const codes = Array.from({ length: 10 }, () => browser.open(authPath({ prompt: 'none' })))
    const redeemed = ready.map((code) => at.post('/oidc/token', redemption(code), shopBasic))
    await redeemed[0]
    const gone = deleteUser(at.scene.ctx, user.id)
    const answers = await Promise.all(codes)
    expect(await gone).toBe(true)
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 303))
    for (const answer of await Promise.all(redeemed)) expect([200, 400]).toContain(answer.status)
    expect(await countGrants(at)).toBe(0)
  }
})
