import { expect, test } from 'vitest'
import { type GotrueWorld, gotrueWorld, password, pathOf } from './gotrue-world.ts'

const email = 'ann@example.com'

async function mailed({ ask, mailTo }: GotrueWorld): Promise<string> {
  await ask('POST', '/signup', { body: { email, password } })
  return pathOf((await mailTo(email)).link)
}

const scanners: Record<string, Record<string, string>> = {
  'a gateway that opens links': { 'user-agent': 'Mozilla/5.0 (Windows NT 10.0; Win64; x64)' },
  'a chat that shows previews': {
    'user-agent': 'Slackbot-LinkExpanding 1.0',
    range: 'bytes=0-32768',
  },
  'a messenger': { 'user-agent': 'WhatsApp/2.23' },
  'a browser that looks ahead': { 'sec-purpose': 'prefetch;prerender' },
}

test.each(Object.keys(scanners))(
  '%s uses nothing up, where a button is asked for (B11)',
  async (who) => {
    const world = await gotrueWorld({ SEKISHO_MAIL_LINKS: 'confirm' })
    const path = await mailed(world)
    const headers = scanners[who] ?? {}
    expect((await world.ask('HEAD', path, { headers })).status).toBe(405)
    for (let times = 0; times < 3; times += 1) {
      const page = await world.ask('GET', path, { headers })
      expect(page.status).toBe(200)
      expect(page.headers.get('content-type')).toMatch(/^text\/html/)
      expect(page.headers.get('cache-control')).toBe('no-store')
      expect(page.headers.get('x-robots-tag')).toBe('noindex')
      expect(page.body).not.toContain('<script>')
    }
    expect(await world.events()).not.toContain('user.signed-in')
    const page = await world.ask('GET', path)
    const action = /<form method="post" action="([^"]+)"/.exec(page.body)?.[1] ?? ''
    const pressed = await world.ask('POST', `/verify${action.replaceAll('&amp;', '&')}`, {
      body: '',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    })
    expect(pressed.status).toBe(303)
    expect(pressed.headers.get('location')).toMatch(/^http:\/\/localhost:3001#access_token=/)
  },
)

test('the page speaks the language of who reads it', async () => {
  const world = await gotrueWorld({ SEKISHO_MAIL_LINKS: 'confirm' })
  const path = await mailed(world)
  const { body } = await world.ask('GET', path, { headers: { 'accept-language': 'ja' } })
  expect(body).toContain('あと一歩です')
})

test("otherwise a link is used when it is opened, as GoTrue's are, but not by looking ahead (B11)", async () => {
  const world = await gotrueWorld()
  const path = await mailed(world)
  const ahead = await world.ask('GET', path, { headers: { purpose: 'prefetch' } })
  expect(ahead.status).toBe(200)
  const opened = await world.ask('GET', path)
  expect([opened.status, opened.headers.get('location')]).toEqual([
    303,
    expect.stringContaining('#access_token='),
  ])
})

test('a page for a link of nonsense says nothing of it, and its button leads to the error', async () => {
  const { ask } = await gotrueWorld({ SEKISHO_MAIL_LINKS: 'confirm' })
  const query = new URLSearchParams({
    token: '"><script>alert(1)</script>',
    type: 'signup',
    redirect_to: 'https://evil.example.com',
  })
  const page = await ask('GET', `/verify?${query}`)
  expect(page.body).not.toContain('<script>alert')
  expect(page.body).not.toContain('evil.example.com')
  const pressed = await ask('POST', `/verify?${query}`, {
    body: 'x=1',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  })
  expect(pressed.headers.get('location')).toMatch(/^http:\/\/localhost:3001#.*otp_expired/)
})

test('links lead to the host that somebody came by, where the operator has named it (B7)', async () => {
  const world = await gotrueWorld({
    GOTRUE_MAILER_EXTERNAL_HOSTS: 'auth.example.com,localhost',
    GOTRUE_SMTP_MAX_FREQUENCY: '0s',
  })
  await world.createAccount()
  const linkBy = async (headers: Record<string, string>) => {
    await world.ask('POST', '/otp', { body: { email }, headers })
    return (await world.mailTo(email)).link.split('?')[0]
  }
  expect(await linkBy({ 'x-forwarded-host': 'Auth.example.com' })).toBe(
    'https://auth.example.com/auth/v1/verify',
  )
  expect(await linkBy({ 'x-forwarded-host': 'localhost', 'x-forwarded-proto': 'http' })).toBe(
    'http://localhost/auth/v1/verify',
  )
  for (const host of [
    'evil.example.com',
    'auth.example.com.evil.com',
    'auth.example.com@evil.com',
  ]) {
    expect(await linkBy({ 'x-forwarded-host': host })).toBe('http://localhost:3001/auth/v1/verify')
  }
})

test('what takes longer than it may is answered with 504 (H4)', async () => {
  const world = await gotrueWorld({ GOTRUE_API_MAX_REQUEST_DURATION: '1ms' })
  const { status, body } = await world.ask('POST', '/signup', { body: { email, password } })
  expect([status, body.error_code, body.msg]).toEqual([
    504,
    'request_timeout',
    'Processing this request timed out, please retry after a moment.',
  ])
})
