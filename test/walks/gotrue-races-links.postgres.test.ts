import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { externalWorld, settingsOf } from '../contract/gotrue-external-world.ts'
import { queryOf } from '../contract/gotrue-world.ts'

// The provider is a program of the test, and so the nodes are one process: it is the database that decides.

test('one person of a provider belongs to one of fifty who link them at once', async () => {
  const world = await externalWorld({
    ...settingsOf('github'),
    GOTRUE_SECURITY_MANUAL_LINKING_ENABLED: 'true',
    GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED: 'true',
  })
  const ways: string[] = []
  for (let one = 0; one < 50; one += 1) {
    const { body } = await world.ask('POST', '/signup', { body: {} })
    const { headers } = await world.ask('GET', '/user/identities/authorize?provider=github', {
      bearer: body.access_token,
    })
    ways.push(headers.get('location') ?? '')
  }
  const answers = await Promise.all(ways.map((way) => world.comeBack(way)))
  const reasons = answers.map((answer) => queryOf(answer).error_code ?? 'linked')
  expect(reasons.filter((reason) => reason === 'linked')).toHaveLength(1)
  expect(new Set(reasons)).toEqual(new Set(['linked', 'identity_already_exists']))
  const { rows } = await sql`
    select 1 from auth.identities join auth.users on users.id = user_id
    where provider = 'github' and not is_anonymous`.execute(world.ctx.db)
  expect(rows).toHaveLength(1)
  expect((await world.events()).filter((type) => type === 'identity.linked')).toHaveLength(1)
})
