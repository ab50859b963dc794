import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { minute } from '../../src/base/time.ts'
import { sendDue } from '../../src/flows/outbox.ts'
import { type Smtp, startSmtp } from '../servers/smtp.ts'
import { enroll, verify } from './authenticator-app.ts'
import { type GotrueWorld, gotrueWorld } from './gotrue-world.ts'

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

function telling(environment: Record<string, string> = {}): Promise<GotrueWorld> {
  return gotrueWorld({
    GOTRUE_SMTP_HOST: '127.0.0.1',
    GOTRUE_SMTP_PORT: String(smtp.port),
    GOTRUE_SITE_URL: 'https://app.example.com',
    ...environment,
  })
}

test('a changed password is told of, by the outbox', async () => {
  const world = await telling({ GOTRUE_MAILER_NOTIFICATIONS_PASSWORD_CHANGED_ENABLED: 'true' })
  await world.createAccount()
  const { access_token: bearer } = await world.signIn()
  const body = { password: 'another horse' }
  expect((await world.ask('PUT', '/user', { bearer, body })).status).toBe(200)
  expect(smtp.messages).toEqual([])
  smtp.refuseWith({ status: 450, text: 'later' })
  expect(await sendDue(world.ctx)).toBe(0)
  smtp.refuseWith(null)
  world.pass(minute)
  expect(await sendDue(world.ctx)).toBe(1)
  expect(await sendDue(world.ctx)).toBe(0)
  expect(smtp.messages.map(({ to, headers, text }) => [to, headers.subject, text?.trim()])).toEqual(
    [
      [
        [email],
        ['Your password was changed'],
        expect.stringContaining('The password of your app.example.com account (ann@example.com)'),
      ],
    ],
  )
  expect(await world.events()).toContain('notice.delivered')
})

test('a changed address is told of at the old one, in the words of the operator', async () => {
  const world = await telling({
    GOTRUE_MAILER_NOTIFICATIONS_EMAIL_CHANGED_ENABLED: 'true',
    GOTRUE_MAILER_TEMPLATES_EMAIL_CHANGED_NOTIFICATION:
      '<p>{{ .OldEmail }} is {{ .Email }} on {{ .SiteURL }}, {{ .Data.name }}</p>',
    GOTRUE_MAILER_SUBJECTS_EMAIL_CHANGED_NOTIFICATION: 'Moved to {{ .Email }}',
    GOTRUE_MAILER_SECURE_EMAIL_CHANGE_ENABLED: 'false',
    GOTRUE_SMTP_HEADERS: '{"X-Type":["$messageType"]}',
  })
  await world.createAccount()
  const { access_token: bearer } = await world.signIn()
  const body = { email: 'anna@example.com', data: { name: 'Ann' } }
  expect((await world.ask('PUT', '/user', { bearer, body })).status).toBe(200)
  const code = /code: (\d{6})/.exec(smtp.messages[0]?.text ?? '')?.[1]
  const verified = await world.ask('POST', '/verify', {
    body: { type: 'email_change', token: code, email: 'anna@example.com' },
  })
  expect(verified.status).toBe(200)
  expect(await sendDue(world.ctx)).toBe(1)
  const told = smtp.messages.at(-1)
  expect([told?.to, told?.headers.subject, told?.headers['x-type'], told?.html?.trim()]).toEqual([
    [email],
    ['Moved to anna@example.com'],
    ['email_changed_notification'],
    '<p>ann@example.com is anna@example.com on https://app.example.com, Ann</p>',
  ])
})

test('without being asked for, nothing is told; of somebody who is gone neither', async () => {
  const quiet = await telling()
  await quiet.createAccount()
  const { access_token } = await quiet.signIn()
  const change = { bearer: access_token, body: { password: 'another horse' } }
  expect((await quiet.ask('PUT', '/user', change)).status).toBe(200)
  expect(await sendDue(quiet.ctx)).toBe(0)

  const world = await telling({ GOTRUE_MAILER_NOTIFICATIONS_PASSWORD_CHANGED_ENABLED: 'true' })
  const { id } = await world.createAccount()
  const { access_token: bearer } = await world.signIn()
  const body = { password: 'another horse' }
  expect((await world.ask('PUT', '/user', { bearer, body })).status).toBe(200)
  await world.ask('DELETE', `/admin/users/${id}`, { bearer: world.adminKey })
  expect(await sendDue(world.ctx)).toBe(0)
  expect(smtp.messages).toEqual([])
})

test('a second factor that was shown first, and one that was taken away, are told of', async () => {
  const world = await telling({
    GOTRUE_MAILER_NOTIFICATIONS_MFA_FACTOR_ENROLLED_ENABLED: 'true',
    GOTRUE_MAILER_NOTIFICATIONS_MFA_FACTOR_UNENROLLED_ENABLED: 'true',
    GOTRUE_MAILER_SUBJECTS_MFA_FACTOR_ENROLLED_NOTIFICATION: 'New: {{ .FactorType }}',
    GOTRUE_MAILER_SUBJECTS_MFA_FACTOR_UNENROLLED_NOTIFICATION: 'Gone: {{ .FactorType }}',
  })
  await world.createAccount()
  const { access_token: bearer } = await world.signIn()
  const factor = await enroll(world, bearer)
  const strong = (await verify(world, bearer, factor)).body.access_token
  world.pass(minute)
  expect((await verify(world, strong, factor)).status).toBe(200)
  await world.ask('DELETE', `/factors/${factor.id}`, { bearer: strong })
  expect(await sendDue(world.ctx)).toBe(2)
  const subjects = smtp.messages.flatMap(({ headers }) => headers.subject)
  expect(subjects.sort()).toEqual(['Gone: totp', 'New: totp'])
})
