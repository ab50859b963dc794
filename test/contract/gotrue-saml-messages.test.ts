import { createVerify, generateKeyPairSync, X509Certificate } from 'node:crypto'
import { expect, test } from 'vitest'
import { ConfigError, readConfig } from '../../src/base/config.ts'
import {
  acsUrl,
  arrive,
  assertionXml,
  companyKey,
  depart,
  encrypted,
  honest,
  ownEntityId,
  ownKey,
  ownNextKey,
  post,
  responseXml,
  samlWorld,
  signed,
  statementOf,
} from './gotrue-saml-world.ts'
import { fragmentOf, queryOf } from './gotrue-world.ts'

const verifier = 'v'.repeat(64)

test('the request is signed with the key that the metadata shows, and names what is asked for', async () => {
  const world = await samlWorld(
    {},
    {
      name_id_format: 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress',
    },
  )
  const { url, request } = await depart(world)
  expect(request).toContain(`AssertionConsumerServiceURL="${acsUrl}"`)
  expect(request).toContain(`>${ownEntityId}</saml:Issuer>`)
  expect(request).toContain('Format="urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"')
  const { body: metadata, headers } = await world.ask('GET', '/sso/saml/metadata')
  expect(headers.get('content-type')).toMatch('application/xml')
  const certificate = /<X509Certificate>([^<]+)/.exec(metadata)?.[1] ?? ''
  const { publicKey, subject } = new X509Certificate(Buffer.from(certificate, 'base64'))
  expect(subject).toBe('CN=SAML 2.0 Certificate for localhost:3001')
  const [, signedPart = ''] = /\?(?:tenant=a&)?(SAMLRequest=.*)&Signature=/.exec(url.href) ?? []
  const signature = Buffer.from(url.searchParams.get('Signature') ?? '', 'base64')
  expect(url.searchParams.get('SigAlg')).toBe('http://www.w3.org/2001/04/xmldsig-more#rsa-sha256')
  expect(createVerify('sha256').update(signedPart).verify(publicKey, signature)).toBe(true)
})

test('the metadata says what we take, and to whom it is downloaded, until when', async () => {
  const world = await samlWorld()
  const plain = await world.ask('GET', '/sso/saml/metadata')
  expect(plain.body).toContain(`entityID="${ownEntityId}"`)
  expect(plain.body).toContain(`Location="${acsUrl}"`)
  expect(plain.body).not.toContain('use="encryption"')
  expect(plain.body).not.toContain('validUntil')
  expect(plain.headers.get('content-disposition')).toBeNull()
  const file = await world.ask('GET', '/sso/saml/metadata?download=true')
  expect(file.headers.get('content-disposition')).toMatch(/^attachment;/)
  expect(file.body).toContain('validUntil="2026-11-22T12:00:00.000Z"')
  const other = world.under({
    GOTRUE_SAML_ENABLED: 'true',
    GOTRUE_SAML_PRIVATE_KEY: ownNextKey,
    GOTRUE_SAML_PRIVATE_KEY_NEXT: ownNextKey,
    GOTRUE_SAML_ALLOW_ENCRYPTED_ASSERTIONS: 'true',
    GOTRUE_SAML_EXTERNAL_URL: 'https://sso.example.com/auth',
  })
  const moved = await other.ask('GET', '/sso/saml/metadata')
  expect(moved.body).toContain('entityID="https://sso.example.com/auth/sso/saml/metadata"')
  expect(moved.body.match(/use="encryption"/g)).toHaveLength(2)
  expect(moved.body.match(/use="signing"/g)).toHaveLength(2)
  const { body: settings } = await other.ask('GET', '/settings')
  expect(settings).toMatchObject({ saml_enabled: true, saml_private_key_next_configured: true })
})

test('an encrypted assertion opens with either key, where that is allowed', async () => {
  const world = await samlWorld({
    GOTRUE_SAML_PRIVATE_KEY_NEXT: ownNextKey,
    GOTRUE_SAML_ALLOW_ENCRYPTED_ASSERTIONS: 'true',
  })
  const { body: metadata } = await world.ask('GET', '/sso/saml/metadata')
  const certificates = [...metadata.matchAll(/use="encryption">\s*.*<X509Certificate>([^<]+)/g)]
  expect(certificates).toHaveLength(2)
  const algorithms = [
    'http://www.w3.org/2009/xmlenc11#aes128-gcm',
    'http://www.w3.org/2001/04/xmlenc#aes256-cbc',
  ] as const
  for (const [at, [, certificate]] of certificates.entries()) {
    const it = statementOf(world, { assertionId: `_${at}`, responseId: `_r${at}` })
    const inner = await encrypted(
      signed(assertionXml(it), 'Assertion'),
      certificate,
      algorithms[at],
    )
    expect(fragmentOf(await arrive(world, responseXml(it, inner)))).toHaveProperty('access_token')
  }
  const it = statementOf(world, { assertionId: '_outside' })
  const unsigned = await encrypted(assertionXml(it), certificates[0]?.[1])
  const whole = signed(responseXml(it, unsigned), 'Response')
  expect(fragmentOf(await arrive(world, whole))).toHaveProperty('access_token')

  const shut = world.under({ GOTRUE_SAML_ENABLED: 'true', GOTRUE_SAML_PRIVATE_KEY: ownNextKey })
  expect(queryOf(await arrive(shut, whole)).error_description).toBe('SAML Assertion is not valid')
})

test('a response may be signed as a whole, or both may be', async () => {
  const world = await samlWorld()
  const whole = statementOf(world, { assertionId: '_1' })
  expect(
    fragmentOf(await arrive(world, signed(responseXml(whole, assertionXml(whole)), 'Response'))),
  ).toHaveProperty('access_token')
  const both = statementOf(world, { assertionId: '_2' })
  expect(
    fragmentOf(await arrive(world, signed(honest(both), 'Response', { withKeyInfo: true }))),
  ).toHaveProperty('access_token')
})

test('before the assertion is looked at, the form is (G11)', async () => {
  const world = await samlWorld()
  const xml = Buffer.from(honest(statementOf(world))).toString('base64')
  const none = '00000000-0000-4000-8000-000000000000'
  const other = honest(statementOf(world, { issuer: 'https://other.example' }))
  for (const [fields, code, text] of [
    [{}, 'validation_failed', 'SAMLResponse is missing'],
    [
      { SAMLart: 'AAQA' },
      'validation_failed',
      'SAML Artifact response can only be used with SP initiated flow',
    ],
    [{ SAMLResponse: '!' }, 'validation_failed', 'SAMLResponse is not a valid Base64 string'],
    [
      { SAMLResponse: 'YWJj' },
      'validation_failed',
      'SAMLResponse is not a valid XML SAML assertion',
    ],
    [
      { SAMLResponse: xml, RelayState: 'state' },
      'validation_failed',
      'SAML RelayState is not a valid UUID or URL',
    ],
    [
      { SAMLResponse: xml, RelayState: none },
      'saml_relay_state_not_found',
      'SAML RelayState does not exist, try logging in again?',
    ],
    [
      { SAMLResponse: Buffer.from(other).toString('base64') },
      'saml_idp_not_found',
      'A SAML connection has not been established with this Identity Provider',
    ],
  ] as const) {
    const answer = await post(world, fields)
    expect(answer.status, text).toBe(303)
    expect(queryOf(answer)).toMatchObject({ error_code: code, error_description: text })
  }
  expect(await world.events()).toEqual(['key.created', 'connector.created'])
})

test('the way there wants one provider, and knows it', async () => {
  const world = await samlWorld()
  const none = '00000000-0000-4000-8000-000000000000'
  for (const [body, status, code, text] of [
    [{}, 400, 'validation_failed', 'A provider_id or domain needs to be provided'],
    [
      { domain: 'a.example', provider_id: none },
      400,
      'validation_failed',
      'Only one of provider_id or domain supported',
    ],
    [{ provider_id: none }, 404, 'sso_provider_not_found', 'No such SSO provider'],
    [{ provider_id: 'not-a-uuid' }, 404, 'sso_provider_not_found', 'No such SSO provider'],
    [
      { domain: 'other.example' },
      404,
      'sso_provider_not_found',
      'No SSO provider assigned for this domain',
    ],
    [
      { domain: 'company.example', code_challenge: verifier, code_challenge_method: 'md5' },
      400,
      'validation_failed',
      'Invalid code_challenge_method',
    ],
  ] as const) {
    const answer = await world.ask('POST', '/sso', { body })
    expect([answer.status, answer.body.error_code, answer.body.msg]).toEqual([status, code, text])
  }
  const away = await world.ask('POST', '/sso', { body: { provider_id: world.providerId } })
  expect(away.status).toBe(303)
  expect(away.headers.get('location')).toMatch(/^https:\/\/idp\.example\.com\/sso\?/)
  expect((await world.ask('POST', '/sso', { body: { domain: 'COMPANY.example' } })).status).toBe(
    303,
  )
})

test('switched off, it is not there, whatever is sent', async () => {
  const world = (await samlWorld()).under({})
  for (const [method, path] of [
    ['POST', '/sso'],
    ['GET', '/sso/saml/metadata'],
    ['POST', '/sso/saml/acs'],
    ['GET', '/admin/sso/providers'],
    ['POST', '/admin/sso/providers'],
    ['GET', '/admin/sso/providers/x'],
    ['PUT', '/admin/sso/providers/x'],
    ['DELETE', '/admin/sso/providers/x'],
  ] as const) {
    const body = method === 'GET' || method === 'DELETE' ? undefined : '{'
    const answer = await world.ask(method, path, { body, bearer: world.adminKey })
    expect([answer.status, answer.body.error_code, answer.body.msg], path).toEqual([
      404,
      'saml_provider_disabled',
      'SAML 2.0 is disabled',
    ])
  }
})

test('assertions from one address are counted', async () => {
  const world = await samlWorld({ GOTRUE_RATE_LIMIT_HEADER: 'X-Forwarded-For' })
  let last = 303
  for (let count = 0; count < 31; count += 1) {
    const answer = await world.ask('POST', '/sso/saml/acs', {
      body: 'SAMLResponse=x',
      headers: { 'x-forwarded-for': '192.0.2.7' },
    })
    last = answer.status
  }
  expect(last).toBe(429)
})

test('a start with SAML wants an RSA key, as GoTrue writes it or as PEM', () => {
  const read = (key?: string) =>
    readConfig({
      mode: 'dev',
      environment: {
        GOTRUE_SAML_ENABLED: 'true',
        ...(key === undefined ? {} : { GOTRUE_SAML_PRIVATE_KEY: key }),
      },
      storedSecret: 'a secret of 32 characters or more',
    }).gotrue.samlPrivateKey
  expect(read(ownKey)).toMatch(/^-----BEGIN PRIVATE KEY-----/)
  expect(read(companyKey.privateKey)).toBe(companyKey.privateKey)
  const curve = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  const short = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey
  for (const key of [
    undefined,
    '',
    'x',
    curve.export({ type: 'pkcs8', format: 'pem' }).toString(),
    short.export({ type: 'pkcs1', format: 'der' }).toString('base64'),
  ]) {
    expect(() => read(key), key).toThrow(ConfigError)
  }
})
