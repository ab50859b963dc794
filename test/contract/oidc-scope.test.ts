import { expect, test } from 'vitest'
import { authority, bills, machineTokens, things } from './oidc-authority.ts'
import {
  answerOf,
  authPath,
  codeForm,
  encoded,
  type Fields,
  gate,
  machineBasic,
  me,
  person,
  redemption,
  refresh,
  request,
  shopBasic,
  tokensFor,
  verdict,
} from './oidc-client.ts'
import { begin, deviceGrant, makeTv } from './oidc-devices.ts'
import { exchange, stage, subjectFor } from './oidc-exchanges.ts'

/** RFC 6749 § 3.3: what no name of a scope has in it. */
const malformed = ['openid "', 'open\\id', 'openid\temail', 'openid\nemail', 'größe', '\x7f']

test.each([...malformed, 'a\0b'])(
  'the scope %j is told to the application by redirect',
  async (scope) => {
    const at = await gate()
    const { browser } = await person(at)
    const answer = await browser.open(authPath({ scope }))
    expect(answer.status).toBe(303)
    expect(answer.headers.get('location')).toMatch(/^https:\/\/shop\.example\.com\/callback\?/)
    expect(answerOf(answer)).toMatchObject({
      error: 'invalid_scope',
      error_description: 'The parameter scope cannot be read.',
      state: 'a state',
    })
    expect(answerOf(answer).code).toBeUndefined()
    const strange = await browser.open(authPath({ scope, redirect_uri: 'https://evil.example/' }))
    expect([strange.status, strange.headers.get('location')]).toEqual([400, null])
  },
)

test('a request that is left first, or a device’s, is refused at once', async () => {
  const at = await gate()
  await makeTv(at)
  for (const scope of malformed) {
    const pushed = await at.post('/oidc/par', request({ scope }), shopBasic)
    expect(await verdict(pushed), scope).toBe('400 invalid_scope')
    const device = await at.post('/oidc/device/auth', { client_id: 'tv', scope })
    expect(await verdict(device), scope).toBe('400 invalid_scope')
  }
  const { db } = at.scene.ctx
  expect(await db.selectFrom('idp.device_codes').select('id').execute()).toEqual([])
  expect(await db.selectFrom('idp.pushed_requests').select('hash').execute()).toEqual([])
})

test('a refused refresh or exchange spends nothing', async () => {
  const at = await stage()
  const { refresh_token } = await tokensFor(at, at.ann.browser)
  const subject_token = await subjectFor(at)
  for (const scope of malformed) {
    expect(await verdict(await refresh(at, refresh_token, { scope })), scope).toBe(
      '400 invalid_scope',
    )
    const exchanging = await exchange(at, { subject_token, scope, resource: things })
    expect(await verdict(exchanging), scope).toBe('400 invalid_scope')
  }
  expect((await refresh(at, refresh_token, { scope: 'openid' })).status).toBe(200)
  expect((await exchange(at, { subject_token, resource: things })).status).toBe(200)
})

test('a machine is told, and only after it has proved itself', async () => {
  const at = await authority()
  const form = { grant_type: 'client_credentials', resource: bills, scope: 'read:bills "' }
  expect(await verdict(await at.post('/oidc/token', form, machineBasic))).toBe('400 invalid_scope')
  const unproved = await at.post('/oidc/token', { ...form, client_id: 'machine' })
  expect(await verdict(unproved)).toBe('401 invalid_client')
  const good = await machineTokens(at, { resource: bills, scope: ' read:bills  unheard:of ' })
  expect(good.scope).toBe('read:bills')
})

test.each([
  "openid unheard:of !#$%&'()*+,-./:;<=>?@[]^_`{|}~",
  ' openid  email ',
  'openid urn:example:nothing',
])('a scope that we only do not know is ignored: %j', async (scope) => {
  const at = await gate()
  const { browser } = await person(at)
  const answer = await browser.open(authPath({ scope }))
  expect(answerOf(answer).code).toMatch(codeForm)
})

test('where a grant type knows no scope, it is looked at by nobody', async () => {
  const at = await gate()
  await makeTv(at)
  const { browser } = await person(at)
  const { code = '' } = answerOf(await browser.open(authPath()))
  const form: Fields = redemption(code, { scope: 'openid "' })
  const answer = await at.post('/oidc/token', encoded(form), shopBasic)
  expect(answer.status).toBe(200)
  const { access_token } = (await answer.json()) as { access_token: string }
  expect((await me(at, access_token)).status).toBe(200)
  const { device_code } = await begin(at)
  const polled = { grant_type: deviceGrant, client_id: 'tv', device_code, scope: 'openid "' }
  expect(await verdict(await at.post('/oidc/token', polled))).toBe('400 authorization_pending')
})
