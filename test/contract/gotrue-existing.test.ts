import { sql } from 'kysely'
import { beforeAll, expect, test } from 'vitest'
import { migrate } from '../../src/db/migrate.ts'
import { withBareDatabases } from '../database.ts'
import { worldOn } from '../world.ts'
import { codeOf } from './authenticator-app.ts'
import * as old from './gotrue-filled.ts'
import { gotrueSchema } from './gotrue-schema.ts'
import {
  type Answer,
  claimsOf,
  fragmentOf,
  type GotrueWorld,
  gotrueIn,
  queryOf,
} from './gotrue-world.ts'

// A database that GoTrue made and filled goes on here the moment our server starts on it (reference § 3.3).

const bareDatabase = withBareDatabases()
let world: GotrueWorld

/** One database for the file: every test has people of its own in it. */
beforeAll(async () => {
  const { database, url } = await bareDatabase()
  await database.execute(gotrueSchema())
  await database.execute(old.filledByGotrue(new Date('2025-11-22T12:00:00Z')))
  await migrate(database)
  const here = { ...database, url, queries: () => [], clear: async () => {} }
  const environment = {
    GOTRUE_JWT_SECRET: old.jwtSecret,
    GOTRUE_SECURITY_DB_ENCRYPTION_DECRYPTION_KEYS: `old:${old.encryptionKey}`,
    GOTRUE_EXTERNAL_PHONE_ENABLED: 'true',
    GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED: 'true',
  }
  world = await gotrueIn(worldOn(here, environment))
}, 60_000)

function refresh(refresh_token: string): Promise<Answer> {
  return world.ask('POST', '/token?grant_type=refresh_token', { body: { refresh_token } })
}

function signIn(who: Record<string, string>): Promise<Answer> {
  const body = { password: old.password, ...who }
  return world.ask('POST', '/token?grant_type=password', { body })
}

async function rowOf(name: old.Person): Promise<Record<string, unknown>> {
  const { rows } = await sql<Record<string, unknown>>`
    select * from auth.users where id = ${old.idOf(name)}`.execute(world.database.db)
  return rows[0] ?? {}
}

test('an access token that GoTrue signed is good until its end', async () => {
  const bearer = old.accessToken('ann', world.ctx.now())
  const { status, body } = await world.ask('GET', '/user', { bearer })
  expect([status, body.id, body.user_metadata]).toEqual([200, old.idOf('ann'), { name: 'Ann' }])
})

test('a refresh token of the first kind goes on, and the one before it too', async () => {
  const saved = await refresh('oldest234567')
  expect([saved.status, saved.body.refresh_token]).toEqual([200, 'newest234567'])
  const { status, body } = await refresh('newest234567')
  expect([status, body.refresh_token]).toEqual([200, expect.stringMatching(/^[a-z2-7]{12}$/)])
  const claims = claimsOf(body.access_token)
  expect([claims.session_id, claims.amr[0].method]).toEqual([old.sessionOf('ann'), 'password'])
  const { rows } = await sql`select token, parent, revoked from auth.refresh_tokens
    where session_id = ${old.sessionOf('ann')} order by id`.execute(world.database.db)
  expect(rows).toEqual([
    { token: 'oldest234567', parent: null, revoked: true },
    { token: 'newest234567', parent: 'oldest234567', revoked: true },
    { token: body.refresh_token, parent: 'newest234567', revoked: false },
  ])
})

test.each(['ben', 'cleo'] as const)(
  'a refresh token of the second kind goes on: %s',
  async (who) => {
    const counter = who === 'ben' ? 300 : 0
    const { status, body } = await refresh(old.countedToken(who, counter))
    expect([status, body.refresh_token]).toEqual([200, old.countedToken(who, counter + 1)])
    expect(claimsOf(body.access_token).session_id).toBe(old.sessionOf(who))
  },
)

test.each(['dora', 'lea', 'max'] as const)('%s stays signed in', async (who) => {
  const { status, body } = await refresh(`${who}s23456723`.slice(0, 12))
  expect([status, body.user?.id]).toEqual([200, old.idOf(who)])
  const claims = claimsOf(body.access_token)
  expect([claims.aal, claims.is_anonymous]).toEqual([
    who === 'dora' ? 'aal2' : 'aal1',
    who === 'max',
  ])
})

test.each([
  ['ann', 'bcrypt'],
  ['ben', 'argon2id'],
  ['cleo', 'Firebase’s scrypt'],
  ['otto', 'bcrypt in an envelope'],
  ['nora', 'bcrypt beside NULLs'],
] as const)('the old password of %s signs in: %s', async (who, _hash) => {
  const wrong = await signIn({ email: old.emailOf(who), password: 'user2password' })
  expect([wrong.status, wrong.body.error_code]).toEqual([400, 'invalid_credentials'])
  for (let time = 0; time < 2; time += 1) {
    const { status, body } = await signIn({ email: old.emailOf(who) })
    expect([status, body.user?.id]).toEqual([200, old.idOf(who)])
  }
  expect((await rowOf(who)).encrypted_password).toMatch(/^\$argon2id\$v=19\$/)
})

test('who signs in elsewhere alone has no password here, and who is banned stays so', async () => {
  const banned = await signIn({ email: old.emailOf('pia') })
  expect([banned.status, banned.body.error_code]).toEqual([400, 'user_banned'])
  expect((await refresh('pias23456723')).body.error_code).toBe('user_banned')
  // Lea has Ann's address, as a user of single sign-on: the password is Ann's.
  expect((await signIn({ email: old.emailOf('ann') })).body.user.id).toBe(old.idOf('ann'))
})

test('a number signs in with its password, and the code that was sent before the switch is good once', async () => {
  expect((await signIn({ phone: `+${old.phone}` })).body.user?.id).toBe(old.idOf('fred'))
  const body = { type: 'sms', phone: old.phone, token: '515151' }
  const { status, body: session } = await world.ask('POST', '/verify', { body })
  expect([status, session.user?.id]).toEqual([200, old.idOf('fred')])
  expect((await world.ask('POST', '/verify', { body })).body.error_code).toBe('otp_expired')
})

test.each([
  ['dora', 'in clear'],
  ['emil', 'in an envelope'],
] as const)('the app of %s works, whose secret rests %s', async (who, _place) => {
  const { body } = await signIn({ email: old.emailOf(who) })
  const bearer = body.access_token
  const path = `/factors/${old.factorOf(who)}`
  const asked = await world.ask('POST', `${path}/challenge`, { bearer })
  // Dora answers the challenge that GoTrue made.
  const challenge_id = who === 'dora' ? old.challenge : asked.body.id
  const code = codeOf(world, old.totpSecret)
  const raised = await world.ask('POST', `${path}/verify`, { bearer, body: { challenge_id, code } })
  expect(raised.status).toBe(200)
  expect(claimsOf(raised.body.access_token).aal).toBe('aal2')
})

test('a link that confirms, mailed before the switch, is spent in its tables', async () => {
  const hash = old.hashOf(old.emailOf('gina'), '171717')
  const early = await signIn({ email: old.emailOf('gina') })
  expect(early.body.error_code).toBe('email_not_confirmed')
  const opened = await world.ask('GET', `/verify?type=signup&token=${hash}`)
  expect(claimsOf(fragmentOf(opened).access_token ?? '').sub).toBe(old.idOf('gina'))
  const again = await world.ask('GET', `/verify?type=signup&token=${hash}`)
  expect(fragmentOf(again)).toMatchObject({ error_code: 'otp_expired' })
  expect((await rowOf('gina')).confirmation_token).toBe('')
  const { rows } = await sql`select id from auth.one_time_tokens
    where user_id = ${old.idOf('gina')}`.execute(world.database.db)
  expect(rows).toEqual([])
})

test('digits of a recovery, mailed before the switch, are typed after it', async () => {
  const body = { type: 'recovery', email: old.emailOf('hugo'), token: '424242' }
  const { status, body: session } = await world.ask('POST', '/verify', { body })
  expect([status, session.user?.id]).toEqual([200, old.idOf('hugo')])
})

test('a change of address that was under way is finished by both links', async () => {
  const open = (email: string, code: string) =>
    world.ask('GET', `/verify?type=email_change&token=${old.hashOf(email, code)}`)
  const first = await open(old.emailOf('iris'), '626262')
  expect(fragmentOf(first).message).toMatch(/^Confirmation link accepted/)
  const second = await open('iris.new@example.com', '616161')
  expect(claimsOf(fragmentOf(second).access_token ?? '').email).toBe('iris.new@example.com')
})

test('an invitation is accepted', async () => {
  const body = { type: 'invite', token_hash: old.hashOf(old.emailOf('jan'), '818181') }
  const { status, body: session } = await world.ask('POST', '/verify', { body })
  expect([status, session.user?.id]).toEqual([200, old.idOf('jan')])
  expect((await rowOf('jan')).email_confirmed_at).not.toBeNull()
})

test('a magic link of a PKCE flow gives its code, and GoTrue’s flow is redeemed', async () => {
  const hash = `pkce_${old.hashOf(old.emailOf('kim'), '939393')}`
  const opened = await world.ask('GET', `/verify?type=magiclink&token=${hash}`)
  expect(queryOf(opened)).toEqual({ code: old.authCode })
  const body = { auth_code: old.authCode, code_verifier: old.verifier }
  const { status, body: session } = await world.ask('POST', '/token?grant_type=pkce', { body })
  expect([status, session.user?.id]).toEqual([200, old.idOf('kim')])
})

test('everybody is listed, whatever stands in their rows', async () => {
  const { body } = await world.ask('GET', '/admin/users', { bearer: world.adminKey })
  expect(body.users).toHaveLength(old.people.length)
  for (const name of old.people) {
    const { status } = await world.ask('GET', `/admin/users/${old.idOf(name)}`, {
      bearer: world.adminKey,
    })
    expect(status).toBe(200)
  }
  const audit = await world.ask('GET', '/admin/audit', { bearer: world.adminKey })
  expect(audit.body).toContainEqual(
    expect.objectContaining({ payload: expect.objectContaining({ action: 'login' }) }),
  )
})
