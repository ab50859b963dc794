import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { transaction } from '../../src/base/context.ts'
import { day, hour } from '../../src/base/time.ts'
import { tidy } from '../../src/flows/housekeeping.ts'
import { changePerson } from '../../src/flows/people.ts'
import { signOut, signOutEverywhere } from '../../src/flows/sign-out.ts'
import { createApplication } from '../../src/model/application.ts'
import { setConsentScopes } from '../../src/model/application-consent.ts'
import { updateUser } from '../../src/model/user.ts'
import {
  authPath,
  browserAt,
  type Fields,
  type Gate,
  gate,
  me,
  type Person,
  person,
  shopBasic,
  signIn,
  type Tokens,
  tokensFor,
  verdict,
} from './oidc-client.ts'
import { answerDevice, begin, poll, stage } from './oidc-devices.ts'

// A device's tokens hang on the session in which they were allowed, as a browser's application's do: with
// `offline_access` they need no browser, and a sign-out ends them all the same.

interface Home extends Gate {
  ann: Person
  /** What each has now, by application. */
  tokens: { shop: Tokens; tv: Tokens }
}

/** The shop, in Ann's browser, and her television, which she allowed there. */
async function home(): Promise<Home> {
  const at = await stage()
  const shop = await tokensFor(at, at.ann.browser)
  const waiting = await begin(at)
  await answerDevice(at.ann.browser, waiting.user_code, 'allow')
  const tv = (await (await poll(at, waiting.device_code)).json()) as Tokens
  return { ...at, tokens: { shop, tv } }
}

/** What a refresh of each says, and user info with the token that it has now. */
async function said(at: Home): Promise<Record<'shop' | 'tv', string[]>> {
  const ask = async (id: 'shop' | 'tv') => {
    const form: Fields = { grant_type: 'refresh_token', client_id: id }
    const answer = await at.post(
      '/oidc/token',
      { ...form, refresh_token: at.tokens[id].refresh_token },
      id === 'shop' ? shopBasic : {},
    )
    if (answer.status === 200) at.tokens[id] = (await answer.clone().json()) as Tokens
    return [await verdict(answer), await verdict(await me(at, at.tokens[id].access_token))]
  }
  return { shop: await ask('shop'), tv: await ask('tv') }
}

const both = (refreshed: string, told: string) => ({
  shop: [refreshed, told],
  tv: [refreshed, told],
})
const live = both('200', '200')
const ended = both('400 invalid_grant', '401 invalid_token')

test('they outlive the browser’s cookie, and its tidying', async () => {
  const at = await home()
  at.scene.pass(13 * day)
  expect(await said(at)).toEqual(live)
  at.scene.pass(2 * day)
  const { location } = Object.fromEntries((await at.ann.browser.open(authPath())).headers)
  expect(location).toMatch(/^\/sign-in\?/)
  await tidy(at.scene.ctx)
  expect(await said(at)).toEqual(live)
  at.scene.pass(12 * day)
  await tidy(at.scene.ctx)
  expect(await said(at)).toEqual(live)
})

test('they outlive a sign-in of somebody else at the same browser', async () => {
  const at = await home()
  await person(at, { email: 'bob@example.com' }).then(({ user }) =>
    signIn(at, at.ann.browser, user),
  )
  expect(await said(at)).toEqual(live)
})

test('a sign-out in that browser ends them', async () => {
  const at = await home()
  const { id_token } = at.tokens.shop
  await at.ann.browser.send('/oidc/session/end', { id_token_hint: id_token })
  expect(await said(at)).toEqual(ended)
})

test('a sign-out elsewhere ends them when it is for all sessions, or for all others', async () => {
  for (const scope of ['local', 'others', 'global'] as const) {
    const at = await home()
    const elsewhere = await signIn(at, browserAt(at), at.ann.user)
    await signOut(at.scene.ctx, at.ann.user, { scope, sessionId: elsewhere })
    expect(await said(at), scope).toEqual(scope === 'local' ? live : ended)
  }
})

test('a new password ends them, and so does a sign-out everywhere', async () => {
  const one = await home()
  const { ctx } = one.scene
  const change = { passwordHash: one.ann.user.passwordHash ?? 'another' }
  await transaction(ctx, (ctx) => changePerson(ctx, one.ann.user.id, change))
  expect(await said(one)).toEqual(ended)
  const other = await home()
  await signOutEverywhere(other.scene.ctx, other.ann.user)
  expect(await said(other)).toEqual(ended)
})

test('they rest while their user is banned', async () => {
  const at = await home()
  const { ctx } = at.scene
  const until = (bannedUntil: Date | null) => updateUser(ctx, at.ann.user.id, { bannedUntil })
  await until(new Date(ctx.now().getTime() + 1 * hour))
  expect(await said(at)).toEqual(ended)
  await until(null)
  expect(await said(at)).toEqual(live)
})

test('a session with a date of its own ends them then', async () => {
  const at = await home()
  const { db } = at.scene.ctx
  const end = new Date(at.scene.ctx.now().getTime() + 1 * hour)
  await sql`update auth.sessions set not_after = ${end} where id = ${at.ann.sessionId}`.execute(db)
  expect(await said(at)).toEqual(live)
  at.scene.pass(1 * hour)
  expect(await said(at)).toEqual(ended)
})

test('one that is another’s gets nothing for what was taken back before it asked', async () => {
  const at = await gate()
  const { ctx } = at.scene
  await createApplication(ctx, {
    ...{ id: 'tv', name: 'Foreign TV', type: 'Native', isThirdParty: true },
    customClientMetadata: { isDeviceFlow: true },
  })
  await setConsentScopes(ctx, 'tv', {
    userScopes: ['email'],
    ...{ resourceScopes: [], organizationScopes: [], organizationResourceScopes: [] },
  })
  const { browser, user } = await person(at)
  const allowed = async () => {
    await sql`insert into idp.consents (user_id, application_id, scopes)
      values (${user.id}, 'tv', '{email,offline_access}') on conflict do nothing`.execute(ctx.db)
    const waiting = await begin(at)
    expect(await answerDevice(browser, waiting.user_code, 'allow')).toMatch(/device-allowed$/)
    return waiting.device_code
  }
  expect((await poll(at, await allowed())).status).toBe(200)
  const late = await allowed()
  await sql`delete from idp.consents`.execute(ctx.db)
  expect(await verdict(await poll(at, late))).toBe('400 invalid_grant')
})
