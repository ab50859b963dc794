import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { minute } from '../../src/base/time.ts'
import { listSessions } from '../../src/model/session.ts'
import { answerOf, browserAt, gate, person, signIn } from './oidc-client.ts'
import {
  again,
  asked,
  assuranceOf,
  enrolApp,
  enrolKey,
  here,
  keepPasskey,
  page,
  problem,
  type Question,
  question,
  type Stage,
  show,
  showKey,
  stage,
  switchedOn,
} from './second-keys.ts'
import { type SoftwareKey, softwareKey } from './software-key.ts'

describe('what a page asked for', () => {
  async function keyed(): Promise<Stage & { key: SoftwareKey; flow: string }> {
    const key = softwareKey()
    const first = await stage()
    await enrolKey(first, key)
    const held = await again(first)
    return { ...held, key, flow: (await asked(held.one.browser)).flow }
  }

  test('is answered once, also by fifty at the same time (O2)', async () => {
    const held = await keyed()
    const { flow, key } = held
    const { challengeId, options } = await question(held.one.browser, flow)
    const credential = key.answer(options.challenge, here)
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => show(held.one.browser, { flow, challengeId, credential })),
    )
    expect(answers.filter(({ status }) => status === 303)).toHaveLength(1)
    expect(answers.every(({ status }) => [303, 422, 429].includes(status))).toBe(true)
    const types = await held.at.scene.events()
    expect(types.filter((type) => type === 'factor.used')).toHaveLength(2)
  })

  test('is spent by a wrong answer too, and not good later (O2)', async () => {
    const held = await keyed()
    const { flow, key } = held
    const { browser } = held.one
    const { challengeId, options } = await question(browser, flow)
    expect((await show(browser, { flow, challengeId, credential: '{}' })).status).toBe(422)
    const credential = key.answer(options.challenge, here)
    const spent = await show(browser, { flow, challengeId, credential })
    expect([spent.status, await problem(spent)]).toEqual([422, 'That took too long. Try again.'])
    const late = await question(browser, flow)
    held.at.scene.pass(5 * minute)
    const after = key.answer(late.options.challenge, here)
    const refused = await show(browser, {
      ...{ flow, challengeId: late.challengeId, credential: after },
    })
    expect(refused.status).toBe(422)
    expect((await assuranceOf(held)).aal).toBe('aal1')
  })

  test('is answered in the sign-in, the browser and by the account that it was asked of', async () => {
    const held = await keyed()
    const { at, one, flow, key } = held
    const { challengeId, options } = await question(one.browser, flow)
    const credential = key.answer(options.challenge, here)
    const other = await asked(one.browser)
    const elsewhere = await show(one.browser, { flow: other.flow, challengeId, credential })
    expect(elsewhere.status).toBe(422)
    const bob = await person(at, { email: 'bob@example.com' })
    const stranger = await show(bob.browser, { flow, challengeId, credential })
    expect(stranger.headers.get('location')).not.toBe(`/oidc/auth/${flow}`)
    const foreign = { origin: 'https://evil.example' }
    const form = { flow, factor: 'key', challenge: challengeId, credential }
    expect((await one.browser.send(page, form, foreign)).status).toBe(403)
    expect((await one.browser.send(`${page}/options`, form, foreign)).status).toBe(403)
    // Bob, in the browser that asked.
    await signIn(at, one.browser, bob.user)
    expect((await show(one.browser, { flow, challengeId, credential })).status).toBe(303)
    expect((await listSessions(at.scene.ctx, bob.user.id)).every(({ aal }) => aal === 'aal1')).toBe(
      true,
    )
    expect((await assuranceOf(held)).aal).toBe('aal1')
  })

  test('is no question of the sign-in, nor of a client: the answers are not mixed', async () => {
    const held = await keyed()
    const { at, one, flow, key } = held
    const asks = await question(one.browser, flow)
    const credential = key.answer(asks.options.challenge, here)
    const signsIn = await one.browser.send('/sign-in/passkey', {
      ...{ flow, challenge: asks.challengeId, credential },
    })
    expect(signsIn.status).not.toBe(303)
    const first = await one.browser.send('/sign-in/passkey/options', { flow })
    const { challengeId, options } = (await first.json()) as Question
    const answer = key.answer(options.challenge, here)
    expect((await show(one.browser, { flow, challengeId, credential: answer })).status).toBe(422)
    const client = await at.ask('/auth/v1/passkeys/authentication/verify', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ challenge_id: asks.challengeId, credential: JSON.parse(credential) }),
    })
    expect(client.status).toBeGreaterThanOrEqual(400)
    expect((await assuranceOf(held)).aal).toBe('aal1')
  })

  test('is refused to another key, page, name, ceremony and count, and the log says so', async () => {
    const held = await keyed()
    const { one, flow, key, at } = held
    const bob = await person(at, { email: 'bob@example.com' })
    const theirs = softwareKey()
    await keepPasskey({ at, one: bob }, theirs)
    expect((await showKey(held, flow, key, { counter: 9 })).status).toBe(303)
    const later = await again(held)
    const { flow: next } = await asked(one.browser)
    const wrong: Record<string, (challenge: string) => string> = {
      'another’s key': (challenge) => theirs.answer(challenge, here),
      'another page': (challenge) => key.answer(challenge, { ...here, origin: 'http://evil.test' }),
      'another name': (challenge) => key.answer(challenge, { ...here, relyingParty: 'evil.test' }),
      'another question': () => key.answer('another', here),
      'a registration': (challenge) => key.answer(challenge, here, { type: 'webauthn.create' }),
      'nobody there': (challenge) => key.answer(challenge, here, { flags: 0 }),
      'another’s handle': (challenge) =>
        key.answer(challenge, here, { counter: 10, userHandle: bob.user.id }),
      'an old count': (challenge) => key.answer(challenge, here, { counter: 9 }),
    }
    for (const [name, answer] of Object.entries(wrong)) {
      const { challengeId, options } = await question(one.browser, next)
      const credential = answer(options.challenge)
      const refused = await show(one.browser, { flow: next, challengeId, credential })
      expect([refused.status, await problem(refused)], name).toEqual([
        422,
        'Your key could not be checked. Try again, or choose another way.',
      ])
    }
    expect((await assuranceOf(later)).aal).toBe('aal1')
    const types = await at.scene.events()
    expect(types.filter((type) => type === 'verification.failed')).toHaveLength(8)
  })

  test('may be answered wrongly ten times in five minutes', async () => {
    const held = await keyed()
    const { one, flow, key, at } = held
    for (let count = 0; count < 10; count += 1) {
      expect((await show(one.browser, { flow, challengeId: '', credential: '' })).status).toBe(422)
    }
    const { challengeId, options } = await question(one.browser, flow)
    const form = { flow, challengeId, credential: key.answer(options.challenge, here) }
    const refused = await show(one.browser, form)
    expect(refused.status).toBe(429)
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    at.scene.pass(5 * minute)
    expect((await showKey(held, flow, key)).status).toBe(303)
    // A right one begins the count anew.
    for (let count = 0; count < 9; count += 1) {
      expect((await show(one.browser, { flow, challengeId: '', credential: '' })).status).toBe(422)
    }
    expect((await showKey(held, flow, key, { counter: 7 })).status).toBe(303)
  })

  test('is not answered by nonsense (M5)', async () => {
    const held = await keyed()
    const { one, flow } = held
    const { challengeId } = await question(one.browser, flow)
    const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`
    for (const credential of ['', '\0', '{}', 'null', '"x"', deep, 'x'.repeat(200_000)]) {
      for (const challenge of [challengeId, '', '\0', 'x'.repeat(5000), randomUUID()]) {
        const { status } = await show(one.browser, { flow, challengeId: challenge, credential })
        expect([400, 422, 429]).toContain(status)
        held.at.scene.pass(minute)
      }
    }
    for (const flow of ['', 'x', randomUUID()]) {
      const refused = await one.browser.send(`${page}/options`, { flow })
      expect([refused.status, await refused.json()]).toEqual([
        400,
        { code: 'interaction_not_found' },
      ])
    }
    expect((await assuranceOf(held)).aal).toBe('aal1')
  })

  test('may be left: the application is told, and nothing is raised', async () => {
    const held = await keyed()
    const { one, flow } = held
    const left = await one.browser.send(page, { flow, factor: 'key', want: 'cancel' })
    expect(left.headers.get('location')).toBe(`/oidc/auth/${flow}`)
    const back = await one.browser.open(`/oidc/auth/${flow}`)
    expect(answerOf(back).error).toBe('access_denied')
    expect((await assuranceOf(held)).aal).toBe('aal1')
  })

  test('is asked of nobody who is not signed in, or has no key', async () => {
    const at = await gate(switchedOn)
    const nobody = await browserAt(at).send(`${page}/options`, { flow: randomUUID() })
    expect([nobody.status, await nobody.json()]).toEqual([400, { code: 'interaction_not_found' }])
    const first = { at, one: await person(at) }
    await enrolApp(first)
    const held = await again(first)
    const { flow, html } = await asked(held.one.browser)
    expect(html).not.toContain('id="passkey"')
    const none = await held.one.browser.send(`${page}/options`, { flow })
    expect([none.status, await none.json()]).toEqual([400, { code: 'factor_not_found' }])
  })
})
