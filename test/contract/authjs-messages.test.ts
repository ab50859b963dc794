import { setImmediate } from 'node:timers/promises'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { sekishoEmail } from '../../authjs/email.ts'
import { createApplication, updateApplication } from '../../src/model/application.ts'
import { deleteMessages, listMessages } from '../../src/model/message.ts'
import { servedAdapter } from './authjs-app.ts'
import { authjsWorld, freshEmail } from './authjs-world.ts'

const { database } = authjsWorld()

let served: Awaited<ReturnType<typeof servedAdapter>>
beforeAll(async () => {
  served = await servedAdapter(database)
  await updateApplication(served.ctx, served.applicationId, {
    oidcClientMetadata: { redirectUris: ['https://club.example/api/auth/callback/sekisho'] },
  })
})
beforeEach(async () => {
  await deleteMessages(served.ctx)
})

const link =
  'https://club.example/api/auth/callback/email?token=0123456789abcdef&email=a%40b.example'

function provider(options: Partial<Parameters<typeof sekishoEmail>[0]> = {}) {
  const { applicationId, applicationSecret, fetch } = served
  const url = 'http://localhost:3001'
  return sekishoEmail({ url, applicationId, applicationSecret, fetch, ...options })
}

/** A raw request of the application. */
function post(body: BodyInit | null) {
  const { applicationId, applicationSecret, app } = served
  const authorization = `Basic ${btoa(`${applicationId}:${applicationSecret}`)}`
  return app.request('/api/authjs/messages', { method: 'POST', headers: { authorization }, body })
}

describe('a magic link of Auth.js', () => {
  test('leaves by the connector of the server, unchanged', async () => {
    const to = freshEmail()
    await provider().sendVerificationRequest({ identifier: to, url: link })
    const [mail, ...others] = await listMessages(served.ctx, { to })
    expect(others).toEqual([])
    expect(mail).toMatchObject({
      to,
      type: 'SignIn',
      subject: 'Your sign-in link',
      link,
      code: null,
    })
    expect(mail?.text).toContain(link)
    expect(mail?.text).toContain('Sign in to A club:')
  })

  test('speaks the language of the browser that asked', async () => {
    const to = freshEmail()
    const headers = { 'accept-language': 'ja-JP,ja;q=0.9,en;q=0.5' }
    const request = new Request('https://club.example', { headers })
    await provider().sendVerificationRequest({ identifier: to, url: link, request })
    const [mail] = await listMessages(served.ctx, { to })
    expect(mail?.subject).not.toBe('Your sign-in link')
    expect(mail?.html).toContain('lang="ja"')
  })

  test('is an event that names the application and the address, and not the link', async () => {
    const to = freshEmail()
    await provider().sendVerificationRequest({ identifier: to.toUpperCase(), url: link })
    const rows = await database.db
      .selectFrom('idp.events')
      .select(['actor', 'application_id', 'ip', 'details'])
      .where('type', '=', 'verification.sent')
      .where('application_id', '=', served.applicationId)
      .orderBy('id', 'desc')
      .limit(1)
      .execute()
    expect(rows).toEqual([
      {
        actor: `application:${served.applicationId}`,
        application_id: served.applicationId,
        ip: null,
        details: { purpose: 'authjs', channel: 'email', recipient: to, sent: true },
      },
    ])
  })

  test.each([
    'https://elsewhere.example/api/auth/callback/email?token=0',
    'http://club.example/api/auth/callback/email?token=0',
    'https://club.example@elsewhere.example/',
    'https://club.example.elsewhere.example/',
    'javascript:alert(1)',
    'data:text/html,club.example',
    '/api/auth/callback/email',
    '',
  ])('is not sent when it leads to where the application is not: %s (E1)', async (url) => {
    const to = freshEmail()
    const answer = await post(JSON.stringify({ to, url }))
    expect(answer.status).toBe(400)
    expect(await answer.json()).toMatchObject({ code: 'input_invalid', field: 'url' })
    expect(await listMessages(served.ctx, { to })).toEqual([])
  })

  test('comes five times in ten minutes, and no more (B15)', async () => {
    const to = freshEmail()
    const body = JSON.stringify({ to, url: link })
    for (let mails = 0; mails < 5; mails += 1) expect((await post(body)).status).toBe(204)
    const answer = await post(body)
    expect(answer.status).toBe(429)
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(await listMessages(served.ctx, { to })).toHaveLength(5)
  })

  test('is sent for an application that was given the right, and for no other', async () => {
    const to = freshEmail()
    const { application, secret } = await createApplication(served.ctx, {
      name: 'No adapter',
      type: 'Traditional',
      oidcClientMetadata: { redirectUris: ['https://club.example/callback'] },
    })
    const other = { applicationId: application.id, applicationSecret: String(secret) }
    for (const [options, said] of [
      [other, '403 access_denied'],
      [{ applicationSecret: 'wrong secret' }, '401 invalid_client'],
    ] as const) {
      await expect(
        provider(options).sendVerificationRequest({ identifier: to, url: link }),
      ).rejects.toThrow(`Sekisho did not send the link: ${said}.`)
    }
    expect(await listMessages(served.ctx, { to })).toEqual([])
  })
})

test.each([
  ['nothing', null],
  ['no JSON', '{'],
  ['no object', '[]'],
  ['numbers', '{"to":1,"url":2}'],
  ['a foreign key', JSON.stringify({ to: 'a@b.example', url: link, html: '<b>' })],
  ['U+0000', JSON.stringify({ to: 'a\0@b.example', url: link })],
  ['two addresses', JSON.stringify({ to: 'a@b.example,c@d.example', url: link })],
  ['a second header', JSON.stringify({ to: 'a@b.example\r\nBcc: c@d.example', url: link })],
  ['invalid UTF-8', new Uint8Array([0x7b, 0xff, 0x7d])],
  ['a megabyte', JSON.stringify({ to: 'a@b.example', url: link, locale: 'x'.repeat(2 ** 20) })],
])('a body of %s is refused, and nothing is sent', async (_what, body) => {
  const answer = await post(body)
  expect(answer.status).toBeGreaterThanOrEqual(400)
  expect(answer.status).toBeLessThan(500)
  expect(await answer.json()).toMatchObject({ code: expect.any(String) })
  expect(await listMessages(served.ctx, {})).toEqual([])
})

describe('the e-mail provider', () => {
  test('fails without a word of the address or the link', async () => {
    const fetch = async () => Response.json({ code: 'connector_failed' }, { status: 502 })
    const sent = provider({ fetch }).sendVerificationRequest({
      identifier: 'ann@b.example',
      url: link,
    })
    await expect(sent).rejects.toThrow(/^Sekisho did not send the link: 502 connector_failed\.$/)
  })

  test('a failure before Auth.js listens does not end the process', async () => {
    const fetch = () => Promise.reject(new TypeError('fetch failed'))
    const sent = provider({ fetch }).sendVerificationRequest({
      identifier: 'ann@b.example',
      url: link,
    })
    // Node tells of a rejection that nobody listens to at the end of this turn, and this test would fail.
    await setImmediate()
    await expect(sent).rejects.toThrow('fetch failed')
  })

  test('says at once which option is missing', () => {
    expect(() => provider({ url: '' })).toThrow('`url` is missing')
    expect(() => provider({ applicationSecret: '' })).toThrow('`applicationSecret` are missing')
  })
})
