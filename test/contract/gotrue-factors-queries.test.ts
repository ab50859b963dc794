import { expect, test } from 'vitest'
import { second } from '../../src/base/time.ts'
import { ann, challenge, codeOf, enroll, verify } from './authenticator-app.ts'

// The rows of docs/queries.md on second factors.

test('asking for an app takes two round trips, showing it thirteen', async () => {
  const { world, bearer } = await ann()
  const factor = await enroll(world, bearer)
  await verify(world, bearer, factor)
  world.pass(30 * second)
  // What a node keeps for seconds is read anew.
  await world.ask('GET', '/user', { bearer })
  world.queries()
  const challenge_id = await challenge(world, bearer, factor.id)
  expect(world.queries()).toHaveLength(2)
  const body = { challenge_id, code: codeOf(world, factor.secret) }
  const path = `/factors/${factor.id}/verify`
  expect((await world.ask('POST', path, { bearer, body })).status).toBe(200)
  expect(world.queries()).toHaveLength(13)
})
