import pg from 'pg'
import { expect, test } from 'vitest'
import { transaction } from '../../src/base/context.ts'
import { openDatabase } from '../../src/db/open.ts'
import { startInteraction } from '../../src/flows/interaction.ts'
import { startKeyStepUp, stepUpByKey } from '../../src/flows/second-key.ts'
import { createPasskey, deletePasskey } from '../../src/model/passkey.ts'
import { createSession } from '../../src/model/session.ts'
import { createUser } from '../../src/model/user.ts'
import { world } from '../world.ts'
import { countWaiting } from './locks.ts'
import { newPasskey, softwareKey } from './software-key.ts'

const here = { origin: 'http://localhost:3001', relyingParty: 'localhost' }

test('no session stays raised by a passkey that is taken away in the same moment', async () => {
  const scene = await world()
  const url = scene.database.url ?? ''
  // Whoever waits for a lock here waits as long as a slow machine takes.
  const patient = await openDatabase({ url, lockTimeout: 60_000, statementTimeout: 60_000 })
  const ctx = { ...scene.ctx, db: patient.db }
  const user = await createUser(ctx, { email: 'ann@example.com', emailVerified: true })
  const session = await createSession(ctx, { userId: user.id, method: 'password' })
  const key = softwareKey()
  const { id } = await transaction(ctx, (ctx) => createPasskey(ctx, user, newPasskey(key)))
  const { interaction } = await startInteraction(ctx, { applicationId: null, browser: null })
  const { challengeId, options } = await startKeyStepUp(ctx, interaction, { user, session })
  const credential = key.answer(String(options.challenge), here)
  const holder = new pg.Client({ connectionString: url })
  await holder.connect()
  try {
    await holder.query('begin')
    // The key has been counted by then, and the session is not raised yet.
    await holder.query('select from auth.sessions where id = $1 for update', [session.id])
    const shown = { challengeId, credential }
    const proving = stepUpByKey(ctx, interaction, { holder: { user, session }, shown })
    await expect.poll(() => countWaiting(scene), { timeout: 30_000 }).toBe(1)
    const taking = transaction(ctx, (ctx) => deletePasskey(ctx, user, id))
    await expect.poll(() => countWaiting(scene), { timeout: 30_000 }).toBe(2)
    await holder.query('commit')
    await proving
    expect(await taking).toBe(true)
    const { rows } = await holder.query(`select s.aal::text, s.factor_id,
      array(select c.authentication_method from auth.mfa_amr_claims c where c.session_id = s.id) as amr
      from auth.sessions s`)
    expect(rows).toEqual([{ aal: 'aal1', factor_id: null, amr: ['password'] }])
  } finally {
    await holder.end()
    await patient.close()
  }
}, 60_000)
