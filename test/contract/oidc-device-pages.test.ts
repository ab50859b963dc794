import { describe, expect, test } from 'vitest'
import { minute } from '../../src/base/time.ts'
import { browserAt, type Fields, person, signIn, verdict } from './oidc-client.ts'
import { begin, comeToConfirm, poll, stage } from './oidc-devices.ts'

describe('the pages', () => {
  test('take the code in any spelling, and bring it from the address without using it (RFC-8628)', async () => {
    const at = await stage()
    const { user_code, device_code } = await begin(at)
    const page = await at.ann.browser.open(`/device?user_code=${user_code}`)
    expect(await page.text()).toContain(`value="${user_code}"`)
    expect(await verdict(await poll(at, device_code))).toBe('400 authorization_pending')
    const letters = user_code.replace('-', '')
    const full = [...letters].map((one) => String.fromCodePoint((one.codePointAt(0) ?? 0) + 0xfee0))
    for (const spelling of [
      letters.toLowerCase(),
      ` ${[...letters].join(' ')} `,
      full.join(''),
      `${letters.slice(0, 4)}–${letters.slice(4)}`,
    ]) {
      const { location, html } = await comeToConfirm(at.ann.browser, spelling)
      expect(location).toMatch(/^\/device\/confirm\?/)
      expect(html).toContain(user_code)
      expect(html).toContain('The Television')
      expect(html).toContain('See your email address')
      expect(html).toContain('ann@example.com')
    }
  })

  test('refuse who guesses, wherever the cookie went (E5) (9700-22, RFC-8628)', async () => {
    const at = await stage()
    const { user_code } = await begin(at)
    const statuses: number[] = []
    for (let turn = 0; turn < 50; turn += 1) {
      const answer = await browserAt(at).send('/device', { user_code: 'BBBB-BBBB' })
      statuses.push(answer.status)
      if (answer.status === 429)
        expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
    }
    expect(statuses.filter((status) => status === 422)).toHaveLength(20)
    expect(statuses.at(-1)).toBe(429)
    expect((await at.ann.browser.send('/device', { user_code })).status).toBe(429)
    at.scene.pass(10 * minute)
    const again = await begin(at)
    expect((await at.ann.browser.send('/device', { user_code: again.user_code })).status).toBe(303)
  })

  test('ask who is there first, where nobody has signed in', async () => {
    const at = await stage()
    const { user_code, device_code } = await begin(at)
    const browser = browserAt(at)
    const sent = await browser.send('/device', { user_code })
    const resumed = await browser.open(sent.headers.get('location') ?? '')
    const location = resumed.headers.get('location') ?? ''
    expect(location).toMatch(/^\/sign-in\?app_id=tv&flow=/)
    await signIn(at, browser, at.ann.user)
    const back = await browser.open(sent.headers.get('location') ?? '')
    expect(back.headers.get('location')).toMatch(/^\/device\/confirm\?/)
    expect(await verdict(await poll(at, device_code))).toBe('400 authorization_pending')
  })

  test('let nobody answer for somebody else (E5)', async () => {
    const at = await stage()
    const { user_code, device_code } = await begin(at)
    const { form, location } = await comeToConfirm(at.ann.browser, user_code)
    const yes = { ...form, want: 'allow' }
    const evil = await at.ann.browser.send('/device/confirm', yes, {
      origin: 'https://evil.example',
    })
    expect(evil.status).toBe(403)
    const site = { 'sec-fetch-site': 'cross-site' }
    expect((await at.ann.browser.send('/device/confirm', yes, site)).status).toBe(403)
    expect((await at.ann.browser.send('/device', { user_code }, site)).status).toBe(403)
    expect((await browserAt(at).send('/device/confirm', yes)).status).toBe(400)
    const bob = await person(at, { email: 'bob@example.com' })
    const bobs = await bob.browser.send('/device/confirm', yes)
    expect(bobs.headers.get('location')).toBe('/message?about=signed-in')
    const other = { ...yes, session: bob.sessionId }
    expect((await at.ann.browser.send('/device/confirm', other)).status).toBe(200)
    expect((await at.ann.browser.send('/device/confirm', form)).status).toBe(200)
    // The way past the question leads back to it.
    const skipped = await at.ann.browser.open(`/oidc/auth/${form.flow}`)
    expect(skipped.headers.get('location')).toBe(location)
    expect(await verdict(await poll(at, device_code))).toBe('400 authorization_pending')
    const page = await at.ann.browser.open(location)
    expect(page.headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
    expect(page.headers.get('cache-control')).toContain('no-store')
  })

  test('take one answer', async () => {
    const at = await stage()
    const { user_code, device_code } = await begin(at)
    const first = await comeToConfirm(at.ann.browser, user_code)
    const second = await comeToConfirm(at.ann.browser, user_code)
    const answer = async (form: Fields, want: string) => {
      const answered = await at.ann.browser.send('/device/confirm', { ...form, want })
      return at.ann.browser.open(answered.headers.get('location') ?? '')
    }
    expect((await answer(first.form, 'allow')).headers.get('location')).toContain('device-allowed')
    expect((await answer(second.form, 'allow')).status).toBe(400)
    const third = await at.ann.browser.send('/device', { user_code })
    expect(third.status).toBe(422)
    expect((await poll(at, device_code)).status).toBe(200)
  })

  test('keep what the device asked for: a fresh sign-in, an account, a language', async () => {
    const at = await stage()
    at.scene.pass(1 * minute)
    const open = async (changes: Fields) => {
      const { user_code } = await begin(at, changes)
      const sent = await at.ann.browser.send('/device', { user_code })
      const resumed = await at.ann.browser.open(sent.headers.get('location') ?? '')
      return resumed.headers.get('location') ?? ''
    }
    expect(await open({ prompt: 'login' })).toMatch(/^\/sign-in\?/)
    expect(await open({ max_age: '30' })).toMatch(/^\/sign-in\?/)
    expect(await open({ prompt: 'select_account' })).toMatch(/^\/select-account\?/)
    const page = await at.ann.browser.open(await open({ ui_locales: 'ja' }))
    expect(await page.text()).toContain('このデバイスでログインしますか')
  })
})
