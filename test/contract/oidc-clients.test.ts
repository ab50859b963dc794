import { describe, expect, test } from 'vitest'
import { minute } from '../../src/base/time.ts'
import { findApplication } from '../../src/model/application.ts'
import { replaceApplicationSecret } from '../../src/model/application-secret.ts'
import {
  basic,
  callback,
  type Fields,
  gate,
  redemption,
  shopBasic,
  shopSecret,
  verdict,
} from './oidc-client.ts'

describe('a client proves who it is', () => {
  const form = redemption('no-such-code', { redirect_uri: callback })
  const right = 'by invalid_grant it is seen that the client was believed'

  test.each<[string, Fields, Record<string, string>, string]>([
    [right, form, shopBasic, '400 invalid_grant'],
    [right, { ...form, client_id: undefined }, shopBasic, '400 invalid_grant'],
    [right, { ...form, client_secret: shopSecret }, {}, '400 invalid_grant'],
    [right, { ...form, client_id: 'spa' }, {}, '400 invalid_grant'],
    ['both ways at once', { ...form, client_secret: shopSecret }, shopBasic, '400 invalid_request'],
    ['two names', { ...form, client_id: 'spa' }, shopBasic, '400 invalid_request'],
    ['no secret', form, {}, '401 invalid_client'],
    ['an empty secret', form, basic('shop', ''), '401 invalid_client'],
    ['a wrong secret', form, basic('shop', 'wrong'), '401 invalid_client'],
    ['somebody’s secret', form, basic('shop', 'the-secret-of-the-machine'), '401 invalid_client'],
    ['nobody', { ...form, client_id: 'nobody' }, {}, '401 invalid_client'],
    ['no name at all', { ...form, client_id: undefined }, {}, '401 invalid_client'],
    [
      'a public client with a secret',
      { ...form, client_id: 'spa', client_secret: 'x' },
      {},
      '401 invalid_client',
    ],
    [
      'loose base64',
      form,
      { authorization: `${shopBasic.authorization}\t!` },
      '401 invalid_client',
    ],
    ['a bearer', form, { authorization: 'Bearer abc' }, '401 invalid_client'],
  ])('%s (E7) (9700-21)', async (_, fields, headers, expected) => {
    const at = await gate()
    const answer = await at.post('/oidc/token', fields, headers)
    if (expected.startsWith('401')) {
      expect(answer.headers.get('www-authenticate')).toMatch(/^Basic /)
    }
    expect(await verdict(answer)).toBe(expected)
  })

  test('a secret that was sent as it is, not form-encoded, is understood', async () => {
    const at = await gate()
    const { ctx } = at.scene
    const shop = await findApplication(ctx, 'shop')
    if (shop === null) throw new Error('There is no shop.')
    const secret = 'a+b%41/c=:d'
    await replaceApplicationSecret(ctx, shop, secret)
    const raw = { authorization: `Basic ${Buffer.from(`shop:${secret}`).toString('base64')}` }
    for (const headers of [raw, basic('shop', secret)]) {
      expect(await verdict(await at.post('/oidc/token', form, headers))).toBe('400 invalid_grant')
    }
    expect(await verdict(await at.post('/oidc/token', form, shopBasic))).toBe('401 invalid_client')
  })

  test('who guesses secrets is stopped, also before the right one (9700-22)', async () => {
    const at = await gate()
    const verdicts: string[] = []
    for (let guess = 0; guess < 40; guess += 1) {
      verdicts.push(
        await verdict(await at.post('/oidc/token', form, basic('shop', `guess-${guess}`))),
      )
    }
    expect(new Set(verdicts.slice(0, 20))).toEqual(new Set(['401 invalid_client']))
    expect(new Set(verdicts.slice(20))).toEqual(new Set(['429 slow_down']))
    const stopped = await at.post('/oidc/token', form, shopBasic)
    expect(stopped.status).toBe(429)
    expect(Number(stopped.headers.get('retry-after'))).toBeGreaterThan(500)
    at.scene.pass(10 * minute)
    expect(await verdict(await at.post('/oidc/token', form, shopBasic))).toBe('400 invalid_grant')
  })

  test('errors speak OAuth’s and Logto’s tongue together (9700-08, 9700-21, OAuth-2.1)', async () => {
    const at = await gate()
    const answer = await at.post('/oidc/token', { ...form, grant_type: 'password' }, shopBasic)
    expect(answer.status).toBe(400)
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(await answer.json()).toEqual({
      error: 'unsupported_grant_type',
      error_description: 'This grant type is not supported.',
      code: 'oidc.unsupported_grant_type',
      message: 'This grant type is not supported.',
    })
    const twice = 'grant_type=authorization_code&grant_type=refresh_token&client_id=spa'
    expect(await verdict(await at.post('/oidc/token', twice))).toBe('400 invalid_request')
    const query = await at.post('/oidc/token?client_id=spa&grant_type=refresh_token', '')
    expect(await verdict(query)).toBe('401 invalid_client')
  })
})
