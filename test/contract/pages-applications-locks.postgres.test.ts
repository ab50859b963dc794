import { sql } from 'kysely'
import pg from 'pg'
import { expect, test } from 'vitest'
import { openDatabase } from '../../src/db/open.ts'
import { withdrawConsent } from '../../src/flows/allow.ts'
import { deleteApplication } from '../../src/model/application.ts'
import { saveConsent } from '../../src/model/consent.ts'
import { readMarked } from '../../src/model/marked.ts'
import { createSession, endSessionsOf } from '../../src/model/session.ts'
import { createUser, deleteUser } from '../../src/model/user.ts'
import { countWaiting } from './locks.ts'
import { type Gate, me, person, type Tokens, verdict } from './oidc-client.ts'
import {
  partnerCode,
  partnership,
  partnerTokens,
  redeemPartner,
  refreshPartner,
} from './pages-applications-partner.ts'

/** The partner's world, where somebody holds a lock until they let go. */
async function stage(lock: (code: { g: string; e: number } | null) => string) {
  const at = await partnership()
  const { ctx, database } = at.scene
  const url = database.url ?? ''
  // Whoever waits for a lock here waits as long as a slow machine takes.
  const patient = await openDatabase({ url, lockTimeout: 60_000, statementTimeout: 60_000 })
  Object.assign(ctx, { db: patient.db })
  const tokens = await partnerTokens(at, at.ann)
  const code = await partnerCode(at.ann)
  const holder = new pg.Client({ connectionString: url })
  await holder.connect()
  await holder.query('begin')
  await holder.query(lock(readMarked(ctx, 'authorization-code', code)))
  return {
    ...{ at, code, tokens },
    withdraw: () => withdrawConsent(ctx, { userId: at.ann.user.id, applicationId: 'partner' }),
    /** Until so many wait for a lock, or `done`, which should wait, has not. */
    waiting: (count: number, done?: Promise<unknown>) =>
      Promise.race([
        expect.poll(() => countWaiting(at.scene), { timeout: 30_000 }).toBe(count),
        ...(done === undefined ? [] : [done]),
      ]),
    letGo: () => holder.query('rollback'),
    async [Symbol.asyncDispose]() {
      await holder.end()
      await patient.close()
    },
  }
}

/** Whatever was answered with tokens while the consent went, they are good for nothing now. */
async function expectNothingLeft(at: Gate, answers: readonly Response[]): Promise<void> {
  for (const answer of answers) {
    expect([200, 400]).toContain(answer.status)
    if (answer.status !== 200) continue
    const tokens = (await answer.json()) as Tokens
    expect(await verdict(await me(at, tokens.access_token))).toBe('401 invalid_token')
    expect(await verdict(await refreshPartner(at, tokens.refresh_token))).toBe('400 invalid_grant')
  }
  const grants = at.scene.database.db.selectFrom('idp.grants').select('id')
  expect(await grants.where('application_id', '=', 'partner').execute()).toEqual([])
}

test('a code that is being redeemed when its consent is taken back leaves nothing good', async () => {
  await using at = await stage(
    (code) => `insert into idp.spent_codes (expires_at, grant_id)
      values ('${new Date(code?.e ?? 0).toISOString()}', '${code?.g}')`,
  )
  // It has seen the consent, and waits whether somebody else has spent it.
  const redeeming = redeemPartner(at.at, at.code)
  await at.waiting(1)
  const withdrawing = at.withdraw()
  await at.waiting(2, withdrawing)
  await at.letGo()
  const answer = await redeeming
  expect(answer.status).toBe(200)
  expect(await withdrawing).toBe(true)
  await expectNothingLeft(at.at, [answer])
}, 90_000)

test('a code that comes while its consent is being taken back gives no tokens', async () => {
  await using at = await stage(() => 'select from idp.grants for update')
  // The consent is gone already, but nobody can see that yet.
  const withdrawing = at.withdraw()
  await at.waiting(1)
  const redeeming = redeemPartner(at.at, at.code)
  await at.waiting(2, redeeming)
  const refreshing = refreshPartner(at.at, at.tokens.refresh_token)
  await at.waiting(3, refreshing)
  await at.letGo()
  expect(await withdrawing).toBe(true)
  expect(await verdict(await redeeming)).toBe('400 invalid_grant')
  await expectNothingLeft(at.at, [await refreshing])
}, 90_000)

test.each(['the consent', 'the user', 'the application'])(
  'among many codes and refreshes %s goes at once, and no request fails',
  async (what) => {
    const at = await partnership()
    const { ctx } = at.scene
    const ann = at.ann
    const bob = await person(at, { email: 'bob@example.com' })
    for (const one of [ann, bob]) {
      const families = [await partnerTokens(at, one), await partnerTokens(at, one)]
      const codes: string[] = []
      for (let number = 0; number < 10; number += 1) codes.push(await partnerCode(one))
      const redeemed = codes.map((code) => redeemPartner(at, code))
      const refreshed = families.map(({ refresh_token }) => refreshPartner(at, refresh_token))
      await redeemed[0]
      const ask = { userId: one.user.id, applicationId: 'partner' }
      const isLast = what === 'the application' && one === bob
      const [gone] = await Promise.all([
        what === 'the user' ? deleteUser(ctx, one.user.id) : withdrawConsent(ctx, ask),
        ...(what === 'the user' ? [withdrawConsent(ctx, ask)] : []),
        ...(isLast ? [deleteApplication(ctx, 'partner')] : []),
      ])
      const answers = await Promise.all([...redeemed, ...refreshed])
      expect(gone || isLast).toBe(true)
      if (!isLast) await expectNothingLeft(at, answers)
      for (const { status } of answers) expect([200, 400, 401]).toContain(status)
    }
  },
  60_000,
)

test('who signs out everywhere at the same moment does not stand in the way', async () => {
  const at = await partnership()
  const { ctx } = at.scene
  for (let round = 0; round < 20; round += 1) {
    const { id: userId } = await createUser(ctx, { email: `ann${round}@example.org` })
    const ask = { userId, applicationId: 'partner' }
    const nothing = { scopes: [], resourceScopes: {}, organizationScopes: [] }
    await saveConsent(ctx, ask, { ...nothing, organizationIds: [] })
    for (let number = 0; number < 30; number += 1)
      await createSession(ctx, { userId, method: 'password' })
    // The grants of the last session are the first, so that the two meet on the way.
    await sql`
      insert into idp.grants (id, user_id, session_id, application_id, authenticated_at)
      select gen_random_uuid(), s.user_id, s.id, 'partner', now() from auth.sessions s
      where s.user_id = ${userId} order by s.ctid desc`.execute(ctx.db)
    const [isWithdrawn] = await Promise.all([withdrawConsent(ctx, ask), endSessionsOf(ctx, userId)])
    expect(isWithdrawn).toBe(true)
    await expectNothingLeft(at, [])
  }
}, 60_000)
