import pg from 'pg'
import { expect, test } from 'vitest'
import { second } from '../../src/base/time.ts'
import { openDatabase } from '../../src/db/open.ts'
import { ann, challenge, codeOf, enroll, verify } from './authenticator-app.ts'
import { claimsOf, gotrueIn } from './gotrue-world.ts'
import { countWaiting } from './locks.ts'

/** Whoever takes the factor away, while another session is being raised with it. */
const ways = [
  {
    who: 'its user',
    path: (_user: string, factor: string) => `/factors/${factor}`,
  },
  {
    who: 'an administrator',
    path: (user: string, factor: string) => `/admin/users/${user}/factors/${factor}`,
  },
] as const

test.each(ways)(
  'no session stays raised by a factor that $who takes away in the same moment',
  async ({ who, path }) => {
    const { world, bearer } = await ann()
    const url = world.database.url ?? ''
    // Whoever waits for a lock here waits as long as a slow machine takes.
    const patient = await openDatabase({ url, lockTimeout: 60_000, statementTimeout: 60_000 })
    const { ask } = await gotrueIn({ ...world, ctx: { ...world.ctx, db: patient.db } })
    const factor = await enroll(world, bearer)
    const raised = (await verify(world, bearer, factor)).body.access_token
    const rival = await world.signIn()
    const { sub: user, session_id: session } = claimsOf(rival.access_token)
    const challenge_id = await challenge(world, rival.access_token, factor.id)
    world.pass(30 * second)
    const holder = new pg.Client({ connectionString: url })
    await holder.connect()
    try {
      await holder.query('begin')
      // The proof has spent its challenge by then, and comes no further.
      await holder.query('select from auth.sessions where id = $1 for update', [session])
      const proving = ask('POST', `/factors/${factor.id}/verify`, {
        bearer: rival.access_token,
        body: { challenge_id, code: codeOf(world, factor.secret) },
      })
      await expect.poll(() => countWaiting(world), { timeout: 30_000 }).toBe(1)
      const taking = ask('DELETE', path(user, factor.id), {
        bearer: who === 'its user' ? raised : world.adminKey,
      })
      await expect.poll(() => countWaiting(world), { timeout: 30_000 }).toBe(2)
      await holder.query('commit')
      expect((await proving).status).toBe(200)
      expect((await taking).status).toBe(200)
      const { rows } = await holder.query('select aal::text, factor_id from auth.sessions')
      expect(rows).toEqual([
        { aal: 'aal1', factor_id: null },
        { aal: 'aal1', factor_id: null },
      ])
    } finally {
      await holder.end()
      await patient.close()
    }
  },
  60_000,
)
