import pg from 'pg'
import { expect, test } from 'vitest'
import { gotrueWorld } from './gotrue-world.ts'
import { countWaiting } from './locks.ts'

test('a refresh that meets a sign-out waits for it, and neither for the other', async () => {
  const world = await gotrueWorld({ GOTRUE_SECURITY_REFRESH_TOKEN_ALGORITHM_VERSION: '1' })
  const { email } = await world.createAccount()
  const { refresh_token } = await world.signIn(email)
  const signOut = new pg.Client({ connectionString: world.database.url ?? '' })
  await signOut.connect()
  try {
    await signOut.query('begin')
    // As the first step of a sign-out does; its second one is to delete the session with its tokens.
    await signOut.query('select from auth.sessions for update')
    const refreshing = world.ask('POST', '/token?grant_type=refresh_token', {
      body: { refresh_token },
    })
    await expect.poll(() => countWaiting(world), { timeout: 30_000 }).toBe(1)
    await signOut.query('delete from auth.sessions')
    await signOut.query('commit')
    expect(await refreshing).toMatchObject({
      status: 400,
      body: { error_code: 'refresh_token_not_found' },
    })
  } finally {
    await signOut.end()
  }
}, 60_000)
