import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { ann } from '../servers/provider-dialects.ts'
import { externalWorld, settingsOf } from './gotrue-external-world.ts'
import { type GotrueWorld, gotrueWorld, password } from './gotrue-world.ts'
import { visitorOf } from './pages-visitor.ts'

// Addresses that are more than one, somebody else's, or made for whoever reads them.

const victim = 'victim@corp.example'

/** What is no address, or not the one that it seems to be. */
const odd: unknown[] = [
  ...[
    [victim],
    [victim, 'eve@evil.example'],
    { email: victim },
    { '0': victim },
    [[victim]],
    7,
    true,
  ],
  ...[`eve@evil.example,${victim}`, `eve@evil.example;${victim}`, `eve@evil.example ${victim}`],
  ...[`eve@evil.example\n${victim}`, `eve@evil.example\r\nBcc: ${victim}`, `${victim}\u0000`],
  ...[`eve@evil.example\u2028${victim}`, `eve@evil.example%0d%0abcc:${victim}`, `${victim}\t`],
  ...[
    `Eve <${victim}>`,
    `<${victim}>`,
    `g:eve@evil.example,${victim};`,
    `"eve@evil x"@corp.example`,
  ],
  ...[`eve@evil.example@corp.example`, `victim@corp.example@evil.example`, `"victim"@corp.example`],
  ...[
    'victim＠corp.example',
    'victim﹫corp.example',
    'victim@corp。example',
    'victim@corp．example',
  ],
  ...[
    '\u202evictim@corp.example',
    'victim@co\u200brp.example',
    'vic\u00adtim@corp.example',
    '\ufeffvictim@corp.example',
  ],
  ...[
    'victim@corp.example.',
    'victim@.corp.example',
    'victim@corp..example',
    'victim@-corp.example',
    'victim@[127.0.0.1]',
  ],
  ...[
    'victim@münchen.example',
    'vıctim@corp.example',
    'vİctim@corp.example',
    'ｖictim@corp.example',
    'vic\u0301tim@corp.example',
  ],
  ...[
    'victim@corp.example?cc=eve@evil.example',
    'mailto:victim@corp.example',
    '@corp.example',
    'victim@',
    ' ',
    '@',
  ],
  ...[
    `${'g0:'.repeat(10_000)}${victim}${';'.repeat(10_000)}`,
    `${'a'.repeat(300)}@corp.example`,
    `${victim}${'.x'.repeat(200)}`,
  ],
]

/** Every door of Supabase Auth that takes an address and mails to it. */
const doors: [path: string, body: (email: unknown) => object][] = [
  ['/signup', (email) => ({ email, password })],
  ['/otp', (email) => ({ email, create_user: true })],
  ['/magiclink', (email) => ({ email })],
  ['/recover', (email) => ({ email })],
  ['/resend', (email) => ({ email, type: 'signup' })],
  ['/invite', (email) => ({ email })],
  ['/admin/generate_link', (email) => ({ email, type: 'invite' })],
  ['/admin/users', (email) => ({ email })],
]

async function usersOf({ ctx }: GotrueWorld): Promise<(string | null)[]> {
  const { rows } = await sql<{
    email: string | null
  }>`select email from auth.users order by 1`.execute(ctx.db)
  return rows.map(({ email }) => email)
}

test.each(doors)(
  'what is no single plain address gets no mail and no account: %s (B1, B2, B3, B4, B5, B16)',
  async (path, body) => {
    const at = await gotrueWorld()
    await at.createAccount(victim)
    for (const email of odd) {
      const answer = await at.ask('POST', path, { bearer: at.adminKey, body: body(email) })
      expect([email, answer.status]).toEqual([
        email,
        expect.toSatisfy((status) => status >= 400 && status < 500),
      ])
    }
    const twice = `{"email":"eve@evil.example","email":["${victim}"],"password":"${password}"}`
    expect(
      (await at.ask('POST', path, { bearer: at.adminKey, body: twice })).status,
    ).toBeGreaterThanOrEqual(400)
    expect(await at.mails()).toEqual([])
    expect(await usersOf(at)).toEqual([victim])
  },
)

test('a new address is one address, too, and that of a page (B1, B2, B3, B4, B16)', async () => {
  const at = await gotrueWorld()
  await at.createAccount('ann@example.com')
  const { access_token: bearer } = await at.signIn('ann@example.com')
  for (const email of odd.filter((one) => one !== ' ')) {
    const { status } = await at.ask('PUT', '/user', { bearer, body: { email } })
    expect([email, status]).toEqual([email, expect.toSatisfy((one) => one >= 400 && one < 500)])
  }
  const visitor = visitorOf(at)
  // A page reads what a phone's keyboard makes of an address: spaces around it, and wide letters.
  const readable = (text: string) => /^[a-z]+@[a-z.]+[a-z]$/.test(text.normalize('NFKC').trim())
  for (const email of odd) {
    if (typeof email !== 'string' || readable(email)) continue
    const page = await visitor.open('/register')
    const { status } = await visitor.submit(page, { identifier: email })
    expect([email, status]).toEqual([email, expect.toSatisfy((one) => one >= 400 && one < 500)])
  }
  expect(await at.mails()).toEqual([])
})

test('what a page reads as an address is the one that it mails to (B4)', async () => {
  const at = await gotrueWorld()
  for (const [index, typed] of [
    'ｂｏｂ＠corp.example',
    ' Bob@Corp.example ',
    'bob@corp．example',
  ].entries()) {
    const visitor = visitorOf(at)
    await visitor.submit(await visitor.open('/register'), { identifier: typed })
    const mails = await at.mails()
    expect([typed, mails.map(({ to }) => to)]).toEqual([
      typed,
      Array(index + 1).fill('bob@corp.example'),
    ])
  }
})

/** Spellings of kate.ss@corp.example that another machine may hold for the same. */
const alike = [
  ...['\u212aate.ss@corp.example', 'kate.\u017f\u017f@corp.example', 'kate.ß@corp.example'],
  ...[
    'ｋate.ss@corp.example',
    'kate.ss@corp.exampl\u0435',
    'k\u0430te.ss@corp.example',
    'kate.ss\u200b@corp.example',
  ],
  ...['kate.ss@\u212aorp.example', 'kate.ss@corp.example\u0000'],
]

test('whoever a provider says has a look-alike address does not come to the account (B6, A8)', async () => {
  const world = await externalWorld(settingsOf('github'))
  const { id } = await world.createAccount('kate.ss@corp.example')
  for (const [index, email] of alike.entries()) {
    world.providers.person = { ...ann, id: `${index}`, email }
    await world.goThrough('github')
  }
  world.providers.person = { ...ann, id: '99', email: 'KATE.SS@Corp.Example' }
  await world.goThrough('github')
  const { rows } = await sql<{ user_id: string; provider_id: string }>`
    select user_id, provider_id from auth.identities where provider = 'github' and user_id = ${id}`.execute(
    world.ctx.db,
  )
  expect(rows.map(({ provider_id }) => provider_id)).toEqual(['99'])
})

test('upper and lower case are one account, one lock and one limit; dots and tags are not (B6)', async () => {
  const at = await gotrueWorld()
  await at.createAccount('kate.ss@corp.example')
  const again = { bearer: at.adminKey, body: { email: 'KATE.ss@CORP.example', password } }
  expect((await at.ask('POST', '/admin/users', again)).status).toBe(422)
  for (const email of ['katess@corp.example', 'kate.ss+x@corp.example'])
    await at.createAccount(email)
  expect(await usersOf(at)).toHaveLength(3)
  const guess = (email: string) =>
    at.ask('POST', '/token?grant_type=password', { body: { email, password: 'wrong' } })
  const spellings = ['kate.ss@corp.example', 'KATE.ss@corp.example', 'Kate.SS@Corp.Example']
  for (let time = 0; time < 10; time += 1) {
    expect((await guess(spellings[time % 3] ?? '')).status).toBe(400)
  }
  for (const email of spellings) expect((await guess(email)).status).toBe(429)
  expect((await guess('katess@corp.example')).status).toBe(400)
  const mail = (email: string) => at.ask('POST', '/recover', { body: { email } })
  expect((await mail('KATESS@corp.example')).status).toBe(200)
  expect((await mail('katess@CORP.example')).status).toBe(429)
})

test('a blank token is none, wherever one is taken (B14)', async () => {
  const at = await gotrueWorld()
  await at.createAccount('ann@example.com')
  const { access_token: bearer } = await at.signIn('ann@example.com')
  for (const token of ['', ' ', null, [], {}, 'null', 0, 'undefined', '\u0000', false]) {
    const bodies: [string, object][] = [
      ...['signup', 'invite', 'recovery', 'magiclink', 'email', 'email_change'].flatMap(
        (type): [string, object][] => [
          ['/verify', { type, token, email: 'ann@example.com' }],
          ['/verify', { type, token_hash: token }],
        ],
      ),
      ['/token?grant_type=refresh_token', { refresh_token: token }],
      ['/token?grant_type=pkce', { auth_code: token, code_verifier: token }],
      ['/token?grant_type=id_token', { provider: 'google', id_token: token }],
    ]
    for (const [path, body] of bodies) {
      const { status } = await at.ask('POST', path, { body })
      expect([path, body, status]).toEqual([
        path,
        body,
        expect.toSatisfy((one) => one >= 400 && one < 500),
      ])
    }
    const got = await at.ask(
      'GET',
      `/verify?type=recovery&token=${encodeURIComponent(String(token))}`,
    )
    expect(got.headers.get('location') ?? 'error=').toContain('error=')
  }
  expect((await at.ask('GET', '/user', { bearer })).body.email).toBe('ann@example.com')
  const { rows } = await sql<{ n: number }>`select count(*)::int as n from auth.sessions`.execute(
    at.ctx.db,
  )
  expect(rows).toEqual([{ n: 1 }])
})
