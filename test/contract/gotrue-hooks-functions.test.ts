import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { hooksAt } from './gotrue-hooks-world.ts'
import { claimsOf, type GotrueWorld, gotrueWorld, newFormat, password } from './gotrue-world.ts'

/** Hooks that are functions of the database, on both kinds. */

const anonymous = { GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED: 'true' }
const at = (name: string, ...hooks: string[]) =>
  hooksAt(`pg-functions://postgres/hooks/${name}`, ...hooks)

/** A world with a function `hooks."Name"(event jsonb)`. */
async function withFunction(
  name: string,
  definition: string,
  environment: Record<string, string>,
): Promise<GotrueWorld> {
  const world = await gotrueWorld(environment)
  await world.database.execute(`
    create schema if not exists hooks;
    create table if not exists hooks.seen (event jsonb);
    truncate hooks.seen;
    drop function if exists hooks."${name}"(jsonb);
    create function hooks."${name}"(event jsonb) ${definition}`)
  return world
}

async function seen(world: GotrueWorld) {
  const { rows } = await sql<{ event: { user: { id: string } } }>`
    select event from hooks.seen`.execute(world.ctx.db)
  return rows.map(({ event }) => event)
}

const signUp = ({ ask }: GotrueWorld, data: object = {}) =>
  ask('POST', '/signup', { body: { data }, headers: newFormat })

const plpgsql = (body: string, returns = 'jsonb') =>
  `returns ${returns} language plpgsql as $$ begin ${body} end $$`

test('a function of the database is asked by its quoted name, and may write', async () => {
  const world = await withFunction(
    'Before_User',
    plpgsql(`insert into hooks.seen values (event); return '{}';`),
    { ...anonymous, ...at('Before_User', 'BEFORE_USER_CREATED') },
  )
  const name = `'"\\ $$ ; drop table hooks.seen; --`
  const { status, body } = await signUp(world, { name })
  expect(status).toBe(200)
  const [event] = await seen(world)
  expect(event).toMatchObject({
    metadata: { name: 'before-user-created', ip_address: '192.0.2.1' },
    user: { id: body.user.id, is_anonymous: true, user_metadata: { name } },
  })
})

test('a function refuses with a status and a sentence, and what it wrote stays', async () => {
  const world = await withFunction(
    'refuse',
    plpgsql(`insert into hooks.seen values (event);
      return '{"error": {"http_code": 418, "message": "Tea only"}}';`),
    { ...anonymous, ...at('refuse', 'BEFORE_USER_CREATED') },
  )
  expect(await signUp(world)).toMatchObject({
    status: 418,
    body: { code: 'unknown', message: 'Tea only' },
  })
  expect(await seen(world)).toHaveLength(1)
  expect(await world.events()).not.toContain('user.signed-up')
})

test.each([
  ['jsonb null', 'jsonb', 'return null;'],
  ['nothing', 'void', 'return;'],
  ['json', 'json', `return '{}';`],
  ['text', 'text', `return '{}';`],
])('a function that returns %s has nothing against it', async (_, returns, body) => {
  const world = await withFunction('consent', plpgsql(body, returns), {
    ...anonymous,
    ...at('consent', 'BEFORE_USER_CREATED'),
  })
  expect((await signUp(world)).status).toBe(200)
})

test.each([
  ['raises', plpgsql(`raise exception 'hidden reason';`), 'Error invoking hook'],
  [
    'raises what PostgREST would pass on',
    plpgsql(`raise sqlstate 'PT403';`),
    'Error invoking hook',
  ],
  ['divides by zero', plpgsql(`return to_jsonb(1 / 0);`), 'Error invoking hook'],
  ['returns a list', plpgsql(`return '[]';`), 'Error unmarshaling JSON output.'],
  ['returns a number', plpgsql(`return '7';`), 'Error unmarshaling JSON output.'],
  ['returns no JSON', plpgsql(`return 'no';`, 'text'), 'Error unmarshaling JSON output.'],
])('a function that %s', async (_, definition, message) => {
  const world = await withFunction('fail', definition, {
    ...anonymous,
    ...at('fail', 'BEFORE_USER_CREATED'),
  })
  expect(await signUp(world)).toMatchObject({
    status: 500,
    body: { code: 'unexpected_failure', message },
  })
  // The connection is good for the next one, and waits as long as ever.
  expect((await world.ask('GET', '/health')).status).toBe(200)
  const { rows } = await sql<{ timeout: string }>`
    select current_setting('statement_timeout') as timeout`.execute(world.ctx.db)
  expect(rows[0]?.timeout).not.toBe('2s')
  expect(await world.events()).not.toContain('user.signed-up')
})

test('half a character is mended before a function is asked', async () => {
  const world = await withFunction(
    'consent',
    plpgsql(`insert into hooks.seen values (event); return '{}';`),
    { ...anonymous, ...at('consent', 'BEFORE_USER_CREATED') },
  )
  const { status, body } = await signUp(world, { name: String.fromCharCode(0xd800) })
  expect(status).toBe(200)
  expect(await seen(world)).toMatchObject([{ user: { user_metadata: body.user.user_metadata } }])
})

test('a function that is not there', async () => {
  const world = await gotrueWorld({ ...anonymous, ...at('nowhere', 'BEFORE_USER_CREATED') })
  expect(await signUp(world)).toMatchObject({
    status: 500,
    body: { message: 'Error invoking hook' },
  })
})

test('a function adds to access tokens, as GoTrue’s guide has it', async () => {
  const world = await withFunction(
    'custom_access_token',
    `returns jsonb language sql stable as $$
      select jsonb_set(event, '{claims,user_role}', to_jsonb((
        select email from auth.users where id = (event->>'user_id')::uuid)))
    $$`,
    at('custom_access_token', 'CUSTOM_ACCESS_TOKEN'),
  )
  await world.createAccount()
  const { access_token } = await world.signIn()
  expect(claimsOf(access_token).user_role).toBe('ann@example.com')
  world.queries()
  await world.signIn()
  const asked = world.queries()
  await world.under({}).signIn()
  const plain = world.queries()
  expect(asked).toHaveLength(plain.length + 4)
  expect(asked.slice(-4).map((query) => query.trim().split(/\s/)[0])).toEqual([
    'begin',
    'set',
    'select',
    'commit',
  ])
})

test('a function sends messages by putting them into a table', async () => {
  const world = await withFunction(
    'send_sms',
    plpgsql('insert into hooks.seen values (event);', 'void'),
    { GOTRUE_EXTERNAL_PHONE_ENABLED: 'true', ...at('send_sms', 'SEND_SMS') },
  )
  const body = { phone: '15551234567', password }
  const { status, body: user } = await world.ask('POST', '/signup', { body })
  expect(status).toBe(200)
  expect(await seen(world)).toMatchObject([
    { user: { id: user.id }, sms: { phone: '15551234567', otp: expect.stringMatching(/^\d{6}$/) } },
  ])
})

test('a function sees the account that was made: it runs after the commit', async () => {
  const world = await withFunction(
    'after_user',
    plpgsql(`insert into hooks.seen select event from auth.users
      where id = (event->'user'->>'id')::uuid; return '{}';`),
    { ...anonymous, ...at('after_user', 'AFTER_USER_CREATED') },
  )
  const { body } = await signUp(world)
  expect((await seen(world)).map(({ user }) => user.id)).toEqual([body.user.id])
})
