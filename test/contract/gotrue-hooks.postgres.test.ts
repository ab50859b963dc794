import { expect, test } from 'vitest'
import { hooksAt } from './gotrue-hooks-world.ts'
import { gotrueWorld, newFormat } from './gotrue-world.ts'

/** The embedded database cannot interrupt a statement; a server does. */
test('a function that never ends is ended after two seconds, and holds up nobody else', async () => {
  const world = await gotrueWorld({
    GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED: 'true',
    ...hooksAt('pg-functions://postgres/public/never', 'BEFORE_USER_CREATED'),
  })
  await world.database.execute(`
    create or replace function public.never(event jsonb) returns jsonb language sql as $$
      select jsonb_build_object('slept', pg_sleep(600)::text) $$`)
  const hanging = world.ask('POST', '/signup', { body: {}, headers: newFormat })
  // An admin's account needs no answer of the hook, and waits for no row that it holds.
  await world.createAccount()
  expect(await hanging).toMatchObject({
    status: 500,
    body: { code: 'unexpected_failure', message: 'Error invoking hook' },
  })
  expect(await world.events()).not.toContain('user.signed-up')
}, 60_000)
