import { expect, test } from 'vitest'
import { type Row, rows } from './gotrue-appendix-rows.ts'
import { type Body, gotrueWorld, newFormat, pathOf, queryOf } from './gotrue-world.ts'

test.each(rows)('$does is refused: $code', async (row: Row) => {
  const { method = 'POST', path, as, status, code, message } = row
  const world = await gotrueWorld()
  await world.createAccount()
  const session: Body = await world.signIn()
  // The account was made by the common rules; what the row is about begins here.
  const strict = world.under(row.with ?? {})
  const bearers = { admin: world.adminKey, ann: session.access_token }
  await row.first?.({ world: strict, session, bearer: bearers.ann })
  const options = { body: row.body, bearer: as === undefined ? null : bearers[as] }
  const old = await strict.ask(method, path, options)
  expect([old.status, old.body]).toEqual([status, { code: status, error_code: code, msg: message }])
  const recent = await strict.ask(method, path, { ...options, headers: newFormat })
  expect([recent.status, recent.body]).toEqual([status, { code, message }])
  expect(recent.headers.get('x-sb-error-code')).toBe(code)
})

test('a link of a PKCE flow that is gone says so where it leads', async () => {
  const { ask, mailTo, database } = await gotrueWorld()
  const code_challenge = 'v'.repeat(43)
  const body = {
    email: 'b@b.test',
    password: 'x'.repeat(9),
    code_challenge,
    code_challenge_method: 'plain',
  }
  await ask('POST', '/signup', { body })
  const { link } = await mailTo('b@b.test')
  await database.execute('delete from auth.flow_state')
  const opened = await ask('GET', pathOf(link))
  expect(queryOf(opened)).toMatchObject({
    error_code: 'flow_state_not_found',
    error_description: 'No associated flow state found.',
  })
})
