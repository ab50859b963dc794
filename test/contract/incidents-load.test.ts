import { connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import { serve } from '@hono/node-server'
import { expect, onTestFinished, test } from 'vitest'
import { createApp } from '../../src/main.ts'
import { take } from '../../src/model/limit.ts'
import { freePort } from '../setup/free-port.ts'
import { world } from '../world.ts'
import { type GotrueWorld, gotrueIn, gotrueWorld, password, pathOf } from './gotrue-world.ts'

// What is large, deep, packed or many at once; and what may not be told from the outside.

const email = 'ann@example.com'

async function listening(at: GotrueWorld): Promise<number> {
  const port = await freePort()
  const server = serve({ fetch: createApp(at.ctx).fetch, port, hostname: '127.0.0.1' })
  onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        if ('closeAllConnections' in server) server.closeAllConnections()
      }),
  )
  return port
}

/** Sends bytes as they are, and reads until the server hangs up. */
function raw(port: number, ...pieces: (string | Buffer)[]): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    let got = ''
    socket.on('data', (chunk) => {
      got += chunk
    })
    // A server that answers before all has come may hang up on the rest.
    socket.on('error', () => {})
    socket.on('close', () => resolve(got))
    for (const piece of pieces) socket.write(piece)
  })
}

function posted(
  path: string,
  body: string | Buffer,
  headers: Record<string, string> = {},
): [string, string | Buffer] {
  const all = {
    host: 'localhost',
    connection: 'close',
    'content-type': 'application/json',
    'content-length': `${Buffer.byteLength(body)}`,
    ...headers,
  }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`)
  return [`POST ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`, body]
}

const statusOf = (answer: string) => Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? 0)

const large = 10 * 1024 * 1024
const bodies: Record<string, () => [body: string | Buffer, headers?: Record<string, string>]> = {
  'ten megabytes': () => [JSON.stringify({ email, password: 'x'.repeat(large) })],
  'a hundred thousand lists in each other': () => ['['.repeat(100_000) + ']'.repeat(100_000)],
  'a hundred thousand objects in each other': () => [
    `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`,
  ],
  'lists in each other that never end': () => ['['.repeat(900_000)],
  'very many names': () => [
    JSON.stringify(Object.fromEntries(Array.from({ length: 60_000 }, (_, at) => [`n${at}`, 1]))),
  ],
  'a number of a hundred thousand digits': () => [`{"email":${'9'.repeat(100_000)}}`],
  'a bomb that is packed': () => [gzipSync(Buffer.alloc(large)), { 'content-encoding': 'gzip' }],
  'a length that is no number': () => ['{}', { 'content-length': 'x' }],
  'a length of less than nothing': () => ['{}', { 'content-length': '-1' }],
  'a header of a hundred kilobytes': () => ['{}', { 'x-large': 'x'.repeat(100_000) }],
  'two thousand headers': () => [
    '{}',
    Object.fromEntries(Array.from({ length: 2000 }, (_, at) => [`x-${at}`, '1'])),
  ],
}

test.each(Object.keys(bodies))(
  '%s is refused by every face, and the server stands (M3)',
  async (name) => {
    const at = await gotrueWorld()
    const port = await listening(at)
    const [body, headers] = bodies[name]?.() ?? ['']
    for (const path of [
      '/auth/v1/signup',
      '/auth/v1/token?grant_type=password',
      '/oidc/token',
      '/oidc/reg',
      '/sign-in',
      '/api/authjs/createUser',
    ]) {
      const status = statusOf(await raw(port, ...posted(path, body, headers)))
      // Zero: hung up on while it still sent.
      expect([path, status]).toEqual([
        path,
        expect.toSatisfy((one) => one === 0 || (one >= 400 && one < 500)),
      ])
    }
    expect(
      statusOf(
        await raw(port, 'GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n'),
      ),
    ).toBe(200)
    expect((await at.events()).filter((type) => type !== 'key.created')).toEqual([])
  },
)

test('bodies that come slowly keep nobody else waiting (M3)', async () => {
  const at = await gotrueWorld()
  const port = await listening(at)
  const slow = Array.from({ length: 200 }, () => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write(
      'POST /auth/v1/signup HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{',
    )
    return socket
  })
  expect(
    statusOf(
      await raw(
        port,
        'GET /auth/v1/health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n',
      ),
    ),
  ).toBe(200)
  for (const socket of slow) socket.destroy()
})

test('a long password is refused before it is hashed; what is not too long counts to its last letter (M1, I14)', async () => {
  const at = await gotrueWorld()
  for (const path of ['/signup', '/token?grant_type=password']) {
    const { status } = await at.ask('POST', path, {
      body: { email, password: 'x'.repeat(1_000_000) },
    })
    expect(status).toBeLessThan(500)
    expect(status).toBeGreaterThanOrEqual(400)
  }
  const long = `${'x'.repeat(71)}a`
  const made = await at.ask('POST', '/admin/users', {
    bearer: at.adminKey,
    body: { email, password: long, email_confirm: true },
  })
  expect(made.status).toBe(200)
  const signIn = async (password: string) =>
    (await at.ask('POST', '/token?grant_type=password', { body: { email, password } })).status
  expect(await signIn(long)).toBe(200)
  for (const other of [`${'x'.repeat(71)}b`, `${long}a`, `${long}\u0000`, long.slice(0, -1)])
    expect(await signIn(other)).toBe(400)
  const tooLong = await at.ask('POST', '/signup', {
    body: { email: 'bob@example.com', password: 'x'.repeat(73) },
  })
  expect(tooLong.status).toBe(400)
})

test('a header with an underscore says nothing of who asks (K4)', async () => {
  const scene = await world({ SEKISHO_TRUST_PROXY: '1' })
  const at = await gotrueIn(scene)
  await at.createAccount()
  const port = await listening(at)
  const body = JSON.stringify({ email, password: 'wrong' })
  const statuses: number[] = []
  for (let time = 0; time < 11; time += 1) {
    statuses.push(
      statusOf(
        await raw(
          port,
          ...posted('/auth/v1/token?grant_type=password', body, {
            X_Forwarded_For: `192.0.2.${time}`,
            'X-Forwarded_For': `192.0.2.${time}`,
          }),
        ),
      ),
    )
  }
  expect(statuses).toEqual([...Array<number>(10).fill(400), 429])
})

test('a limit is a number, also at ten and at a hundred (C4)', async () => {
  const { ctx } = await world()
  for (const limit of [9, 10, 11, 99, 100, 101]) {
    const taken = []
    for (let time = 0; time <= limit; time += 1)
      taken.push((await take(ctx, `of ${limit}`, { limit, window: 1000 })).allowed)
    expect(taken).toEqual([...Array<boolean>(limit).fill(true), false])
  }
})

test('many people at once each get what is theirs, and nothing of another’s (M10)', async () => {
  const at = await gotrueWorld()
  const port = await listening(at)
  const origin = `http://127.0.0.1:${port}`
  const people = await Promise.all(
    Array.from({ length: 16 }, async (_, index) => {
      const email = `marker-${index}-of@example.com`
      const { body } = await at.ask('POST', '/admin/generate_link', {
        bearer: at.adminKey,
        body: { type: 'magiclink', email },
      })
      const verified = await at.ask('POST', '/verify', {
        body: { type: 'magiclink', token_hash: body.hashed_token },
      })
      const { access_token } = verified.body.access_token
        ? verified.body
        : (
            await at.ask('POST', '/verify', {
              body: { type: 'signup', token_hash: body.hashed_token },
            })
          ).body
      return { index, email, access_token }
    }),
  )
  const asked = people.flatMap(({ index, email, access_token }) => [
    async () => {
      const text = await (
        await fetch(`${origin}/auth/v1/user`, {
          headers: { authorization: `Bearer ${access_token}` },
        })
      ).text()
      expect(
        text.match(/marker-\d+-of/g)?.every((marker) => `${marker}@example.com` === email),
      ).toBe(true)
    },
    async () => {
      const data = { marker: `marker-${index}-of` }
      const headers = {
        authorization: `Bearer ${access_token}`,
        'content-type': 'application/json',
      }
      const text = await (
        await fetch(`${origin}/auth/v1/user`, {
          method: 'PUT',
          headers,
          body: JSON.stringify({ data }),
        })
      ).text()
      expect(
        text.match(/marker-\d+-of/g)?.every((marker) => `${marker}@example.com` === email),
      ).toBe(true)
    },
    async () => {
      const language = index % 2 ? 'ja' : 'en'
      const text = await (
        await fetch(`${origin}/sign-in`, { headers: { 'accept-language': language } })
      ).text()
      expect(text).toContain(`<html lang="${language}"`)
      expect(text).not.toMatch(/marker-\d+/)
    },
  ])
  await Promise.all(Array.from({ length: 4 }, () => asked.map((ask) => ask())).flat())
})

/** What a stranger sees of an answer: all of it, but for what is chance or time. */
function seen({ status, headers, body }: { status: number; headers: Headers; body: unknown }) {
  const vary = /"(id|user_id|identity_id|[a-z_]*_at)":"[^"]*"/g
  const kept = [...headers].filter(
    ([name]) => !['date', 'x-request-id', 'x-sb-request-id'].includes(name),
  )
  return [status, JSON.stringify(body).replace(vary, '"$1":""'), kept]
}

test('who is there cannot be told by what is said, to the byte (L1)', async () => {
  const at = await gotrueWorld()
  const there = 'there-@example.com'
  await at.createAccount(there)
  await at.ask('POST', '/signup', { body: { email: 'fresh-@example.com', password } })
  const banned = await at.createAccount('ruled-@example.com')
  await at.ask('PUT', `/admin/users/${banned.id}`, {
    bearer: at.adminKey,
    body: { ban_duration: '1h' },
  })
  const nopass = await at.ask('POST', '/admin/users', {
    bearer: at.adminKey,
    body: { email: 'plain-@example.com', email_confirm: true },
  })
  expect(nopass.status).toBe(200)
  const doors: [string, (email: string) => object, string[]][] = [
    ['/recover', (email) => ({ email }), ['there', 'plain', 'ruled', 'fresh', 'nobdy']],
    ['/magiclink', (email) => ({ email }), ['there', 'plain', 'ruled', 'fresh', 'nobdy']],
    [
      '/otp',
      (email) => ({ email, create_user: true }),
      ['there', 'plain', 'ruled', 'fresh', 'nobdy'],
    ],
    [
      '/resend',
      (email) => ({ email, type: 'signup' }),
      ['there', 'plain', 'ruled', 'fresh', 'nobdy'],
    ],
    [
      '/token?grant_type=password',
      (email) => ({ email, password: 'wrong horse' }),
      ['there', 'plain', 'fresh', 'nobdy'],
    ],
    [
      '/verify',
      (email) => ({ type: 'email', email, token: '000000' }),
      ['there', 'plain', 'ruled', 'fresh', 'nobdy'],
    ],
    [
      '/verify',
      (email) => ({ type: 'recovery', email, token: '000000' }),
      ['there', 'plain', 'ruled', 'fresh', 'nobdy'],
    ],
    ['/sso', (email) => ({ domain: email.split('@')[1] }), ['there', 'nobdy']],
  ]
  for (const [path, body, who] of doors) {
    const answers: unknown[] = []
    for (const name of who) {
      at.pass(2 * 60_000)
      const answer = await at.ask('POST', path, { body: body(`${name}-@example.com`) })
      answers.push([path, ...seen(answer)])
    }
    for (const answer of answers) expect(answer).toEqual(answers[0])
  }
})

const deceits = [
  ...[
    'https://app.example@evil.example',
    'https://evil.example\\@app.example',
    'https://app.example.evil.example',
  ],
  ...[
    '//evil.example',
    '/\\evil.example',
    'https:evil.example',
    'javascript:alert(1)//app.example',
    ' https://evil.example',
  ],
  ...[
    'https://evil.example#@app.example',
    'https://evil.example?.app.example',
    'https://app.example%2f@evil.example',
  ],
  ...[
    'https://evil.example/x.apps.example/',
    'data:text/html,app.example',
    'https://app.example\t.evil.example',
    'https://аpp.example/',
  ],
]

test('an address that deceives sends nobody there, and no link is mailed to it (E1)', async () => {
  const at = await gotrueWorld({
    GOTRUE_SITE_URL: 'https://site.example/',
    GOTRUE_URI_ALLOW_LIST: 'https://app.example/**,https://*.apps.example/*',
  })
  await at.createAccount()
  for (const redirect of deceits) {
    const answer = await at.ask(
      'GET',
      `/verify?type=recovery&token=none&redirect_to=${encodeURIComponent(redirect)}`,
    )
    const place = answer.headers.get('location') ?? ''
    expect([redirect, new URL(place).hostname]).toEqual([redirect, 'site.example'])
  }
  // What is allowed is still allowed.
  const { headers } = await at.ask(
    'GET',
    `/verify?type=recovery&token=none&redirect_to=${encodeURIComponent('https://app.example/here')}`,
  )
  expect(headers.get('location')).toMatch(/^https:\/\/app\.example\/here[#?]/)
  await at.ask('POST', '/magiclink?redirect_to=https%3A%2F%2Fapp.example%40evil.example', {
    body: { email },
  })
  const { link } = await at.mailTo(email)
  const followed = await at.ask('GET', pathOf(link))
  expect(new URL(followed.headers.get('location') ?? '').hostname).toBe('site.example')
})
