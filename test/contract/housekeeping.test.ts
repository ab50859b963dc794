import { sql } from 'kysely'
import { expect, test, vi } from 'vitest'
import { type Context, transaction } from '../../src/base/context.ts'
import { day, hour, minute } from '../../src/base/time.ts'
import { keepHouse, tidy, tidyUntil } from '../../src/flows/housekeeping.ts'
import { createApplication } from '../../src/model/application.ts'
import { createDeviceCode } from '../../src/model/device-code.ts'
import { deleteExpired } from '../../src/model/expired.ts'
import { createGrant } from '../../src/model/grant.ts'
import { take } from '../../src/model/limit.ts'
import { createPasskeyChallenge } from '../../src/model/passkey-challenge.ts'
import { createPushedRequest } from '../../src/model/pushed-request.ts'
import { spendProof } from '../../src/model/replay.ts'
import { carrySession, createSession, listSessions } from '../../src/model/session.ts'
import { createPersonalAccessToken, createSubjectToken } from '../../src/model/subject-token.ts'
import { createUser } from '../../src/model/user.ts'
import { createVerification } from '../../src/model/verification.ts'
import { type World, world } from '../world.ts'

test('what is over goes, and what is in use stays', async () => {
  const { ctx, pass } = await world()
  const ann = await createUser(ctx, { email: 'ann@example.com', emailVerified: true })
  const carried = await createSession(ctx, { userId: ann.id, method: 'password' })
  await carrySession(ctx, carried.id, 'browser', 14 * day)
  const dropped = await createSession(ctx, { userId: ann.id, method: 'password' })
  await carrySession(ctx, dropped.id, 'browser', 1 * hour)
  const refreshed = await createSession(ctx, { userId: ann.id, method: 'password' })
  await sql`update auth.sessions set refresh_token_hmac_key = 'a key', refresh_token_counter = 0
    where id = ${refreshed.id}`.execute(ctx.db)
  const code = {
    purpose: 'sign-in',
    channel: 'email',
    recipient: 'ann@example.com',
    code: '123456',
  } as const
  await createVerification(ctx, { ...code, lifetime: 1 * hour })
  await take(ctx, 'send:ann@example.com', { limit: 5, window: 1 * hour })
  await createApplication(ctx, { id: 'shop', name: 'The Shop', type: 'Traditional' })
  await createPushedRequest(ctx, 'shop', { query: 'state=x', subject: null })
  await createDeviceCode(ctx, 'shop', { query: 'scope=openid', subject: null, jkt: null })
  const standsFor = { userId: ann.id, context: {}, lifetime: 1 * hour, applicationId: null }
  await createSubjectToken(ctx, standsFor)
  for (const [name, expiresAt] of [
    ['brief', new Date(ctx.now().getTime() + 1 * hour)],
    ['endless', null],
  ] as const) {
    await createPersonalAccessToken(ctx, { userId: ann.id, name, expiresAt })
  }
  await sql`insert into idp.spent_codes (expires_at, grant_id) values (${ctx.now()}, gen_random_uuid())`.execute(
    ctx.db,
  )
  await spendProof(ctx, { kind: 'dpop', owner: 'a key', name: 'a proof', lifetime: 1 * hour })

  // No session takes it along.
  const grant = {
    ...{ userId: ann.id, sessionId: null, applicationId: 'shop', scope: '' },
    ...{ resources: [], apiScopes: [], authenticatedAt: ctx.now() },
  }
  await createGrant(ctx, grant)

  const question = {
    type: 'authentication',
    holder: 'a page',
    userId: null,
    lifetime: 1 * hour,
  } as const
  await createPasskeyChallenge(ctx, { ...question, relyingPartyId: 'localhost' })

  await sql`insert into auth.mfa_factors (id, user_id, factor_type, status, friendly_name, created_at, updated_at)
    select gen_random_uuid(), ${ann.id}, 'totp', status::auth.factor_status, status, ${ctx.now()}, ${ctx.now()}
    from unnest(array['verified', 'unverified']) as status`.execute(ctx.db)
  await sql`insert into auth.mfa_challenges (id, factor_id, created_at, ip_address)
    select gen_random_uuid(), id, ${ctx.now()}, '192.0.2.1' from auth.mfa_factors where status = 'verified'`.execute(
    ctx.db,
  )

  expect(Object.values(await tidy(ctx)).every((count) => count === 0)).toBe(true)

  pass(2 * day)
  await createGrant(ctx, grant)
  await createVerification(ctx, { ...code, lifetime: 1 * hour })
  await createPasskeyChallenge(ctx, { ...question, relyingPartyId: 'localhost' })
  expect(await tidy(ctx)).toEqual({
    'idp.tokens': 0,
    'idp.spent_codes': 1,
    'idp.verifications': 1,
    'idp.interactions': 0,
    'idp.session_tokens': 1,
    'idp.grants': 1,
    'idp.limits': 1,
    'idp.applications': 0,
    'auth.oauth_authorizations': 0,
    'idp.keys': 0,
    'idp.pushed_requests': 1,
    'idp.device_codes': 1,
    'idp.subject_tokens': 1,
    'idp.personal_access_tokens': 1,
    'idp.spent_proofs': 1,
    'auth.webauthn_challenges': 1,
    'auth.mfa_challenges': 1,
    'auth.mfa_factors': 1,
    'auth.saml_relay_states': 0,
    'auth.flow_state': 0,
    'auth.oauth_client_states': 0,
    'auth.sessions': 1,
  })
  const factors = await ctx.db.selectFrom('auth.mfa_factors').select('status').execute()
  expect(factors).toEqual([{ status: 'verified' }])
  const left = (await listSessions(ctx, ann.id)).map(({ id }) => id)
  expect(left.sort()).toEqual([carried.id, refreshed.id].sort())
})

test('some rows at a time, until none is left (M6)', async () => {
  const { ctx } = await world()
  await sql`insert into idp.limits (key, count, resets_at)
    select 'key ' || n, 1, ${ctx.now()}::timestamptz - interval '1 hour' from generate_series(1, 2500) n`.execute(
    ctx.db,
  )
  expect(await tidy(ctx)).toMatchObject({ 'idp.limits': 2500 })
})

test('sessions that nothing carries are found by a walk, which goes on where it stopped', async () => {
  const { ctx } = await world()
  const { id } = await createUser(ctx, { email: 'ann@example.com', emailVerified: true })
  await sql`insert into auth.sessions (id, user_id, created_at, updated_at, aal)
    select gen_random_uuid(), ${id}, ${ctx.now()}::timestamptz - interval '2 days', ${ctx.now()}, 'aal1'
    from generate_series(1, 2500)`.execute(ctx.db)
  const { rows } = await sql<{ before: number }>`
    select count(*) filter (where ctid < '(3,0)')::int as before from auth.sessions`.execute(ctx.db)
  const { before = 0 } = rows[0] ?? {}
  expect(before).toBeGreaterThan(10)

  // Another round was in the middle of it.
  await sql`insert into idp.walks (name, place) values ('auth.sessions', 3)`.execute(ctx.db)
  expect(await tidy(ctx)).toMatchObject({ 'auth.sessions': 2500 - before })
  expect(await tidy(ctx)).toMatchObject({ 'auth.sessions': before })
  expect(await tidy(ctx)).toMatchObject({ 'auth.sessions': 0 })
})

/** How many rows each transaction deleted; those after the first `quick` ones take long. */
async function goneByStep(ctx: Context, quick = Number.POSITIVE_INFINITY): Promise<number[]> {
  const gone: number[] = []
  let time = ctx.now().getTime()
  const now = () => {
    if (gone.length >= quick) time += 200
    return new Date(time)
  }
  await deleteExpired(ctx, async (work) => {
    const done = await transaction({ ...ctx, now }, work)
    if (done !== null && done.gone > 0) gone.push(done.gone)
    return done
  })
  return gone
}

async function limitsThatAreOver({ ctx }: World, count: number) {
  await sql`insert into idp.limits (key, count, resets_at)
    select 'key ' || n, 1, ${ctx.now()}::timestamptz - interval '1 hour' from generate_series(1, ${count}::int) n`.execute(
    ctx.db,
  )
}

test('each table is tidied in transactions of its own, and not while another node does it', async () => {
  const scene = await world()
  await limitsThatAreOver(scene, 2500)
  const doubled = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]
  expect(await goneByStep(scene.ctx)).toEqual([...doubled, 1000, 477])
  let asked = 0
  const tidied = await deleteExpired(scene.ctx, async () => {
    asked += 1
    return null
  })
  expect([tidied, asked]).toEqual([{}, 1])
})

test('where a transaction took long, the next take on less', async () => {
  const scene = await world()
  await limitsThatAreOver(scene, 200)
  const gone = await goneByStep(scene.ctx, 6)
  const [before, after] = [gone.slice(0, 7), gone.slice(7)]
  expect(before).toEqual([1, 2, 4, 8, 16, 32, 64])
  expect(after[0]).toBeLessThanOrEqual(16)
  expect(after.at(-1)).toBe(1)
  expect(gone.reduce((sum, count) => sum + count)).toBe(200)
})

test('no table keeps a round to itself: what takes longer than a minute goes on in the next', async () => {
  const scene = await world()
  await limitsThatAreOver(scene, 1500)
  let time = scene.ctx.now().getTime()
  const now = () => {
    time += 40_000
    return new Date(time)
  }
  const tidied = await deleteExpired({ ...scene.ctx, now }, (work) => transaction(scene.ctx, work))
  expect(tidied['idp.limits']).toBe(1)
  expect(await tidy(scene.ctx)).toMatchObject({ 'idp.limits': 1499 })
})

test('what is under way stops between two transactions', async () => {
  const scene = await world()
  await limitsThatAreOver(scene, 1500)
  let asked = 0
  const tidied = await tidyUntil(scene.ctx, () => {
    asked += 1
    return asked > 9
  })
  expect(asked).toBe(10)
  expect(tidied['idp.limits']).toBeLessThan(1500)
  expect(await limitsLeft(scene)).toBe(1500 - (tidied['idp.limits'] ?? 0))
})

test('a server that ends lets the transaction end that is under way, and begins none', async () => {
  const scene = await world()
  await limitsThatAreOver(scene, 1500)
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  try {
    const stop = keepHouse(scene.ctx)
    vi.advanceTimersByTime(10 * minute)
    await stop()
  } finally {
    vi.useRealTimers()
  }
  const begun = scene.queries().filter((text) => text.includes('sekisho housekeeping'))
  expect(begun).toHaveLength(1)
  expect(await limitsLeft(scene)).toBe(1500)
})

async function limitsLeft({ ctx }: World): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from idp.limits`.execute(ctx.db)
  return rows[0]?.count ?? 0
}
