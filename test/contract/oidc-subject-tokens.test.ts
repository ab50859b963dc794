import { describe, expect, test } from 'vitest'
import { minute } from '../../src/base/time.ts'
import { managementResource } from '../../src/flows/subject-token.ts'
import { createApplication } from '../../src/model/application.ts'
import { createResource } from '../../src/model/resource.ts'
import { createRole, setApplicationRoles } from '../../src/model/role.ts'
import {
  createPersonalAccessToken,
  deletePersonalAccessToken,
  listPersonalAccessTokens,
} from '../../src/model/subject-token.ts'
import { updateUser } from '../../src/model/user.ts'
import { authority, bills, machineTokens, things } from './oidc-authority.ts'
import { claimsOf, tokensFor, verdict } from './oidc-client.ts'
import { exchange, exchanged, personalType, stage, subjectFor } from './oidc-exchanges.ts'

describe('only applications that were let', () => {
  test('exchange tokens (RFC-8693)', async () => {
    const at = await authority()
    const subject_token = await subjectFor(at)
    expect(await verdict(await exchange(at, { subject_token }))).toBe('400 unauthorized_client')
    await createApplication(at.scene.ctx, {
      ...{ id: 'partner', secret: 'the-secret-of-a-partner', name: 'P', type: 'Traditional' },
      ...{ isThirdParty: true, customClientMetadata: { allowTokenExchange: true } },
    })
    const partner = `Basic ${Buffer.from('partner:the-secret-of-a-partner').toString('base64')}`
    const foreign = await exchange(at, { subject_token }, { authorization: partner })
    expect(await verdict(foreign)).toBe('400 unauthorized_client')
    const wrong = await exchange(at, { subject_token, client_id: 'shop' }, {})
    expect(await verdict(wrong)).toBe('401 invalid_client')
  })

  test('make subject tokens: machines with the role', async () => {
    const at = await stage()
    const { ctx } = at.scene
    await createResource(ctx, {
      ...{ name: 'Management', indicator: managementResource, scopes: [{ name: 'all' }] },
    })
    await createRole(ctx, {
      ...{ name: 'manager', type: 'MachineToMachine' },
      scopes: [{ resource: managementResource, name: 'all' }],
    })
    const ask = (token: string | null, body: unknown) =>
      at.ask('/api/subject-tokens', {
        method: 'POST',
        body: typeof body === 'string' ? body : JSON.stringify(body),
        headers: {
          'content-type': 'application/json',
          ...(token !== null && { authorization: `Bearer ${token}` }),
        },
      })
    const body = { userId: at.ann.user.id, context: { ticket: 7 } }
    const powerless = await machineTokens(at, { resource: managementResource })
    expect(await verdict(await ask(powerless.access_token, body))).toBe('403 insufficient_scope')
    await setApplicationRoles(ctx, 'machine', ['manager'])
    const { access_token } = await machineTokens(at, { resource: managementResource })
    const answer = await ask(access_token, body)
    expect(answer.status).toBe(201)
    const { subjectToken, expiresIn } = await answer.json()
    expect([subjectToken.slice(0, 4), expiresIn]).toEqual(['sub_', 600])
    expect((await exchange(at, { subject_token: subjectToken })).status).toBe(200)
    expect(await verdict(await ask(null, body))).toBe('401 invalid_token')
    const other = await machineTokens(at, { resource: bills })
    expect(await verdict(await ask(other.access_token, body))).toBe('401 invalid_token')
    const anns = await tokensFor(at, at.ann.browser)
    expect(await verdict(await ask(anns.access_token, body))).toBe('401 invalid_token')
    for (const wrong of [
      {},
      [],
      7,
      { userId: 'x' },
      { ...body, context: 1 },
      { ...body, more: 1 },
      { ...body, context: { half: '\ud800' } },
      { ...body, context: { '\udc00': 1 } },
      { ...body, context: { nul: '\0' } },
      JSON.stringify(body).replace('7', `${'['.repeat(6000)}${']'.repeat(6000)}`),
    ]) {
      expect(await verdict(await ask(access_token, wrong))).toBe('400 invalid_request')
    }
    const nobody = { userId: '00000000-0000-4000-8000-000000000000' }
    expect((await ask(access_token, nobody)).status).toBe(403)
  })
})

test('a personal access token is exchanged until it expires or goes', async () => {
  const at = await stage()
  const { ctx } = at.scene
  const userId = at.ann.user.id
  const { value: subject_token } = await createPersonalAccessToken(ctx, {
    ...{ userId, name: 'laptop', expiresAt: null },
  })
  const again = { userId, name: 'laptop', expiresAt: null }
  await expect(createPersonalAccessToken(ctx, again)).rejects.toMatchObject({ code: 'conflict' })
  const fields = { subject_token, subject_token_type: personalType, resource: things }
  for (let turn = 0; turn < 2; turn += 1) {
    const tokens = await exchanged(at, fields)
    expect(claimsOf(tokens.access_token)).toMatchObject({ sub: userId, scope: 'read:things' })
  }
  // One kind of token is not taken for another.
  const mistaken = await exchange(at, { subject_token })
  expect(await verdict(mistaken)).toBe('400 invalid_request')
  const { value: brief } = await createPersonalAccessToken(ctx, {
    ...{ userId, name: 'brief', expiresAt: new Date(ctx.now().getTime() + 1 * minute) },
  })
  expect((await exchange(at, { ...fields, subject_token: brief })).status).toBe(200)
  at.scene.pass(2 * minute)
  const late = await exchange(at, { ...fields, subject_token: brief })
  expect(await verdict(late)).toBe('400 invalid_request')
  expect((await listPersonalAccessTokens(ctx, userId)).map(({ name }) => name)).toEqual([
    'brief',
    'laptop',
  ])
  await updateUser(ctx, userId, { bannedUntil: new Date(ctx.now().getTime() + 1 * minute) })
  expect(await verdict(await exchange(at, fields))).toBe('400 invalid_request')
  await updateUser(ctx, userId, { bannedUntil: null })
  expect((await exchange(at, fields)).status).toBe(200)
  expect(await deletePersonalAccessToken(ctx, userId, 'laptop')).toBe(true)
  expect(await verdict(await exchange(at, fields))).toBe('400 invalid_request')
  expect(await at.scene.events()).toEqual(
    expect.arrayContaining(['personal-access-token.created', 'personal-access-token.deleted']),
  )
})
