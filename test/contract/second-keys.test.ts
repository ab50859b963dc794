import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { Secret, TOTP } from 'otpauth'
import { describe, expect, test } from 'vitest'
import { transaction } from '../../src/base/context.ts'
import { minute } from '../../src/base/time.ts'
import { enrollFactor } from '../../src/flows/factor.ts'
import { challengeFactor } from '../../src/flows/factor-challenge.ts'
import { type Proof, proveFactor } from '../../src/flows/factor-proof.ts'
import type { Holder } from '../../src/flows/passkey-registration.ts'
import { createPasskey } from '../../src/model/passkey.ts'
import { listSessions } from '../../src/model/session.ts'
import { findUserWithSession } from '../../src/model/user-session.ts'
import {
  answerOf,
  authPath,
  type Browser,
  browserAt,
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
import { newPasskey, type SoftwareKey, softwareKey } from './software-key.ts'

const page = '/sign-in/second-factor'
const here = { origin: 'http://localhost:3001', relyingParty: 'localhost' }
const switchedOn = {
  GOTRUE_MFA_WEB_AUTHN_ENROLL_ENABLED: 'true',
  GOTRUE_MFA_WEB_AUTHN_VERIFY_ENABLED: 'true',
}

interface Stage {
  at: Gate
  one: Person
}

/** Somebody who has signed in by a password alone. */
async function stage(environment: Record<string, string> = switchedOn): Promise<Stage> {
  const at = await gate(environment)
  return { at, one: await person(at) }
}

async function holderOf(at: Gate, { user, sessionId }: Person): Promise<Holder> {
  const found = await findUserWithSession(at.scene.ctx, { userId: user.id, sessionId })
  if (found?.session == null) throw new Error('Nobody is there.')
  return { user: found.user, session: found.session }
}

/** What a client does by `/auth/v1/factors`; the session is a new one afterwards, of a password alone. */
async function enrol(
  { at, one }: Stage,
  wish: { type: 'webauthn' | 'totp'; name: string },
  prove: (challenge: string, secret: string) => Proof,
): Promise<string> {
  const { ctx } = at.scene
  const { factor, totp } = await enrollFactor(ctx, await holderOf(at, one), {
    ...{ type: wish.type, friendlyName: wish.name, issuer: 'Test' },
  })
  const holder = await holderOf(at, one)
  const asked = await challengeFactor(ctx, holder, { factor, channel: 'sms' })
  const challenge = String(asked.ceremony?.options.challenge)
  const proof = prove(challenge, totp?.secret ?? '')
  await proveFactor(ctx, holder, { factor, challengeId: asked.id, proof })
  return factor.id
}

async function enrolKey(stage: Stage, key: SoftwareKey, name = 'a key'): Promise<string> {
  return enrol(stage, { type: 'webauthn', name }, (challenge) => ({
    ...{ type: 'create', credential: JSON.parse(key.register(challenge, here)) },
  }))
}

async function enrolApp(stage: Stage): Promise<{ id: string; code: () => string }> {
  const { ctx } = stage.at.scene
  let app: TOTP | null = null
  const code = () => app?.generate({ timestamp: ctx.now().getTime() }) ?? ''
  const id = await enrol(stage, { type: 'totp', name: '' }, (_challenge, secret) => {
    app = new TOTP({ secret: Secret.fromBase32(secret) })
    return { type: 'code', code: code() }
  })
  return { id, code }
}

async function keepPasskey({ at, one }: Stage, key: SoftwareKey): Promise<string> {
  const { id } = await transaction(at.scene.ctx, (ctx) =>
    createPasskey(ctx, one.user, newPasskey(key)),
  )
  return id
}

/** A sign-in of now, by a password. */
async function again({ at, one }: Stage, browser = one.browser): Promise<Stage> {
  at.scene.pass(5 * minute)
  const sessionId = await signIn(at, browser, one.user)
  at.scene.pass(5 * minute)
  return { at, one: { ...one, browser, sessionId } }
}

/** The application that wants to be surer, and the page that it leads to. */
async function asked(browser: Browser): Promise<{ flow: string; html: string }> {
  const response = await browser.open(authPath({ acr_values: 'aal2' }))
  const location = response.headers.get('location') ?? ''
  expect(location).toMatch(/^\/sign-in\/second-factor\?app_id=shop&flow=/)
  const html = await (await browser.open(location)).text()
  return { flow: answerOf(response).flow ?? '', html }
}

interface Question {
  challengeId: string
  options: { challenge: string; allowCredentials: { id: string }[] } & Record<string, unknown>
}

async function question(browser: Browser, flow: string): Promise<Question> {
  const response = await browser.send(`${page}/options`, { flow, factor: 'key' })
  expect(response.status).toBe(200)
  return (await response.json()) as Question
}

function show(
  browser: Browser,
  { flow, challengeId, credential }: { flow: string; challengeId: string; credential: string },
): Promise<Response> {
  return browser.send(page, { flow, factor: 'key', challenge: challengeId, credential })
}

async function showKey(
  { one: { browser } }: Stage,
  flow: string,
  key: SoftwareKey,
  change: Parameters<SoftwareKey['answer']>[2] = {},
): Promise<Response> {
  const { challengeId, options } = await question(browser, flow)
  const credential = key.answer(options.challenge, here, change)
  return show(browser, { flow, challengeId, credential })
}

async function assuranceOf({ at, one }: Stage) {
  const { session } = await holderOf(at, one)
  return { aal: session.aal, amr: session.amr.map(({ method }) => method).sort() }
}

const problem = async (response: Response) =>
  /role="alert"[^>]*>([^<]*)</.exec(await response.text())?.[1] ?? null

describe('a security key of /auth/v1/factors', () => {
  test('is all that somebody has, and raises the session: nobody is let through or stuck (C18)', async () => {
    const key = softwareKey()
    const first = await stage()
    await enrolKey(first, key)
    const held = await again(first)
    const { at, one } = held
    const { flow, html } = await asked(one.browser)
    expect(html).toContain('security key or passkey')
    expect(html).not.toContain('id="code"')
    // Without its answer the application gets nothing.
    const early = await one.browser.open(`/oidc/auth/${flow}`)
    expect(early.headers.get('location')).toMatch(/^\/sign-in\/second-factor\?/)
    expect(await assuranceOf(held)).toEqual({ aal: 'aal1', amr: ['password'] })

    const { challengeId, options } = await question(one.browser, flow)
    expect(options).toEqual({
      challenge: expect.stringMatching(/^[\w-]{43}$/),
      rpId: 'localhost',
      allowCredentials: [
        { type: 'public-key', id: key.id.toString('base64url'), transports: ['internal'] },
      ],
      userVerification: 'preferred',
      timeout: 5 * minute,
    })
    const credential = key.answer(options.challenge, here, { counter: 7 })
    const done = await show(one.browser, { flow, challengeId, credential })
    expect(done.headers.get('location')).toBe(`/oidc/auth/${flow}`)
    expect(await assuranceOf(held)).toEqual({ aal: 'aal2', amr: ['mfa/webauthn', 'password'] })
    const back = await one.browser.open(`/oidc/auth/${flow}`)
    const redeemed = await at.post('/oidc/token', redemption(answerOf(back).code ?? ''), shopBasic)
    const { id_token } = (await redeemed.json()) as Tokens
    expect(claimsOf(id_token).acr).toBe('aal2')
    expect(await at.scene.events()).toContain('factor.used')
    expect((await at.scene.audited()).at(-1)).toBe('verification_attempted')
    const { rows } = await sql<{ counter: number }>`
      select (web_authn_credential->'authenticator'->>'signCount')::int as counter from auth.mfa_factors`.execute(
      at.scene.ctx.db,
    )
    expect(rows).toEqual([{ counter: 7 }])
    const next = await one.browser.open(authPath({ acr_values: 'aal2', prompt: 'none' }))
    expect(answerOf(next).code).toMatch(codeForm)
  })

  test('is not asked for where its kind is switched off, or its name is another’s (C18)', async () => {
    for (const change of [
      { GOTRUE_MFA_WEB_AUTHN_VERIFY_ENABLED: 'false' },
      { GOTRUE_WEBAUTHN_RP_ID: 'elsewhere.example' },
      { SEKISHO_PUBLIC_URL: 'http://127.0.0.1:3001' },
    ]) {
      const first = await stage({ ...switchedOn, ...change })
      const { ctx } = first.at.scene
      await sql`insert into auth.mfa_factors (id, user_id, factor_type, status, created_at, updated_at, web_authn_credential)
        values (${randomUUID()}, ${first.one.user.id}, 'webauthn', 'verified', now(), now(), ${JSON.stringify(
          {
            id: softwareKey().id.toString('base64'),
            publicKey: softwareKey().publicKey.toString('base64'),
          },
        )}::text::jsonb)`.execute(ctx.db)
      const refused = await first.one.browser.open(authPath({ acr_values: 'aal2' }))
      expect(answerOf(refused).error, JSON.stringify(change)).toBe(
        'unmet_authentication_requirements',
      )
    }
  })

  test('stands next to an app, and either raises the session', async () => {
    const key = softwareKey()
    const first = await stage()
    await enrolKey(first, key)
    const app = await enrolApp(first)
    const held = await again(first)
    const { browser } = held.one
    const { flow, html } = await asked(browser)
    expect(html).toContain('id="passkey"')
    expect(html).toContain(`factor=${app.id}`)
    const other = await (await browser.open(`${page}?flow=${flow}&factor=${app.id}`)).text()
    expect(other).toContain('id="code"')
    expect(other).toContain('factor=key')
    const done = await browser.send(page, { flow, factor: app.id, code: app.code() })
    expect(done.headers.get('location')).toBe(`/oidc/auth/${flow}`)
    expect((await assuranceOf(held)).amr).toEqual(['password', 'totp'])
    const later = await again(held)
    const second = await asked(browser)
    expect((await showKey(later, second.flow, key)).status).toBe(303)
    expect((await assuranceOf(later)).amr).toEqual(['mfa/webauthn', 'password'])
  })

  test('of several each one is asked for, and the one that answers counts', async () => {
    const keys = [softwareKey(), softwareKey()] as const
    const first = await stage()
    await enrolKey(first, keys[0], 'one')
    await enrolKey(first, keys[1], 'two')
    const held = await again(first)
    const { flow } = await asked(held.one.browser)
    const { options } = await question(held.one.browser, flow)
    expect(options.allowCredentials.map(({ id }) => id).sort()).toEqual(
      keys.map(({ id }) => id.toString('base64url')).sort(),
    )
    expect((await showKey(held, flow, keys[1])).status).toBe(303)
    expect((await assuranceOf(held)).aal).toBe('aal2')
  })
})

describe('a passkey of the account', () => {
  test('is a second factor to who came by a password, and ends nobody’s sessions', async () => {
    const key = softwareKey()
    const first = await stage({})
    const id = await keepPasskey(first, key)
    const other = await again(first, browserAt(first.at))
    const held = await again(first)
    const { flow, html } = await asked(held.one.browser)
    expect(html).toContain('id="passkey"')
    const done = await showKey(held, flow, key, { counter: 9, userHandle: held.one.user.id })
    expect(done.headers.get('location')).toBe(`/oidc/auth/${flow}`)
    expect(await assuranceOf(held)).toEqual({ aal: 'aal2', amr: ['mfa/webauthn', 'password'] })
    expect((await assuranceOf(other)).aal).toBe('aal1')
    // A copy of it does not count on.
    expect((await showKey(held, flow, key, { counter: 9 })).status).toBe(422)
    expect((await held.at.scene.events()).filter((type) => type === 'factor.used')).toHaveLength(1)
    const { rows } = await sql<{ count: number }>`
      select sign_count::int as count from auth.webauthn_credentials where id = ${id}`.execute(
      held.at.scene.ctx.db,
    )
    expect(rows).toEqual([{ count: 9 }])

    // Without it, what rests upon it falls back.
    await held.one.browser.send('/account/passkeys', { want: 'remove', passkey: id })
    expect(await assuranceOf(held)).toEqual({ aal: 'aal1', amr: ['password'] })
  })

  test('of two answers with one count, given at the same time, one is a copy (O4)', async () => {
    const key = softwareKey()
    const held = await stage({})
    await keepPasskey(held, key)
    const { flow } = await asked(held.one.browser)
    const given = [await question(held.one.browser, flow), await question(held.one.browser, flow)]
    const answers = await Promise.all(
      given.map(({ challengeId, options }) => {
        const credential = key.answer(options.challenge, here, { counter: 6 })
        return show(held.one.browser, { flow, challengeId, credential })
      }),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([303, 422])
  })

  test('is the only thing shown by who came by it, unless it knows its holder', async () => {
    const key = softwareKey()
    const held = await stage({})
    await keepPasskey(held, key)
    await sql`update auth.mfa_amr_claims set authentication_method = 'passkey'`.execute(
      held.at.scene.ctx.db,
    )
    const { flow } = await asked(held.one.browser)
    const present = 1
    expect((await showKey(held, flow, key, { flags: present, counter: 6 })).status).toBe(422)
    expect((await assuranceOf(held)).aal).toBe('aal1')
    expect((await showKey(held, flow, key, { counter: 7 })).status).toBe(303)
    expect((await assuranceOf(held)).aal).toBe('aal2')
  })

  test('is added and removed by nobody who has a second factor and did not show it (C18, O1)', async () => {
    const first = await stage({})
    const app = await enrolApp(first)
    const id = await keepPasskey(first, softwareKey())
    const held = await again(first)
    const { browser } = held.one
    const refused = await browser.send('/account/passkeys/options', {})
    expect(await refused.json()).toEqual({ code: 'insufficient_aal' })
    const kept = await browser.send('/account/passkeys', { want: 'remove', passkey: id })
    expect(kept.status).toBe(403)
    const list = await (await browser.open('/account/passkeys')).text()
    expect(list).not.toContain('id="passkey"')

    // The page leads to the second factor, and that one back.
    const leads = await browser.send('/account/passkeys', { want: 'confirm' })
    const location = leads.headers.get('location') ?? ''
    expect(location).toMatch(/^\/sign-in\/second-factor\?flow=/)
    const { flow = '' } = answerOf(leads)
    const done = await browser.send(page, { flow, factor: app.id, code: app.code() })
    expect(done.headers.get('location')).toBe('/account/passkeys')
    const open = await (await browser.open('/account/passkeys')).text()
    expect(open).toContain('id="passkey"')
    const gone = await browser.send('/account/passkeys', { want: 'remove', passkey: id })
    expect(gone.status).toBe(303)
    const changed = await browser.send(page, { flow, want: 'cancel' })
    expect(changed.headers.get('location')).toBe('/account/passkeys')
    const rows = await held.at.scene.ctx.db.selectFrom('auth.webauthn_credentials').execute()
    expect(rows).toEqual([])
  })
})

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

test('without scripts the page says so, and offers what else there is', async () => {
  const first = await stage()
  await enrolKey(first, softwareKey())
  const app = await enrolApp(first)
  const held = await again(first)
  const { flow, html } = await asked(held.one.browser)
  const said = /<noscript>(.*?)<\/noscript>/s.exec(html)?.[1] ?? ''
  expect(said).toContain('allow scripts for this page')
  expect(html).toMatch(/<form id="passkey"[^>]* hidden>/)
  expect(html).toContain(`href="${page}?flow=${flow}&amp;factor=${app.id}"`)
})
