import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { minute, second } from '../../src/base/time.ts'
import { type Smtp, startSmtp } from '../servers/smtp.ts'
import { type GotrueWorld, gotrueWorld, password, pathOf } from './gotrue-world.ts'

const email = 'ann@example.com'
let smtp: Smtp

beforeAll(async () => {
  smtp = await startSmtp({ disabledCommands: ['STARTTLS'] })
})
afterAll(() => smtp.close())
beforeEach(() => {
  smtp.messages.length = 0
  smtp.refuseWith(null)
})

function mailed(environment: Record<string, string> = {}): Promise<GotrueWorld> {
  return gotrueWorld({
    GOTRUE_SMTP_HOST: '127.0.0.1',
    GOTRUE_SMTP_PORT: String(smtp.port),
    GOTRUE_SMTP_ADMIN_EMAIL: 'gate@example.com',
    GOTRUE_SMTP_SENDER_NAME: 'The gate',
    GOTRUE_SITE_URL: 'https://app.example.com',
    ...environment,
  })
}

/** The same world, whose network has these pages. */
function withPages(world: GotrueWorld, pages: Record<string, () => Response>) {
  const asked: string[] = []
  Object.assign(world.ctx, {
    fetch: (async (input, init) => {
      const { url, headers } = new Request(input, init)
      asked.push(`${url} ${headers.get('user-agent') ?? ''}`.trim())
      const page = pages[url]
      if (page === undefined) throw new TypeError('fetch failed')
      return page()
    }) satisfies typeof fetch,
  })
  return asked
}

test('a template that stands in its variable says every value, and the subject is one too', async () => {
  const { ask } = await mailed({
    GOTRUE_MAILER_SUBJECTS_CONFIRMATION: '{{ .Token }} for {{ .Data.name }}\nBcc: x@example.com',
    GOTRUE_MAILER_TEMPLATES_CONFIRMATION:
      '<p>{{ if eq .Data.lang "fr" }}Bonjour{{ end }} {{ .Data.name }} {{ .Email }}|{{ .SiteURL }}|{{ .TokenHash }}|{{ .RedirectTo }}</p><a href="{{ .ConfirmationURL }}">x</a>',
    GOTRUE_SMTP_HEADERS: '{"X-Tag":["sekisho-$messageType"]}',
  })
  const { status } = await ask('POST', '/signup', {
    body: { email, password, data: { name: '<Ann>', lang: 'fr' } },
  })
  expect(status).toBe(200)
  const [mail] = smtp.messages
  const hash = /\|([0-9a-f]{56})\|/.exec(mail?.html ?? '')?.[1]
  expect(mail?.html).toBe(
    `<p>Bonjour &lt;Ann&gt; ${email}|https://app.example.com|${hash}|https://app.example.com</p><a href="http://localhost:3001/auth/v1/verify?token=${hash}&amp;type=signup&amp;redirect_to=https://app.example.com">x</a>`,
  )
  expect(mail?.headers.subject?.[0]).toMatch(/^\d{6} for <Ann> Bcc: x@example.com$/)
  expect(mail?.headers['x-tag']).toEqual(['sekisho-confirm'])
  expect(mail?.headers.from).toEqual(['The gate <gate@example.com>'])
  expect(mail?.to).toEqual([email])
  const link = /href="([^"]+)"/.exec(mail?.html ?? '')?.[1]?.replaceAll('&amp;', '&') ?? ''
  expect((await ask('GET', pathOf(link))).headers.get('location')).toContain('#access_token=')
})

test('a template at an address is fetched once, kept for its time, and old rather than none', async () => {
  const world = await mailed({
    GOTRUE_MAILER_TEMPLATES_MAGIC_LINK: '/mails/magic.html',
    GOTRUE_SMTP_MAX_FREQUENCY: '0s',
  })
  await world.createAccount()
  let page = () => new Response('<p>one {{ .Token }}</p>')
  const asked = withPages(world, { 'https://app.example.com/mails/magic.html': () => page() })
  const send = async () => {
    expect((await world.ask('POST', '/otp', { body: { email } })).status).toBe(200)
    return smtp.messages.at(-1)?.html
  }
  expect(await send()).toMatch(/^<p>one \d{6}<\/p>/)
  expect(await send()).toMatch(/^<p>one \d{6}<\/p>/)
  expect(asked).toEqual(['https://app.example.com/mails/magic.html sekisho-mail-templates'])
  world.pass(11 * minute)
  page = () => new Response('gone', { status: 404 })
  expect(await send()).toMatch(/^<p>one \d{6}<\/p>/)
  expect(await send()).toMatch(/^<p>one \d{6}<\/p>/)
  expect(asked).toHaveLength(2)
  world.pass(11 * second)
  page = () => new Response('<p>two {{ .Token }}</p>')
  expect(await send()).toMatch(/^<p>two \d{6}<\/p>/)
})

test.each([
  ['cannot be reached', null],
  ['is another page', () => new Response('Not found', { status: 404 })],
  ['is too large', () => new Response('x'.repeat(2000))],
  ['cannot be read', () => new Response('{{ if .Token }}')],
  ['works without end', () => new Response('{{ range 1000000000 }}x{{ end }}')],
])('where the template %s, our words go out', async (_why, page) => {
  const url = 'https://templates.example.com/recovery.html'
  const world = await mailed({
    GOTRUE_MAILER_TEMPLATES_RECOVERY: url,
    GOTRUE_MAILER_TEMPLATE_MAX_SIZE: '1000',
  })
  await world.createAccount()
  withPages(world, page === null ? {} : { [url]: page })
  expect((await world.ask('POST', '/recover', { body: { email } })).status).toBe(200)
  const [mail] = smtp.messages
  expect(mail?.headers.subject).toEqual(['Reset your password'])
  expect(mail?.html).toContain('Reset password')
  expect(mail?.text).toContain('/auth/v1/verify?token=')
})

test('a change of address says both to both', async () => {
  const said = '{{ .Email }} > {{ .NewEmail }} to {{ .SendingTo }} {{ .Token }}'
  const { ask, createAccount, signIn } = await mailed({
    GOTRUE_MAILER_TEMPLATES_EMAIL_CHANGE: said,
    GOTRUE_MAILER_TEMPLATES_REAUTHENTICATION: '{{ .Token }}{{ .ConfirmationURL }}!',
  })
  await createAccount()
  const { access_token: bearer } = await signIn()
  const body = { email: 'anna@example.com' }
  expect((await ask('PUT', '/user', { bearer, body })).status).toBe(200)
  const mails = smtp.messages.map(({ to: [to], html }) => [to, html?.trim().replace(/\d{6}$/, '')])
  expect(mails.sort()).toEqual([
    [email, `${email} > anna@example.com to ${email} `],
    ['anna@example.com', `${email} > anna@example.com to anna@example.com `],
  ])
  expect(new Set(smtp.messages.map(({ html }) => html?.trim().slice(-6))).size).toBe(2)
  expect((await ask('GET', '/reauthenticate', { bearer })).status).toBe(200)
  expect(smtp.messages.at(-1)?.html).toMatch(/^\d{6}!/)
})

test('a server that takes no mail is told of, and nobody has to wait for it', async () => {
  const { ask, createAccount } = await mailed()
  await createAccount()
  smtp.refuseWith({ status: 550, text: 'no' })
  const refused = await ask('POST', '/recover', { body: { email } })
  expect([refused.status, refused.body.msg]).toEqual([500, 'Error sending recovery email'])
  smtp.refuseWith(null)
  expect((await ask('POST', '/recover', { body: { email } })).status).toBe(200)
  expect(smtp.messages).toHaveLength(1)
})

test('in the background the answer does not wait, and says nothing of a failure', async () => {
  const { ask, createAccount, ctx } = await mailed({
    GOTRUE_MAILER_EMAIL_BACKGROUND_SENDING: 'true',
  })
  await createAccount()
  smtp.refuseWith({ status: 550, text: 'no' })
  expect((await ask('POST', '/recover', { body: { email } })).status).toBe(200)
  await ctx.background.settled()
  expect(smtp.messages).toHaveLength(0)
  smtp.refuseWith(null)
  expect((await ask('POST', '/recover', { body: { email } })).status).toBe(200)
  await ctx.background.settled()
  expect(smtp.messages).toHaveLength(1)
})

test('while the operator names who may get mail, nobody else does (B5)', async () => {
  const { ask, events } = await mailed({
    GOTRUE_EXTERNAL_EMAIL_AUTHORIZED_ADDRESSES: `Ann@example.com,bob@example.com`,
  })
  const other = await ask('POST', '/signup', { body: { email: 'eve@example.com', password } })
  expect([other.status, other.body.error_code, other.body.msg]).toEqual([
    400,
    'email_address_not_authorized',
    'Email address "eve@example.com" cannot be used as it is not authorized',
  ])
  expect(await events()).not.toContain('user.signed-up')
  const label = await ask('POST', '/signup', { body: { email: 'ann+x@example.com', password } })
  expect(label.status).toBe(200)
  expect(smtp.messages.map(({ to }) => to)).toEqual([['ann+x@example.com']])
})

test('nobody is written to where nobody reads, as far as the operator can tell', async () => {
  const world = await mailed({
    GOTRUE_MAILER_EMAIL_VALIDATION_EXTENDED: 'true',
    GOTRUE_MAILER_EMAIL_VALIDATION_SERVICE_URL: 'https://valid.example.com/check',
    GOTRUE_MAILER_EMAIL_VALIDATION_SERVICE_HEADERS: '{"Authorization":["Bearer key"]}',
  })
  const asked: string[] = []
  const service: typeof fetch = async (input, init) => {
    const request = new Request(input, init)
    const { email } = await request.json()
    asked.push(`${request.url} ${request.headers.get('authorization')} ${email}`)
    if (email.startsWith('down')) throw new TypeError('fetch failed')
    return Response.json({ valid: !email.startsWith('gone') })
  }
  Object.assign(world.ctx, { fetch: service })
  const signUp = (email: string) => world.ask('POST', '/signup', { body: { email, password } })
  for (const refused of ['gone@sekisho.dev', 'ann@example.com', 'ann@mail.test']) {
    const { status, body } = await signUp(refused)
    expect([status, body.error_code, body.msg]).toEqual([
      400,
      'email_address_invalid',
      `Email address "${refused}" is invalid`,
    ])
  }
  expect((await signUp('ann@sekisho.dev')).status).toBe(200)
  expect((await signUp('down@sekisho.dev')).status).toBe(200)
  expect(asked[0]).toBe('https://valid.example.com/check Bearer key gone@sekisho.dev')
  expect(smtp.messages.map(({ to: [to] }) => to)).toEqual(['ann@sekisho.dev', 'down@sekisho.dev'])
})

test('thirty mails an hour are thirty, for all together, and take nothing away (B15)', async () => {
  const { ask, pass } = await mailed({ GOTRUE_RATE_LIMIT_EMAIL_SENT: '2' })
  const signUp = (name: string) =>
    ask('POST', '/signup', { body: { email: `${name}@example.com`, password } })
  expect((await signUp('a')).status).toBe(200)
  expect((await signUp('b')).status).toBe(200)
  const third = await signUp('c')
  expect([third.status, third.body.error_code, third.body.msg]).toEqual([
    429,
    'over_email_send_rate_limit',
    'email rate limit exceeded',
  ])
  expect(smtp.messages).toHaveLength(2)
  pass(60 * minute)
  expect((await signUp('c')).status).toBe(200)
})

test('a bucket of mails fills up again little by little; none at all is none', async () => {
  const { ask, pass, under } = await mailed({ GOTRUE_RATE_LIMIT_EMAIL_SENT: '2/10m' })
  const signUp = (name: string, world = { ask }) =>
    world.ask('POST', '/signup', { body: { email: `${name}@example.com`, password } })
  const statuses = async (...names: string[]) => {
    const answers = []
    for (const name of names) answers.push((await signUp(name)).status)
    return answers
  }
  expect(await statuses('a', 'b', 'c')).toEqual([200, 200, 429])
  pass(5 * minute)
  expect(await statuses('c', 'd')).toEqual([200, 429])
  const none = under({ GOTRUE_RATE_LIMIT_EMAIL_SENT: '0' })
  expect((await signUp('e', none)).status).toBe(429)
  const believed = under({ GOTRUE_RATE_LIMIT_EMAIL_SENT: '0', GOTRUE_MAILER_AUTOCONFIRM: 'true' })
  expect((await signUp('e', believed)).status).toBe(200)
})
