import { randomUUID } from 'node:crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import { methods } from '../../authjs/contract/shape.ts'
import { isAdapterConflict, isAdapterUnavailable, sekishoHttpAdapter } from '../../authjs/http.ts'
import { createApplication, updateApplication } from '../../src/model/application.ts'
import { servedAdapter } from './authjs-app.ts'
import { authjsWorld, freshEmail, tomorrow } from './authjs-world.ts'

const { adapter: direct, database, newUser, newGuest } = authjsWorld()

let served: Awaited<ReturnType<typeof servedAdapter>>
beforeAll(async () => {
  served = await servedAdapter(database)
})

const url = 'http://localhost:3001'

/** A raw request of an application, with this body. */
async function post(method: string, body: string, headers: Record<string, string> = {}) {
  const { applicationId, applicationSecret, app } = served
  const response = await app.request(`/api/authjs/${method}`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${btoa(`${applicationId}:${applicationSecret}`)}`,
      ...headers,
    },
    body,
  })
  return { status: response.status, headers: response.headers, body: await response.json() }
}

describe('the door', () => {
  test('what one adapter writes the other reads, dates and all', async () => {
    const user = await served.adapter.createUser({
      email: freshEmail(),
      emailVerified: new Date('2026-03-04T05:06:07.089Z'),
      name: 'Ann',
      ...{ role: 'admin' },
    })
    expect(await direct.getUser(user.id)).toStrictEqual(user)
    const sessionToken = randomUUID()
    await direct.createSession({ sessionToken, userId: user.id, expires: tomorrow() })
    expect(await served.adapter.getSessionAndUser(sessionToken)).toStrictEqual(
      await direct.getSessionAndUser(sessionToken),
    )
  })

  test('events name the application, and not the place where its server stands', async () => {
    const user = await served.adapter.createUser({ email: freshEmail() })
    const rows = await database.db
      .selectFrom('idp.events')
      .select(['actor', 'ip'])
      .where('user_id', '=', user.id)
      .execute()
    expect(rows).toEqual([{ actor: `application:${served.applicationId}`, ip: null }])
  })

  test('a read of the session is one query here too', async () => {
    const user = await newUser()
    const sessionToken = randomUUID()
    await served.adapter.createSession({ sessionToken, userId: user.id, expires: tomorrow() })
    database.queries()
    await served.adapter.getSessionAndUser(sessionToken)
    expect(database.queries()).toHaveLength(1)
  })

  test('an application has to be given the right', async () => {
    const { ctx, fetch } = served
    const { application, secret } = await createApplication(ctx, {
      name: 'No adapter',
      type: 'Traditional',
    })
    const options = { url, applicationId: application.id, applicationSecret: String(secret), fetch }
    const adapter = sekishoHttpAdapter(options)
    await expect(adapter.getUser(randomUUID())).rejects.toMatchObject({ code: 'access_denied' })
    await updateApplication(ctx, application.id, {
      customClientMetadata: { isAuthjsAdapter: true },
    })
    expect(await adapter.getUser(randomUUID())).toBeNull()
    await updateApplication(ctx, application.id, {
      customClientMetadata: { isAuthjsAdapter: false },
    })
    await expect(adapter.getUser(randomUUID())).rejects.toMatchObject({ code: 'access_denied' })
  })

  test('an application that keeps no secret is never given it', async () => {
    const { ctx } = served
    const asked = { name: 'Spa', customClientMetadata: { isAuthjsAdapter: true } }
    for (const type of ['SPA', 'Native'] as const) {
      await expect(createApplication(ctx, { ...asked, type })).rejects.toThrow(/keeps no secret/)
    }
    const { application } = await createApplication(ctx, { name: 'Spa', type: 'SPA' })
    const change = { customClientMetadata: { isAuthjsAdapter: true } }
    await expect(updateApplication(ctx, application.id, change)).rejects.toThrow(/keeps no secret/)
    const answer = await post('getUser', '{"id":"x"}', {
      authorization: `Basic ${btoa(`${application.id}:`)}`,
    })
    expect(answer.status).toBe(401)
  })

  test('who shows no secret, or a wrong one, is told nothing; who guesses is slowed down', async () => {
    const { fetch, ctx } = served
    const { application } = await createApplication(ctx, {
      name: 'Guessed',
      type: 'Traditional',
      customClientMetadata: { isAuthjsAdapter: true },
    })
    for (const authorization of ['', 'Bearer x', 'Basic !!!', `Basic ${btoa('nobody:nothing')}`]) {
      const answer = await post('getUser', '{}', { authorization })
      expect(answer).toMatchObject({ status: 401, body: { code: 'invalid_client' } })
      expect(answer.headers.get('www-authenticate')).toContain('Basic')
    }
    const options = { url, applicationId: application.id, applicationSecret: 'a guess', fetch }
    const guesser = sekishoHttpAdapter(options)
    const codes: string[] = []
    for (let guess = 0; guess < 22; guess += 1) {
      await guesser.getUser('x').catch((error) => codes.push(error.code))
    }
    expect(codes.slice(0, 20)).toEqual(Array(20).fill('invalid_client'))
    expect(codes.slice(20)).toEqual(['over_request_rate_limit', 'over_request_rate_limit'])
  })
})

describe('a hostile body', () => {
  // A user may have any keys, and the garbage is collected without asking: neither reads a shape.
  const shaped = methods.filter((method) => method !== 'createUser')
  const all = [...shaped, 'listSessions', 'deleteSessions', 'listAccounts']
  const bodies = [
    '',
    'null',
    '[]',
    '42',
    '"text"',
    '{',
    '{"id":{}}',
    '{"id":["x"]}',
    '{"sessionToken":null}',
    '{"expires":"never"}',
    '{"counter":"1"}',
    '{"userId":"x","sessionToken":"y","expires":"2026-13-45T99:99:99Z"}',
    `{"email":${'['.repeat(5000)}${']'.repeat(5000)}}`,
    '['.repeat(100_000),
    `{"id":"x","extra":${'{"a":'.repeat(40)}1${'}'.repeat(40)}}`,
  ]

  test.each(all)('%s refuses what it does not know, in one shape', async (method) => {
    for (const body of bodies) {
      const answer = await post(method, body)
      expect(answer.status, `${method} ${body.slice(0, 80)}`).toBe(400)
      expect(answer.body).toMatchObject({ code: 'input_invalid', message: expect.any(String) })
    }
  })

  test('createUser and linkAccount keep what else they are sent, and refuse what cannot be its kind', async () => {
    for (const body of [
      '',
      'null',
      '[]',
      '{"id":{}}',
      '{"email":1}',
      '{"emailVerified":"never"}',
    ]) {
      expect(await post('createUser', body)).toMatchObject({ status: 400 })
    }
    const made = await post('createUser', '{"name":"Ann","shoe":{"size":42}}')
    expect(made).toMatchObject({ status: 200, body: { result: { shoe: { size: 42 } } } })
  })

  test('what no row can hold is refused, or is nobody', async () => {
    const id = randomUUID()
    const odd = ['a\0b', '\ud800', 'x'.repeat(100_000)]
    for (const value of odd) {
      const email = freshEmail()
      for (const [method, input] of [
        ['createUser', { email, name: value }],
        ['createUser', { email, [value]: value }],
        ['createUser', { email: `${value}${email}` }],
        ['getUser', { id: value }],
        ['getUserByEmail', { email: value }],
        ['getUserByAccount', { provider: value, providerAccountId: value }],
        ['linkAccount', { userId: id, type: value, provider: value, providerAccountId: value }],
        ['createSession', { sessionToken: value, userId: value, expires: tomorrow() }],
        ['useVerificationToken', { identifier: value, token: value }],
        ['createVerificationToken', { identifier: value, token: value, expires: tomorrow() }],
        ['getAuthenticator', { credentialID: value }],
        ['deleteSessions', { userId: value, except: value }],
      ] as const) {
        const { status } = await post(method, JSON.stringify(input))
        expect(status, `${method} ${JSON.stringify(value).slice(0, 20)}`).toBeLessThan(500)
      }
    }
    expect((await post('createUser', '{"__proto__":{"id":"x"},"constructor":1}')).status).toBe(200)
  })

  test('a body that is too large, a method that is none, and another verb are told so', async () => {
    const large = await post('createUser', JSON.stringify({ name: 'x'.repeat(1_100_000) }))
    expect(large).toMatchObject({ status: 413, body: { code: 'input_invalid' } })
    for (const method of ['nothing', 'close', 'constructor', '__proto__', 'toString']) {
      expect(await post(method, '{}')).toMatchObject({ status: 404, body: { code: 'not_found' } })
    }
    const read = await served.app.request('/api/authjs/getUser')
    expect(read.status).toBe(404)
  })
})

describe('errors', () => {
  test('are typed alike at both doors, and hold no value', async () => {
    const user = await newGuest()
    for (const adapter of [direct, served.adapter]) {
      const error = await adapter.createUser({ email: user.email }).catch((error) => error)
      expect(isAdapterConflict(error)).toBe(true)
      expect(error).toMatchObject({ name: 'AdapterConflict', code: 'email_exists' })
      expect(JSON.stringify(error) + error.stack).not.toContain(user.email)
      await expect(adapter.updateUser({ id: randomUUID(), name: 'x' })).rejects.toMatchObject({
        name: 'Fault',
        code: 'user_not_found',
      })
      await expect(
        adapter.createUser({ email: freshEmail(), emailVerified: new Date('never') }),
      ).rejects.toMatchObject({ code: 'input_invalid' })
    }
  })

  test('a server that is not there is unavailable: reads are tried again, writes are sent once', async () => {
    const calls: string[] = []
    const lost = sekishoHttpAdapter({
      url,
      applicationId: 'x',
      applicationSecret: 'the secret of x',
      async fetch(input) {
        calls.push(String(input).split('/').at(-1) ?? '')
        throw new TypeError('connect ECONNREFUSED, and the body was: token-1')
      },
    })
    const error = await lost.getSessionAndUser('token-1').catch((error) => error)
    expect(isAdapterUnavailable(error)).toBe(true)
    expect(String(error.stack) + String(error.cause)).not.toContain('token-1')
    expect(calls).toHaveLength(3)
    calls.length = 0
    await expect(lost.useVerificationToken({ identifier: 'a', token: 'b' })).rejects.toThrow()
    await expect(lost.deleteSession('x')).rejects.toThrow()
    await expect(lost.createUser({ email: 'a@example.com' })).rejects.toThrow()
    expect(calls).toEqual(['useVerificationToken', 'deleteSession', 'createUser'])
  })

  test('a server that comes back within a moment was never away', async () => {
    const user = await newUser()
    let tries = 0
    const shaky = sekishoHttpAdapter({
      url,
      applicationId: served.applicationId,
      applicationSecret: served.applicationSecret,
      async fetch(input, init) {
        tries += 1
        if (tries === 1) return new Response('Bad gateway', { status: 502 })
        return served.fetch(input, init)
      },
    })
    expect(await shaky.getUser(user.id)).toStrictEqual(user)
    expect(tries).toBe(2)
  })

  test('a server that does not answer is given up', async () => {
    const slow = sekishoHttpAdapter({
      url,
      applicationId: 'x',
      applicationSecret: 'the secret of x',
      timeout: 30,
      fetch: (_input, init) =>
        new Promise((_resolve, reject) => {
          init?.signal?.addEventListener('abort', () => reject(init.signal?.reason))
        }),
    })
    await expect(slow.deleteUser('x')).rejects.toMatchObject({ name: 'AdapterUnavailable' })
  })

  test('an answer that breaks off is no answer', async () => {
    const broken = sekishoHttpAdapter({
      url,
      applicationId: 'x',
      applicationSecret: 'the secret of x',
      fetch: async () =>
        new Response(
          new ReadableStream({
            start(controller) {
              controller.enqueue(new TextEncoder().encode('{"result":'))
              controller.error(new Error('socket hang up'))
            },
          }),
        ),
    })
    await expect(broken.deleteUser('x')).rejects.toMatchObject({ name: 'AdapterUnavailable' })
  })

  test('another server is said to be another server, and a redirect is not followed', async () => {
    for (const answer of [
      new Response('<h1>Hello</h1>'),
      new Response('<h1>Nothing here</h1>', { status: 404 }),
      new Response(null, { status: 307, headers: { location: 'https://evil.example' } }),
    ]) {
      const options = { url, applicationId: 'x', applicationSecret: 'the secret of x' }
      const seen: RequestInit[] = []
      const other = sekishoHttpAdapter({
        ...options,
        async fetch(_input, init) {
          seen.push(init ?? {})
          return answer
        },
      })
      await expect(other.getUser('x')).rejects.toThrow(/No server of Sekisho answers at http/)
      expect(seen).toMatchObject([{ redirect: 'manual', cache: 'no-store' }])
    }
  })

  test('options that are missing are said at once', () => {
    expect(() =>
      sekishoHttpAdapter({ url: 'id.example.com', applicationId: 'x', applicationSecret: 'y' }),
    ).toThrow(/`url`/)
    expect(() => sekishoHttpAdapter({ url } as never)).toThrow(/applicationSecret/)
  })
})
