import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { minute } from '../../src/base/time.ts'
import {
  answerOf,
  authPath,
  browserAt,
  claimsOf,
  codeForm,
  redemption,
  shopBasic,
  type Tokens,
} from './oidc-client.ts'
import {
  again,
  asked,
  assuranceOf,
  enrolApp,
  enrolKey,
  here,
  keepPasskey,
  page,
  question,
  show,
  showKey,
  stage,
  switchedOn,
} from './second-keys.ts'
import { softwareKey } from './software-key.ts'

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
