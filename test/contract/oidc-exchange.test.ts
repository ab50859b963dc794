import { describe, expect, test } from 'vitest'
import { hour, minute } from '../../src/base/time.ts'
import { createApplication } from '../../src/model/application.ts'
import { endSession } from '../../src/model/session.ts'
import { deleteUser, updateUser } from '../../src/model/user.ts'
import {
  apiBasic,
  bills,
  introspect,
  machineTokens,
  refreshed,
  things,
  wideTokens,
} from './oidc-authority.ts'
import {
  claimsOf,
  type Fields,
  machineBasic,
  me,
  person,
  shopBasic,
  tokensFor,
  verdict,
} from './oidc-client.ts'
import {
  accessTokenType,
  exchange,
  exchanged,
  personalType,
  stage,
  subjectFor,
} from './oidc-exchanges.ts'

describe('a subject token', () => {
  test('is exchanged for an opaque token of its user, once, and nothing else comes with it', async () => {
    const at = await stage()
    const subject_token = await subjectFor(at)
    const tokens = await exchanged(at, { subject_token, scope: 'openid email offline_access' })
    expect(tokens).toEqual({
      access_token: expect.stringMatching(/^[\w-]{80,}$/),
      issued_token_type: accessTokenType,
      token_type: 'Bearer',
      expires_in: 3600,
      scope: 'openid email',
    })
    expect(await (await me(at, tokens.access_token)).json()).toMatchObject({
      sub: at.ann.user.id,
      email: 'ann@example.com',
    })
    expect(await verdict(await exchange(at, { subject_token }))).toBe('400 invalid_request')
    expect(await at.scene.events()).toEqual(
      expect.arrayContaining(['subject-token.created', 'grant.created', 'token.exchanged']),
    )
  })

  test('of fifty exchanges at once, gives one', async () => {
    const at = await stage()
    const subject_token = await subjectFor(at)
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => exchange(at, { subject_token, scope: 'openid' })),
    )
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    const grants = await at.scene.ctx.db.selectFrom('idp.grants').select('id').execute()
    expect(grants).toHaveLength(1)
  })

  test('gives an API’s token with what the user’s roles hold, and no more (RFC-8693)', async () => {
    const at = await stage()
    const ask = async (fields: Fields) =>
      exchanged(at, { subject_token: await subjectFor(at), ...fields })
    const all = await ask({ resource: things })
    expect(claimsOf(all.access_token)).toMatchObject({
      ...{ sub: at.ann.user.id, client_id: 'shop', aud: things, scope: 'read:things' },
    })
    expect((await ask({ audience: things, scope: 'read:things write:things' })).scope).toBe(
      'read:things',
    )
    expect((await ask({ resource: things, scope: 'write:things' })).scope).toBe('')
    const acme = await ask({ organization_id: 'acme' })
    expect(claimsOf(acme.access_token)).toMatchObject({
      ...{ aud: 'urn:logto:organization:acme', scope: 'invite:members remove:members' },
    })
    const inAcme = await ask({ resource: bills, organization_id: 'acme' })
    expect(claimsOf(inAcme.access_token)).toMatchObject({
      ...{ aud: bills, organization_id: 'acme', scope: 'read:bills' },
    })
    expect(await introspect(at, inAcme.access_token)).toMatchObject({
      ...{ active: true, sub: at.ann.user.id, client_id: 'shop' },
    })
  })

  test('that is refused for its target is not spent', async () => {
    const at = await stage()
    const subject_token = await subjectFor(at)
    const other = await exchange(at, { subject_token, organization_id: 'other' })
    expect(await verdict(other)).toBe('403 access_denied')
    const unknown = await exchange(at, { subject_token, resource: 'https://nobody.example' })
    expect(await verdict(unknown)).toBe('400 invalid_target')
    const both = await exchange(at, { subject_token, resource: things, audience: bills })
    expect(await verdict(both)).toBe('400 invalid_target')
    expect((await exchange(at, { subject_token, resource: things })).status).toBe(200)
  })

  test('is good for ten minutes, for who may sign in, and rests as a hash', async () => {
    const at = await stage()
    const { ctx } = at.scene
    const late = await subjectFor(at)
    const rows = await ctx.db.selectFrom('idp.subject_tokens').selectAll().execute()
    expect(JSON.stringify(rows)).not.toContain(late.slice(4))
    at.scene.pass(10 * minute)
    expect(await verdict(await exchange(at, { subject_token: late }))).toBe('400 invalid_request')
    const bob = await person(at, { email: 'bob@example.com' })
    const banned = await subjectFor(at, bob.user.id)
    await updateUser(ctx, bob.user.id, {
      bannedUntil: new Date(ctx.now().getTime() + 1 * hour),
    })
    expect(await verdict(await exchange(at, { subject_token: banned }))).toBe('400 invalid_request')
    await expect(subjectFor(at, '00000000-0000-4000-8000-000000000000')).rejects.toMatchObject({
      code: 'user_not_found',
    })
  })

  test('falls with its user, and can be revoked (E14)', async () => {
    const at = await stage()
    const first = await exchanged(at, { subject_token: await subjectFor(at), resource: things })
    const second = await exchanged(at, { subject_token: await subjectFor(at), scope: 'openid' })
    await at.post('/oidc/token/revocation', { token: first.access_token }, shopBasic)
    expect(await introspect(at, first.access_token)).toEqual({ active: false })
    await deleteUser(at.scene.ctx, at.ann.user.id)
    expect(await introspect(at, second.access_token)).toEqual({ active: false })
  })
})

describe('an access token as subject', () => {
  test('goes to an API, which gets no more than it was shown (RFC-8693)', async () => {
    const at = await stage()
    const tokens = await wideTokens(at)
    const shown = await refreshed(at, tokens, { resource: things })
    const subject = { subject_token: shown.access_token }
    const next = await exchanged(at, { ...subject, resource: things }, apiBasic)
    expect(claimsOf(next.access_token)).toMatchObject({
      ...{ sub: at.ann.user.id, client_id: 'api', scope: 'read:things' },
    })
    const wider = await exchange(at, { ...subject, resource: bills, scope: 'read:bills' }, apiBasic)
    expect(await verdict(wider)).toBe('400 invalid_scope')
    const elsewhere = await exchanged(at, { ...subject, resource: bills }, apiBasic)
    expect(elsewhere.scope).toBe('')
    const organization = await exchange(at, { ...subject, organization_id: 'acme' }, apiBasic)
    expect(await verdict(organization)).toBe('403 insufficient_scope')
    const own = await exchange(at, { ...subject, scope: 'openid' }, apiBasic)
    expect(await verdict(own)).toBe('400 invalid_scope')
  })

  test('of an organization stays in it', async () => {
    const at = await stage()
    const tokens = await wideTokens(at)
    const shown = await refreshed(at, tokens, { organization_id: 'acme' })
    const subject = { subject_token: shown.access_token }
    const next = await exchanged(at, subject, apiBasic)
    expect(claimsOf(next.access_token)).toMatchObject({
      ...{ aud: 'urn:logto:organization:acme', scope: 'invite:members' },
    })
    const other = await exchange(at, { ...subject, organization_id: 'other' }, apiBasic)
    expect(await verdict(other)).toBe('403 access_denied')
  })

  test('ends with the session from which it came (E14)', async () => {
    const at = await stage()
    const { access_token } = await tokensFor(at, at.ann.browser)
    const next = await exchanged(at, { subject_token: access_token })
    expect(next.scope).toBe('openid profile email')
    expect((await me(at, next.access_token)).status).toBe(200)
    await endSession(at.scene.ctx, at.ann.sessionId)
    expect((await me(at, next.access_token)).status).toBe(401)
    expect(await verdict(await exchange(at, { subject_token: access_token }))).toBe(
      '400 invalid_request',
    )
  })

  test('of somebody else, of a machine, of another kind, or none at all is refused (E14) (RFC-8693)', async () => {
    const at = await stage()
    const tokens = await tokensFor(at, at.ann.browser)
    await createApplication(at.scene.ctx, {
      ...{ id: 'rival', secret: 'the-secret-of-a-rival', name: 'Rival', type: 'Traditional' },
      customClientMetadata: { allowTokenExchange: true },
    })
    const rival = `Basic ${Buffer.from('rival:the-secret-of-a-rival').toString('base64')}`
    const foreign = await exchange(
      at,
      { subject_token: tokens.access_token },
      { authorization: rival },
    )
    expect(await verdict(foreign)).toBe('400 invalid_request')
    const machine = await machineTokens(at, { resource: bills })
    const wrong: Fields[] = [
      { subject_token: machine.access_token },
      { subject_token: tokens.id_token },
      { subject_token: tokens.refresh_token },
      { subject_token: 'a.b.c' },
      { subject_token: 'sub_' },
      { subject_token: 'pat_x', subject_token_type: personalType },
      { subject_token: undefined },
      { subject_token: tokens.access_token, subject_token_type: undefined },
      ...['id_token', 'refresh_token', 'saml2'].map((name) => ({
        subject_token: tokens.access_token,
        subject_token_type: `urn:ietf:params:oauth:token-type:${name}`,
      })),
      {
        subject_token: tokens.access_token,
        requested_token_type: 'urn:ietf:params:oauth:token-type:refresh_token',
      },
      { subject_token: tokens.access_token, actor_token: tokens.access_token },
      { subject_token: tokens.access_token, actor_token_type: accessTokenType },
      {
        ...{ subject_token: tokens.access_token, actor_token: tokens.id_token },
        actor_token_type: 'urn:ietf:params:oauth:token-type:id_token',
      },
      {
        ...{ subject_token: tokens.access_token, actor_token: machine.access_token },
        actor_token_type: accessTokenType,
      },
    ]
    for (const who of [shopBasic, apiBasic]) {
      for (const fields of wrong) {
        expect([await verdict(await exchange(at, fields, who)), fields]).toEqual([
          '400 invalid_request',
          fields,
        ])
      }
    }
    at.scene.pass(2 * hour)
    const expired = await exchange(at, { subject_token: tokens.access_token })
    expect(await verdict(expired)).toBe('400 invalid_request')
  })
})

describe('who acts for somebody', () => {
  test('is told with the token, and the chain is kept (RFC-8693)', async () => {
    const at = await stage()
    const { access_token } = await tokensFor(at, at.ann.browser)
    const bob = await person(at, { email: 'bob@example.com' })
    const bobs = await tokensFor(at, bob.browser)
    const first = await exchanged(at, {
      ...{ subject_token: access_token, actor_token: bobs.access_token },
      actor_token_type: accessTokenType,
    })
    const told = { sub: bob.user.id }
    expect(await introspect(at, first.access_token)).toMatchObject({
      sub: at.ann.user.id,
      act: told,
    })
    // Nobody is left out by exchanging again.
    const again = await exchanged(at, { subject_token: first.access_token, resource: things })
    expect(claimsOf(again.access_token).act).toEqual(told)
    const machine = await machineTokens(at, { resource: bills })
    const chained = await exchanged(
      at,
      {
        ...{ subject_token: again.access_token, resource: things },
        ...{ actor_token: machine.access_token, actor_token_type: accessTokenType },
      },
      machineBasic,
    )
    const act = { sub: 'machine', act: told }
    expect(claimsOf(chained.access_token)).toMatchObject({ sub: at.ann.user.id, act })
    expect(await introspect(at, chained.access_token)).toMatchObject({ act })
    const events = await at.scene.ctx.db
      .selectFrom('idp.events')
      .select('details')
      .where('type', '=', 'token.exchanged')
      .orderBy('id', 'desc')
      .executeTakeFirst()
    expect(events?.details).toEqual({ subject: 'access-token', act })
  })

  test('cannot act without end', async () => {
    const at = await stage()
    const { access_token } = await tokensFor(at, at.ann.browser)
    let subject = access_token
    const step = (subject_token: string) =>
      exchange(at, {
        ...{ subject_token, actor_token: access_token, actor_token_type: accessTokenType },
      })
    for (let turn = 0; turn < 8; turn += 1)
      subject = (await (await step(subject)).json()).access_token
    expect(await verdict(await step(subject))).toBe('400 invalid_request')
  })
})
