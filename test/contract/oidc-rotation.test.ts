import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { day, second } from '../../src/base/time.ts'
import { readRefreshValue, writeRefreshValue } from '../../src/model/refresh-value.ts'
import { gate, person, refresh, type Tokens, tokensFor, verdict } from './oidc-client.ts'

// Refresh tokens of a grant are its row, which says which generation is good.

type At = Awaited<ReturnType<typeof gate>>

async function family() {
  const at = await gate()
  const { browser } = await person(at)
  const { refresh_token } = await tokensFor(at, browser)
  return { at, first: refresh_token }
}

async function next(at: At, token: string): Promise<string> {
  const answer = await refresh(at, token)
  expect(answer.status).toBe(200)
  return ((await answer.json()) as Tokens).refresh_token
}

async function rowOf(at: At) {
  const { rows } = await sql<{ generation: number; good: Date }>`
    select generation, refreshable_until as good from idp.grants`.execute(at.scene.ctx.db)
  return rows
}

test('a family stays one row, however often it is refreshed', async () => {
  const { at, first } = await family()
  let token = first
  for (let time = 0; time < 12; time += 1) token = await next(at, token)
  expect(await rowOf(at)).toMatchObject([{ generation: 12 }])
})

test('whoever comes late among several gets the child of their own token, and no other (9700-09)', async () => {
  const { at, first } = await family()
  const child = await next(at, first)
  const grandchild = await next(at, child)
  at.scene.pass(9 * second)
  expect(await next(at, first)).toBe(child)
  expect(await next(at, child)).toBe(grandchild)
  at.scene.pass(1 * second)
  expect(await verdict(await refresh(at, first))).toBe('400 invalid_grant')
  // It was stolen, so the newest falls as well.
  expect(await verdict(await refresh(at, grandchild))).toBe('400 invalid_grant')
})

test('more than eight generations back is late, however quick the others were', async () => {
  const { at, first } = await family()
  let token = first
  for (let time = 0; time < 9; time += 1) token = await next(at, token)
  expect(await verdict(await refresh(at, first))).toBe('400 invalid_grant')
  expect(await rowOf(at)).toEqual([])
})

test('each refresh gives fourteen days more', async () => {
  const { at, first } = await family()
  const [begun] = await rowOf(at)
  at.scene.pass(1 * day)
  const child = await next(at, first)
  const [after] = await rowOf(at)
  expect(after?.good).toEqual(new Date((begun?.good.getTime() ?? 0) + 1 * day))
  at.scene.pass(14 * day - 1 * second)
  const grandchild = await next(at, child)
  at.scene.pass(14 * day)
  expect(await verdict(await refresh(at, grandchild))).toBe('400 invalid_grant')
})

test('a token of a generation that was never handed out is none, and takes nothing along', async () => {
  const { at, first } = await family()
  const { ctx } = at.scene
  const value = readRefreshValue(ctx, first)
  if (value === null) throw new Error('The token is not ours.')
  const ahead = writeRefreshValue(ctx, { ...value, generation: value.generation + 3 })
  expect(await verdict(await refresh(at, ahead))).toBe('400 invalid_grant')
  expect(await next(at, first)).toHaveLength(43)
})

test('what we did not write costs no round trip', async () => {
  const { at, first } = await family()
  const bytes = Buffer.from(first, 'base64url')
  at.scene.queries()
  for (const place of [0, 19, 20, 31]) {
    const changed = Buffer.from(bytes)
    changed[place] = (changed[place] ?? 0) ^ 1
    expect(await verdict(await refresh(at, changed.toString('base64url')))).toBe(
      '400 invalid_grant',
    )
  }
  expect(await verdict(await refresh(at, `${first}A`))).toBe('400 invalid_grant')
  expect(at.scene.queries()).toEqual([])
  expect(await next(at, first)).toHaveLength(43)
})
