import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { minute, second } from '../../src/base/time.ts'
import { ann, challenge, codeOf, enroll, verify } from './authenticator-app.ts'
import { type Body, claimsOf } from './gotrue-world.ts'

test('an app is enrolled, asked and shown: the same session has two factors', async () => {
  const { world, session, bearer } = await ann({ GOTRUE_SITE_URL: 'http://localhost:3000' })
  const { ask } = world
  const enrolled = await ask('POST', '/factors', { bearer, body: { factor_type: 'totp' } })
  expect(enrolled.status).toBe(200)
  const { id, totp, ...rest } = enrolled.body
  expect(rest).toEqual({ type: 'totp', friendly_name: '' })
  expect(totp.secret).toMatch(/^[A-Z2-7]{32}$/)
  expect(totp.uri).toBe(
    `otpauth://totp/localhost:3000:ann@example.com?algorithm=SHA1&digits=6&issuer=localhost%3A3000&period=30&secret=${totp.secret}`,
  )
  // Clients put it behind `data:image/svg+xml;utf-8,` as it is.
  expect(totp.qr_code).toMatch(/^<svg xmlns="http:\/\/www.w3.org\/2000\/svg"[^#%]*<\/svg>$/)

  const asked = await ask('POST', `/factors/${id}/challenge`, { bearer })
  expect(asked.body).toEqual({
    id: expect.any(String),
    type: 'totp',
    expires_at: Math.floor(world.ctx.now().getTime() / second) + 300,
  })
  const code = codeOf(world, totp.secret)
  const body = { challenge_id: asked.body.id, code }
  const shown = await ask('POST', `/factors/${id}/verify`, { bearer, body })
  expect(shown.status).toBe(200)
  expect(shown.headers.get('sb-auth-refresh-token-counter')).toBe('2')
  const claims = claimsOf(shown.body.access_token)
  expect(claims).toMatchObject({ aal: 'aal2', session_id: claimsOf(bearer).session_id })
  expect(claims.amr.map(({ method }: Body) => method).sort()).toEqual(['password', 'totp'])
  expect(shown.body.refresh_token).not.toBe(session.refresh_token)
  expect(shown.body.user.factors).toEqual([
    {
      id,
      created_at: expect.any(String),
      updated_at: expect.any(String),
      status: 'verified',
      factor_type: 'totp',
      phone: null,
      last_challenged_at: expect.any(String),
    },
  ])
  const { rows } = await sql`select aal::text, factor_id from auth.sessions`.execute(
    world.database.db,
  )
  expect(rows).toEqual([{ aal: 'aal2', factor_id: id }])

  const refreshed = await ask('POST', '/token?grant_type=refresh_token', {
    body: { refresh_token: shown.body.refresh_token },
  })
  expect(claimsOf(refreshed.body.access_token)).toMatchObject({ aal: 'aal2' })
  expect(await world.audited()).toEqual([
    'user_signedup',
    'login',
    'factor_in_progress',
    'challenge_created',
    'verification_attempted',
    'token_refreshed',
  ])
  expect((await world.events()).slice(-4)).toEqual([
    'factor.created',
    'factor.challenged',
    'factor.used',
    'session.refreshed',
  ])
})

test('what the log says of factors is what GoTrue says, with the address', async () => {
  const { world, bearer } = await ann()
  const factor = await enroll(world, bearer)
  const raised = await verify(world, bearer, factor)
  await world.ask('DELETE', `/factors/${factor.id}`, { bearer: raised.body.access_token })
  const { rows } = await sql<{ action: string; traits: unknown; ip: string }>`
    select payload->>'action' as action, payload->'traits' as traits, ip_address as ip from auth.audit_log_entries
    where payload->>'log_type' = 'factor' order by created_at, ctid`.execute(world.database.db)
  const factor_id = factor.id
  const session_id = claimsOf(bearer).session_id
  expect(rows).toEqual([
    { action: 'factor_in_progress', ip: '192.0.2.1', traits: { factor_id } },
    {
      action: 'challenge_created',
      ip: '192.0.2.1',
      traits: { factor_id, factor_status: 'unverified' },
    },
    {
      action: 'verification_attempted',
      ip: '192.0.2.1',
      traits: { factor_id, factor_type: 'totp', challenge_id: expect.any(String) },
    },
    {
      action: 'factor_unenrolled',
      ip: '192.0.2.1',
      traits: { factor_id, factor_status: 'verified', session_id },
    },
  ])
})

test('sessions below aal2 end, those of two factors stay, and what was begun of the kind goes', async () => {
  const { world, bearer } = await ann()
  const factor = await enroll(world, bearer)
  await enroll(world, bearer, 'never finished')
  const other = await world.signIn()
  const raised = await verify(world, bearer, factor)
  expect((await world.ask('GET', '/user', { bearer: other.access_token })).body.error_code).toBe(
    'session_not_found',
  )
  expect(raised.body.user.factors).toHaveLength(1)
  expect((await world.events()).slice(-2).sort()).toEqual(['factor.used', 'session.ended'])

  world.pass(1 * minute)
  const second = await world.signIn()
  expect(claimsOf(second.access_token).aal).toBe('aal1')
  expect((await verify(world, second.access_token, factor)).status).toBe(200)
  expect((await world.ask('GET', '/user', { bearer: raised.body.access_token })).status).toBe(200)
})

test('a factor that is taken away lets its sessions fall back, and only with two factors (D9)', async () => {
  const { world, bearer } = await ann()
  const factor = await enroll(world, bearer)
  const raised = await verify(world, bearer, factor)
  const path = `/factors/${factor.id}`
  const weak = await world.signIn()
  const refused = await world.ask('DELETE', path, { bearer: weak.access_token })
  expect(refused).toMatchObject({
    status: 422,
    body: { error_code: 'insufficient_aal', msg: 'AAL2 required to unenroll verified factor' },
  })
  const gone = await world.ask('DELETE', path, { bearer: raised.body.access_token })
  expect(gone).toMatchObject({ status: 200, body: { id: factor.id } })
  const { body } = await world.ask('POST', '/token?grant_type=refresh_token', {
    body: { refresh_token: raised.body.refresh_token },
  })
  expect(claimsOf(body.access_token)).toMatchObject({ aal: 'aal1', amr: [{ method: 'password' }] })
  expect(body.user).not.toHaveProperty('factors')
  expect((await world.events()).slice(-2)).toEqual(['factor.deleted', 'session.refreshed'])
})

test('an unfinished factor goes without a second one, and is forgotten after five minutes', async () => {
  const { world, bearer } = await ann()
  const { id } = await enroll(world, bearer)
  expect((await world.ask('DELETE', `/factors/${id}`, { bearer })).status).toBe(200)
  await enroll(world, bearer)
  const body = { factor_type: 'totp', friendly_name: 'app' }
  const taken = await world.ask('POST', '/factors', { bearer, body })
  expect(taken.body).toMatchObject({
    error_code: 'mfa_factor_name_conflict',
    msg: 'A factor with the friendly name "app" for this user already exists',
  })
  world.pass(5 * minute + 1 * second)
  expect((await world.ask('POST', '/factors', { bearer, body })).status).toBe(200)
})

test('a code of the step before and after is good, one of two steps is not', async () => {
  const { world, bearer } = await ann()
  const factor = await enroll(world, bearer)
  expect((await verify(world, bearer, factor, 2)).body).toMatchObject({
    error_code: 'mfa_verification_failed',
    msg: 'Invalid TOTP code entered',
  })
  expect((await verify(world, bearer, factor, -2)).status).toBe(422)
  expect((await verify(world, bearer, factor, -1)).status).toBe(200)
  expect((await verify(world, bearer, factor, 1)).status).toBe(200)
})

test('a step is good once, and after it no older one is (C5)', async () => {
  const { world, bearer } = await ann()
  const factor = await enroll(world, bearer)
  expect((await verify(world, bearer, factor)).status).toBe(200)
  expect((await verify(world, bearer, factor)).status).toBe(422)
  expect((await verify(world, bearer, factor, -1)).status).toBe(422)
  world.pass(30 * second)
  expect((await verify(world, bearer, factor)).status).toBe(200)
})

test('fifty who come with one code and challenges of their own: one is raised (C5)', async () => {
  const { world, bearer } = await ann()
  const factor = await enroll(world, bearer)
  // The limit of guesses is another story.
  await sql`create function idp.unlimited() returns trigger language plpgsql as
    $$ begin if new.key like 'factor%' then new.count = 1; end if; return new; end $$`.execute(
    world.database.db,
  )
  await sql`create trigger unlimited before insert or update on idp.limits for each row execute function idp.unlimited()`.execute(
    world.database.db,
  )
  try {
    const challenges: string[] = []
    for (let one = 0; one < 50; one += 1) challenges.push(await challenge(world, bearer, factor.id))
    const code = codeOf(world, factor.secret)
    const answers = await Promise.all(
      challenges.map((challenge_id) =>
        world.ask('POST', `/factors/${factor.id}/verify`, { bearer, body: { challenge_id, code } }),
      ),
    )
    const statuses = answers.map(({ status }) => status).sort()
    expect(statuses).toEqual([200, ...Array(49).fill(422)])
  } finally {
    await sql`drop trigger unlimited on idp.limits`.execute(world.database.db)
    await sql`drop function idp.unlimited()`.execute(world.database.db)
  }
  expect((await world.events()).filter((type) => type === 'factor.used')).toHaveLength(1)
})

test('fifty who come with one challenge: one is raised (C8)', async () => {
  const { world, bearer } = await ann()
  const factor = await enroll(world, bearer)
  const challenge_id = await challenge(world, bearer, factor.id)
  const body = { challenge_id, code: codeOf(world, factor.secret) }
  const answers = await Promise.all(
    Array.from({ length: 50 }, () =>
      world.ask('POST', `/factors/${factor.id}/verify`, { bearer, body }),
    ),
  )
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
  expect(answers.every(({ status }) => [200, 422, 429].includes(status))).toBe(true)
})

test('a challenge is answered once, in time, and from where it was asked (C8)', async () => {
  const { world, bearer } = await ann()
  const factor = await enroll(world, bearer)
  const { ask } = world
  const path = `/factors/${factor.id}/verify`
  const answer = async (challenge_id: string, at = ask) =>
    (await at('POST', path, { bearer, body: { challenge_id, code: codeOf(world, factor.secret) } }))
      .body
  const first = await challenge(world, bearer, factor.id)
  expect(await answer(first)).toHaveProperty('access_token')
  expect(await answer(first)).toMatchObject({
    error_code: 'mfa_ip_address_mismatch',
    msg: 'Challenge and verify IP addresses mismatch.',
  })
  world.pass(30 * second)
  const second_ = await challenge(world, bearer, factor.id)
  expect(await answer(second_, world.from('198.51.100.7').ask)).toMatchObject({
    error_code: 'mfa_ip_address_mismatch',
  })
  world.pass(5 * minute)
  expect(await answer(second_)).toMatchObject({
    error_code: 'mfa_challenge_expired',
    msg: `MFA challenge ${second_} has expired, verify against another challenge or create a new challenge.`,
  })
  expect(await answer('11111111-1111-4111-8111-111111111111')).toMatchObject({
    error_code: 'mfa_factor_not_found',
    msg: 'MFA factor with the provided challenge ID not found',
  })
})

test('who guesses is stopped, whatever the challenge, and a right code begins the count anew (C6)', async () => {
  const { world, bearer } = await ann()
  const factor = await enroll(world, bearer)
  const guess = async (code: string) => {
    const challenge_id = await challenge(world, bearer, factor.id)
    return world.ask('POST', `/factors/${factor.id}/verify`, {
      bearer,
      body: { challenge_id, code },
    })
  }
  const isRight = codeOf(world, factor.secret)
  const wrong = [
    ' 00000a',
    '１２３４５６',
    '1234567',
    '12345',
    'x',
    '0x1234',
    '-12345',
    '1e5000',
    '      ',
  ]
  for (const code of wrong) expect((await guess(code)).status, code).toBe(422)
  expect((await guess(` ${isRight} `)).status).toBe(200)
  for (const code of wrong) expect((await guess(code)).status, code).toBe(422)
  expect((await guess('x')).status).toBe(422)
  world.pass(30 * second)
  const stopped = await guess(codeOf(world, factor.secret))
  expect(stopped).toMatchObject({ status: 429, body: { error_code: 'over_request_rate_limit' } })
  expect(stopped.headers.get('retry-after')).toBe('270')
  world.pass(5 * minute)
  expect((await guess(codeOf(world, factor.secret))).status).toBe(200)
})

test('another user sees, asks and takes away nothing (D11)', async () => {
  const { world, bearer } = await ann()
  const { id } = await enroll(world, bearer)
  await world.createAccount('bob@example.com')
  const bob = (await world.signIn('bob@example.com')).access_token
  for (const [method, path] of [
    ['POST', `/factors/${id}/challenge`],
    ['POST', `/factors/${id}/verify`],
    ['DELETE', `/factors/${id}`],
  ] as const) {
    const { status, body } = await world.ask(method, path, { bearer: bob, body: { code: '1' } })
    expect({ status, ...body }).toMatchObject({
      status: 404,
      error_code: 'mfa_factor_not_found',
      msg: 'Factor not found',
    })
  }
})

test('a session of the first kind of refresh tokens gets a new one too, and the old one is revoked', async () => {
  const { world, session, bearer } = await ann({
    GOTRUE_SECURITY_REFRESH_TOKEN_ALGORITHM_VERSION: '1',
  })
  const factor = await enroll(world, bearer)
  const raised = await verify(world, bearer, factor)
  expect(raised.body.refresh_token).toMatch(/^[a-z2-7]{12}$/)
  const { rows } =
    await sql`select token, parent, revoked from auth.refresh_tokens order by id`.execute(
      world.database.db,
    )
  expect(rows).toEqual([
    { token: session.refresh_token, parent: null, revoked: true },
    { token: raised.body.refresh_token, parent: session.refresh_token, revoked: false },
  ])
})

test('an administrator renames, and takes away what was lost', async () => {
  const { world, session, bearer } = await ann()
  const factor = await enroll(world, bearer)
  const raised = await verify(world, bearer, factor)
  const path = `/admin/users/${session.user.id}/factors/${factor.id}`
  const admin = { bearer: world.adminKey }
  const renamed = await world.ask('PUT', path, { ...admin, body: { friendly_name: 'lost' } })
  expect(renamed.body).toMatchObject({ id: factor.id, friendly_name: 'lost', status: 'verified' })
  const removed = await world.ask('DELETE', path, admin)
  expect(removed).toMatchObject({ status: 200, body: { id: factor.id } })
  expect((await world.ask('DELETE', path, admin)).body.error_code).toBe('mfa_factor_not_found')
  const { body } = await world.ask('POST', '/token?grant_type=refresh_token', {
    body: { refresh_token: raised.body.refresh_token },
  })
  expect(claimsOf(body.access_token).aal).toBe('aal1')
  expect((await world.audited()).slice(-3)).toEqual([
    'factor_updated',
    'factor_deleted',
    'token_refreshed',
  ])
})
