import { Secret, TOTP } from 'otpauth'
import { expect, test } from 'vitest'
import { minute } from '../../src/base/time.ts'
import { enrollFactor } from '../../src/flows/factor.ts'
import { challengeFactor } from '../../src/flows/factor-challenge.ts'
import { proveFactor } from '../../src/flows/factor-proof.ts'
import { findUserWithSession } from '../../src/model/user-session.ts'
import {
  answerOf,
  authPath,
  type Browser,
  claimsOf,
  codeForm,
  type Gate,
  gate,
  type Person,
  person,
  redemption,
  shopBasic,
  signIn,
  type Tokens,
} from './oidc-client.ts'

/** Somebody with an authenticator app, who has signed in by a password alone. */
async function stage(): Promise<{ at: Gate; one: Person; code: () => string }> {
  const at = await gate()
  const { ctx } = at.scene
  const one = await person(at)
  const found = await findUserWithSession(ctx, { userId: one.user.id, sessionId: one.sessionId })
  if (found?.session == null) throw new Error('Nobody is there.')
  const holder = { user: found.user, session: found.session }
  const wish = { type: 'totp', friendlyName: '', issuer: 'Test' } as const
  const { factor, totp } = await enrollFactor(ctx, holder, wish)
  const app = new TOTP({ secret: Secret.fromBase32(totp?.secret ?? '') })
  const code = () => app.generate({ timestamp: ctx.now().getTime() })
  const { id } = await challengeFactor(ctx, holder, { factor, channel: 'sms' })
  const proof = { type: 'code', code: code() } as const
  await proveFactor(ctx, holder, { factor, challengeId: id, proof })
  at.scene.pass(5 * minute)
  const sessionId = await signIn(at, one.browser, one.user)
  at.scene.pass(5 * minute)
  return { at, one: { ...one, sessionId }, code }
}

async function stepFor(browser: Browser): Promise<{ flow: string; html: string; factor: string }> {
  const asked = await browser.open(authPath({ acr_values: 'aal2' }))
  const location = asked.headers.get('location') ?? ''
  expect(location).toMatch(/^\/sign-in\/second-factor\?app_id=shop&flow=/)
  const html = await (await browser.open(location)).text()
  const factor = /name="factor" value="([^"]+)"/.exec(html)?.[1] ?? ''
  return { flow: answerOf(asked).flow ?? '', html, factor }
}

test('an application that wants more is given it by a second factor, and told so (C18) (RFC-9470)', async () => {
  const { at, one, code } = await stage()
  const { browser } = one
  const { flow, html, factor } = await stepFor(browser)
  expect(html).toContain('authenticator app')
  const early = await browser.open(`/oidc/auth/${flow}`)
  expect(early.headers.get('location')).toMatch(/^\/sign-in\/second-factor\?/)
  const wrong = await browser.send('/sign-in/second-factor', { flow, factor, code: '000000' })
  expect(wrong.status).toBe(422)
  expect(await wrong.text()).toContain('id="code-err"')
  const empty = await browser.send('/sign-in/second-factor', { flow, factor })
  expect(empty.status).toBe(422)

  const right = await browser.send('/sign-in/second-factor', { flow, factor, code: code() })
  expect(right.headers.get('location')).toBe(`/oidc/auth/${flow}`)
  const back = await browser.open(`/oidc/auth/${flow}`)
  const redeemed = await at.post('/oidc/token', redemption(answerOf(back).code ?? ''), shopBasic)
  const { id_token } = (await redeemed.json()) as Tokens
  expect(claimsOf(id_token).acr).toBe('aal2')
  expect(await at.scene.events()).toContain('factor.used')

  // The session stays as sure as it became.
  const next = await browser.open(authPath({ acr_values: 'aal2', prompt: 'none' }))
  expect(answerOf(next).code).toMatch(codeForm)
})

test('a second factor alone is no sign-in (C18, D8)', async () => {
  const { at, one, code } = await stage()
  const { browser } = one
  const { flow } = answerOf(await browser.open(authPath({ prompt: 'login', acr_values: 'aal2' })))
  const page = await (await browser.open(`/sign-in/second-factor?flow=${flow}`)).text()
  const factor = /name="factor" value="([^"]+)"/.exec(page)?.[1]
  await browser.send('/sign-in/second-factor', { flow, factor, code: code() })
  const back = await browser.open(`/oidc/auth/${flow}`)
  expect(back.headers.get('location')).toMatch(/^\/sign-in\?/)
  at.scene.pass(1 * minute)
  const young = await browser.open(authPath({ max_age: '60' }))
  expect(young.headers.get('location')).toMatch(/^\/sign-in\?/)
})

test('a code is taken once, and only from the browser that is asked (C5)', async () => {
  const { at, one, code } = await stage()
  const { flow, factor } = await stepFor(one.browser)
  const form = { flow, factor, code: code() }
  const bob = await person(at, { email: 'bob@example.com' })
  expect((await bob.browser.send('/sign-in/second-factor', form)).status).toBe(303)
  const foreign = { origin: 'https://evil.example' }
  expect((await one.browser.send('/sign-in/second-factor', form, foreign)).status).toBe(403)
  expect((await one.browser.send('/sign-in/second-factor', form)).status).toBe(303)
  expect((await one.browser.send('/sign-in/second-factor', form)).status).toBe(422)
})
