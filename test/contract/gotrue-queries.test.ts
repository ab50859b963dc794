import { expect, test } from 'vitest'
import { minute } from '../../src/base/time.ts'
import { gotrueWorld, pathOf } from './gotrue-world.ts'

const email = 'ann@example.com'

test('links and digits take as many questions as docs/queries.md says', async () => {
  const world = await gotrueWorld()
  await world.createAccount()
  await world.signIn()
  const mailed = async () => {
    world.pass(minute)
    await world.ask('POST', '/recover', { body: { email } })
    const mail = await world.mailTo(email)
    // The keys are read anew every few seconds.
    await world.signIn()
    world.queries()
    return mail
  }
  const { code } = await mailed()
  const body = { type: 'recovery', email, token: code }
  expect((await world.ask('POST', '/verify', { body })).status).toBe(200)
  expect(world.queries()).toHaveLength(10)
  const { link } = await mailed()
  expect((await world.ask('GET', pathOf(link))).status).toBe(303)
  expect(world.queries()).toHaveLength(8)
})
