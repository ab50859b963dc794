import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { hour, minute } from '../../src/base/time.ts'
import {
  claimsOf,
  fragmentOf,
  type GotrueWorld,
  gotrueWorld,
  password,
  pathOf,
  queryOf,
} from './gotrue-world.ts'

const email = 'ann@example.com'
const verifier = 'a-verifier-of-forty-three-characters-or-more'
const challenge = {
  code_challenge: createHash('sha256').update(verifier).digest('base64url'),
  code_challenge_method: 's256',
}

function hashOf(code: string, address = email): string {
  return createHash('sha224').update(`${address}${code}`).digest('hex')
}

function tokenOf(link: string): string {
  return new URL(link).searchParams.get('token') ?? ''
}

test('the digits and the link of a mail are one hash, in a column and in a row', async () => {
  const { ask, createAccount, mailTo, database } = await gotrueWorld()
  await createAccount()
  await ask('POST', '/otp', { body: { email } })
  const { link, code } = await mailTo(email)
  expect(code).toMatch(/^\d{6}$/)
  expect(tokenOf(link)).toBe(hashOf(code))
  const { rows } = await sql`
    select u.recovery_token as "column", t.token_hash as "row", t.token_type::text as type, t.relates_to
    from auth.users u join auth.one_time_tokens t on t.user_id = u.id`.execute(database.db)
  expect(rows).toEqual([
    { column: hashOf(code), row: hashOf(code), type: 'recovery_token', relates_to: email },
  ])
})

test('a magic link signs in, once', async () => {
  const { ask, createAccount, mailTo, audited } = await gotrueWorld()
  const { id } = await createAccount()
  const asked = await ask('POST', '/magiclink', { body: { email } })
  expect([asked.status, asked.body]).toEqual([200, {}])
  const { link, subject } = await mailTo(email)
  expect(subject).toBe('Your sign-in link')
  const answer = await ask('GET', pathOf(link))
  expect(fragmentOf(answer)).toMatchObject({ type: 'magiclink' })
  const claims = claimsOf(fragmentOf(answer).access_token ?? '')
  expect(claims).toMatchObject({ sub: id, amr: [{ method: 'otp' }] })
  const again = await ask('GET', pathOf(link))
  expect(again.headers.get('location')).toBe(
    'http://localhost:3001#error=access_denied&error_code=otp_expired&error_description=Email+link+is+invalid+or+has+expired&sb=',
  )
  expect(await audited()).toEqual(['user_signedup', 'user_recovery_requested', 'login'])
})

test('fifty who follow one link at once are one winner (C1)', async () => {
  const { ask, createAccount, mailTo } = await gotrueWorld()
  await createAccount()
  await ask('POST', '/otp', { body: { email } })
  const { link } = await mailTo(email)
  const answers = await Promise.all(Array.from({ length: 50 }, () => ask('GET', pathOf(link))))
  expect(answers.filter((answer) => 'access_token' in fragmentOf(answer))).toHaveLength(1)
})

test('link and digits of one mail are good once together', async () => {
  const { ask, createAccount, mailTo, database } = await gotrueWorld({
    GOTRUE_SMTP_MAX_FREQUENCY: '0s',
  })
  await createAccount()
  for (let round = 0; round < 5; round += 1) {
    await ask('POST', '/otp', { body: { email } })
    const { link, code } = await mailTo(email)
    const [byLink, byCode] = await Promise.all([
      ask('GET', pathOf(link)),
      ask('POST', '/verify', { body: { type: 'email', email, token: code } }),
    ])
    const winners = [
      byLink.headers.get('location')?.includes('access_token='),
      byCode.status === 200,
    ]
    expect(winners.filter(Boolean)).toHaveLength(1)
    await sql`delete from idp.messages`.execute(database.db)
  }
})

test('a link is good for a day (C13)', async () => {
  const { ask, createAccount, mailTo, pass } = await gotrueWorld()
  await createAccount()
  await ask('POST', '/otp', { body: { email } })
  const { link } = await mailTo(email)
  pass(24 * hour)
  expect(fragmentOf(await ask('GET', pathOf(link))).error_code).toBe('otp_expired')
})

test('typed digits sign in, whichever mail they came with', async () => {
  const { ask, mailTo } = await gotrueWorld()
  await ask('POST', '/signup', { body: { email, password } })
  const first = await mailTo(email)
  const confirmed = await ask('POST', '/verify', {
    body: { type: 'email', email: 'ANN@example.com', token: first.code },
  })
  expect(confirmed.status).toBe(200)
  expect(confirmed.body).toMatchObject({ token_type: 'bearer', user: { email } })
  await ask('POST', '/recover', { body: { email } })
  const wrong = await ask('POST', '/verify', { body: { type: 'email', email, token: '000000' } })
  expect([wrong.status, wrong.body]).toMatchObject([
    403,
    { error_code: 'otp_expired', msg: 'Token has expired or is invalid' },
  ])
})

test('digits cannot be guessed (C2)', async () => {
  const { ask, createAccount, mailTo } = await gotrueWorld()
  await createAccount()
  await ask('POST', '/otp', { body: { email } })
  const { code } = await mailTo(email)
  const statuses: number[] = []
  for (let guess = 0; guess < 11; guess += 1) {
    const token = String(guess).padStart(6, '9')
    statuses.push((await ask('POST', '/verify', { body: { type: 'email', email, token } })).status)
  }
  expect(statuses.slice(0, 10)).toEqual(Array(10).fill(403))
  expect(statuses[10]).toBe(429)
  const late = await ask('POST', '/verify', { body: { type: 'email', email, token: code } })
  expect([late.status, late.body.error_code]).toEqual([429, 'over_request_rate_limit'])
})

test('an app hands the hash of a link on', async () => {
  const { ask, createAccount, mailTo } = await gotrueWorld()
  await createAccount()
  await ask('POST', '/recover', { body: { email } })
  const token_hash = tokenOf((await mailTo(email)).link)
  const { status, body } = await ask('POST', '/verify', { body: { type: 'recovery', token_hash } })
  expect([status, body.user.email]).toEqual([200, email])
  const again = await ask('POST', '/verify', { body: { type: 'recovery', token_hash } })
  expect([again.status, again.body.msg]).toEqual([403, 'Email link is invalid or has expired'])
})

test('a magic link for somebody unknown is a confirmation', async () => {
  const { ask, mailTo, events } = await gotrueWorld()
  const { body } = await ask('POST', '/otp', { body: { email, data: { plan: 'free' } } })
  expect(body).toEqual({})
  const { link, subject } = await mailTo(email)
  expect(subject).toBe('Confirm your email address')
  expect(new URL(link).searchParams.get('type')).toBe('signup')
  const answer = await ask('GET', pathOf(link))
  const user = await ask('GET', '/user', { bearer: fragmentOf(answer).access_token ?? '' })
  expect(user.body.user_metadata).toMatchObject({ plan: 'free', email_verified: true })
  expect(await events()).toContain('verification.finished')
})

test('with autoconfirmation somebody unknown gets an account, and a magic link', async () => {
  const { ask, mailTo } = await gotrueWorld({ GOTRUE_MAILER_AUTOCONFIRM: 'true' })
  await ask('POST', '/otp', { body: { email } })
  const { link } = await mailTo(email)
  expect(new URL(link).searchParams.get('type')).toBe('magiclink')
  expect(fragmentOf(await ask('GET', pathOf(link)))).toHaveProperty('access_token')
})

test('recovery answers alike for known and unknown addresses, also the second time (L1)', async () => {
  const { ask, createAccount, mails } = await gotrueWorld()
  await createAccount()
  for (const address of [email, 'nobody@example.com']) {
    const first = await ask('POST', '/recover', { body: { email: address } })
    expect([first.status, first.body]).toEqual([200, {}])
    const second = await ask('POST', '/recover', { body: { email: address } })
    expect([second.status, second.body.msg]).toEqual([
      429,
      'For security purposes, you can only request this after 60 seconds.',
    ])
  }
  expect(await mails()).toHaveLength(1)
})

async function withPkce(path: string, body: object): Promise<{ world: GotrueWorld; code: string }> {
  const world = await gotrueWorld()
  if (path !== '/signup') await world.createAccount()
  const asked = await world.ask('POST', path, { body: { email, ...challenge, ...body } })
  expect(asked.status).toBe(200)
  const { link } = await world.mailTo(email)
  expect(tokenOf(link)).toMatch(/^pkce_[0-9a-f]{56}$/)
  const answer = await world.ask('GET', pathOf(link))
  expect(answer.headers.get('location')).not.toContain('#')
  return { world, code: queryOf(answer).code ?? '' }
}

function exchange(world: GotrueWorld, auth_code: string, code_verifier = verifier) {
  return world.ask('POST', '/token?grant_type=pkce', { body: { auth_code, code_verifier } })
}

test.each([
  ['/signup', { password }, 'email/signup'],
  ['/otp', {}, 'magiclink'],
  ['/recover', {}, 'recovery'],
])(
  'in the PKCE flow a link of %s gives a code, and the code a session',
  async (path, body, method) => {
    const { world, code } = await withPkce(path, body)
    const sessions = await sql`select id from auth.sessions`.execute(world.database.db)
    expect(sessions.rows).toEqual([])
    const wrong = await exchange(world, code, 'another-verifier-of-forty-three-characters-or-more')
    expect([wrong.status, wrong.body]).toMatchObject([
      400,
      {
        error_code: 'bad_code_verifier',
        msg: 'code challenge does not match previously saved code verifier',
      },
    ])
    const right = await exchange(world, code)
    expect(right.status).toBe(200)
    expect(claimsOf(right.body.access_token).amr).toMatchObject([{ method }])
    const again = await exchange(world, code)
    expect([again.status, again.body]).toMatchObject([
      404,
      {
        error_code: 'flow_state_not_found',
        msg: 'invalid flow state, no valid flow state found',
      },
    ])
    expect((await world.audited()).at(-1)).toBe('login')
  },
)

test('fifty who redeem one code at once are one winner (D2)', async () => {
  const { world, code } = await withPkce('/otp', {})
  const answers = await Promise.all(Array.from({ length: 50 }, () => exchange(world, code)))
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
  expect(answers.filter(({ status }) => status === 404)).toHaveLength(49)
})

test('a code is redeemed in few questions to the database', async () => {
  const { world, code } = await withPkce('/otp', {})
  world.queries()
  await exchange(world, code)
  expect(world.queries().length).toBeLessThanOrEqual(7)
})

test('a code nobody has clicked for is not one', async () => {
  const world = await gotrueWorld()
  await world.createAccount()
  await world.ask('POST', '/otp', { body: { email, ...challenge } })
  const { rows } = await sql<{ auth_code: string }>`select auth_code from auth.flow_state`.execute(
    world.database.db,
  )
  expect((await exchange(world, rows[0]?.auth_code ?? '')).status).toBe(404)
})

test('a code of a recovery lives from the request on, one of a magic link from the click on', async () => {
  for (const [path, status] of [
    ['/recover', 422],
    ['/otp', 200],
  ] as const) {
    const world = await gotrueWorld()
    await world.createAccount()
    await world.ask('POST', path, { body: { email, ...challenge } })
    world.pass(6 * minute)
    const answer = await world.ask('GET', pathOf((await world.mailTo(email)).link))
    expect((await exchange(world, queryOf(answer).code ?? '')).status).toBe(status)
  }
})

test('an error of a PKCE link stands in query and fragment', async () => {
  const { ask } = await gotrueWorld()
  const answer = await ask('GET', '/verify?type=magiclink&token=pkce_0')
  const said = {
    error: 'access_denied',
    error_code: 'otp_expired',
    error_description: 'Email link is invalid or has expired',
  }
  expect(queryOf(answer)).toEqual(said)
  expect(fragmentOf(answer)).toEqual({ ...said, sb: '' })
})

test('a banned user comes in by no link (D10)', async () => {
  const { ask, createAccount, mailTo, adminKey } = await gotrueWorld()
  const { id } = await createAccount()
  await ask('POST', '/otp', { body: { email } })
  await ask('PUT', `/admin/users/${id}`, { bearer: adminKey, body: { ban_duration: '1h' } })
  const answer = await ask('GET', pathOf((await mailTo(email)).link))
  expect(fragmentOf(answer)).toMatchObject({ error: 'access_denied', error_code: 'user_banned' })
})

test('links lead to the site, or where the list allows (E1)', async () => {
  const { ask, createAccount, mailTo, database } = await gotrueWorld({
    GOTRUE_SITE_URL: 'https://shop.example.com',
    GOTRUE_URI_ALLOW_LIST: 'https://*.preview.example.com/**,com.shop://callback',
    GOTRUE_SMTP_MAX_FREQUENCY: '0s',
  })
  await createAccount()
  const cases = [
    ['', 'https://shop.example.com'],
    [
      'https://shop.example.com/welcome?next=/a&b=c',
      'https://shop.example.com/welcome?next=/a&b=c',
    ],
    ['https://a.preview.example.com/x/y', 'https://a.preview.example.com/x/y'],
    ['com.shop://callback', 'com.shop://callback'],
    ['https://evil.test/', 'https://shop.example.com'],
    ['https://shop.example.com@evil.test/', 'https://shop.example.com'],
  ] as const
  for (const [asked, expected] of cases) {
    await sql`delete from idp.messages`.execute(database.db)
    await ask('POST', `/otp?redirect_to=${encodeURIComponent(asked)}`, { body: { email } })
    const { link } = await mailTo(email)
    const answer = await ask('GET', pathOf(link))
    expect(answer.headers.get('location')?.split('#')[0]).toBe(expected)
  }
})

test('clients of the first version say in the referrer where they are', async () => {
  const { ask, createAccount, mailTo } = await gotrueWorld({
    GOTRUE_SITE_URL: 'https://shop.example.com',
  })
  await createAccount()
  await ask('POST', '/otp', {
    body: { email },
    headers: { referer: 'https://shop.example.com/account' },
  })
  const { link } = await mailTo(email)
  expect(new URL(link).searchParams.get('redirect_to')).toBe('https://shop.example.com/account')
})

test('a scanner that only asks for the head uses nothing up (B11)', async () => {
  const { ask, createAccount, mailTo } = await gotrueWorld()
  await createAccount()
  await ask('POST', '/otp', { body: { email } })
  const { link } = await mailTo(email)
  expect((await ask('HEAD', pathOf(link))).status).toBe(405)
  expect(fragmentOf(await ask('GET', pathOf(link)))).toHaveProperty('access_token')
})

test('a resent mail says nothing of who is there (L1)', async () => {
  const { ask, createAccount, mails } = await gotrueWorld()
  await createAccount()
  for (const address of [email, 'nobody@example.com']) {
    const { status, body } = await ask('POST', '/resend', {
      body: { type: 'signup', email: address },
    })
    expect([status, body]).toEqual([200, {}])
  }
  expect(await mails()).toEqual([])
})
