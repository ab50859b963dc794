import { createClient } from '@supabase/supabase-js'
import * as samlify from 'samlify'
import { expect, test } from 'vitest'
import {
  acsUrl,
  app,
  arrive,
  assertionXml,
  companyKey,
  depart,
  entityId,
  honest,
  keyPair,
  metadataOf,
  ownEntityId,
  responseXml,
  samlOn,
  samlWorld,
  statementOf,
} from './gotrue-saml-world.ts'
import { type Body, fragmentOf, type GotrueWorld, gotrueWorld, queryOf } from './gotrue-world.ts'

const hour = 3_600_000
const day = 24 * hour
const metadataUrl = 'https://idp.example.com/metadata.xml'

function admin(world: GotrueWorld, method: string, path: string, body?: Body) {
  return world.ask(method, `/admin/sso/providers${path}`, { body, bearer: world.adminKey })
}

/** The same world, where metadata is fetched from that. */
function published(world: GotrueWorld, answer: () => Response): GotrueWorld & { asked: string[] } {
  const asked: string[] = []
  const through = world.through(async (input) => {
    asked.push(String(input instanceof Request ? input.url : input))
    return answer()
  })
  return { ...through, asked }
}

test('a provider is made, shown, listed, changed and deleted (I8)', async () => {
  const world = await gotrueWorld(samlOn)
  const made = await admin(world, 'POST', '', {
    type: 'saml',
    metadata_xml: metadataOf(),
    domains: ['Company.example', 'company.example'],
    attribute_mapping: { keys: { name: { name: 'displayName', default: null } } },
    name_id_format: 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent',
    resource_id: 'Acme',
  })
  expect(made.status).toBe(201)
  expect(made.body).toEqual({
    id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    resource_id: 'Acme',
    disabled: false,
    saml: {
      entity_id: entityId,
      metadata_xml: metadataOf(),
      attribute_mapping: { keys: { name: { name: 'displayName' } } },
      name_id_format: 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent',
    },
    domains: [{ domain: 'company.example' }],
    created_at: '2025-11-22T12:00:00Z',
    updated_at: '2025-11-22T12:00:00Z',
  })
  const { id } = made.body
  expect((await admin(world, 'GET', `/${id}`)).body).toEqual(made.body)
  expect((await admin(world, 'GET', '/resource_acme')).body).toEqual(made.body)
  const { metadata_xml: _, ...short } = made.body.saml
  expect((await admin(world, 'GET', '')).body).toEqual({ items: [{ ...made.body, saml: short }] })

  world.pass(hour)
  const changed = await admin(world, 'PUT', `/${id}`, {
    domains: ['company.example', 'b.example'],
    disabled: true,
    resource_id: '',
    name_id_format: '',
    metadata_xml: metadataOf({ attributes: 'cacheDuration="PT1H"' }),
  })
  expect(changed.status).toBe(200)
  expect(changed.body).toMatchObject({
    disabled: true,
    domains: [{ domain: 'b.example' }, { domain: 'company.example' }],
    saml: { attribute_mapping: made.body.saml.attribute_mapping },
    updated_at: '2025-11-22T13:00:00Z',
  })
  expect(changed.body).not.toHaveProperty('resource_id')
  expect(changed.body.saml).not.toHaveProperty('name_id_format')
  expect((await admin(world, 'PUT', `/${id}`, { domains: [] })).body.domains).toEqual([])

  const deleted = await admin(world, 'DELETE', `/${id}`)
  expect([deleted.status, deleted.body.id]).toEqual([200, id])
  expect((await admin(world, 'GET', '')).body).toEqual({ items: [] })
  const types = (await world.events()).filter((type) => type.startsWith('connector.'))
  expect(types).toEqual([
    ...['connector.created', 'connector.updated', 'connector.updated', 'connector.deleted'],
  ])
})

test('what is wrong with a provider is said', async () => {
  const world = await samlWorld()
  const ok = { type: 'saml', metadata_xml: metadataOf({ entity: 'urn:new' }) }
  const descriptor = /<IDPSSODescriptor.*<\/IDPSSODescriptor>/s
  const xml = (change: (text: string) => string) => ({
    type: 'saml',
    metadata_xml: change(metadataOf()),
  })
  const taken = `SSO Domain 'company.example' is already assigned to an SSO identity provider (${world.providerId})`
  for (const [body, status, code, text] of [
    [{}, 400, 'validation_failed', "Only 'saml' supported for SSO provider type"],
    [{ type: 'saml' }, 400, 'validation_failed', 'Either metadata_xml or metadata_url must be set'],
    [
      { ...ok, metadata_url: metadataUrl },
      400,
      'validation_failed',
      'Only one of metadata_xml or metadata_url needs to be set',
    ],
    [
      { type: 'saml', metadata_url: 'x' },
      400,
      'validation_failed',
      'metadata_url is not a valid URL',
    ],
    [
      { type: 'saml', metadata_url: 'http://a.example' },
      400,
      'validation_failed',
      'metadata_url is not a HTTPS URL',
    ],
    [
      { ...ok, name_id_format: 'x' },
      400,
      'validation_failed',
      /^name_id_format must be unspecified or one of urn:oasis:names:tc:SAML:2.0:nameid-format:persistent, /,
    ],
    [
      xml(() => 'a\ufffd'),
      400,
      'validation_failed',
      'SAML Metadata XML contains invalid UTF-8 characters, which are not supported at this time',
    ],
    [xml(() => '<x>'), 400, 'validation_failed', 'SAML Metadata is not valid XML'],
    [
      xml((text) => `<!DOCTYPE x [<!ENTITY y "z">]>${text.replace(/<\?.*\?>/, '')}`),
      400,
      'validation_failed',
      'SAML Metadata is not valid XML',
    ],
    [
      xml((text) => text.replace(entityId, '')),
      400,
      'validation_failed',
      'SAML Metadata does not contain an EntityID',
    ],
    [
      xml((text) => text.replace(entityId, 'a'.repeat(2000))),
      400,
      'validation_failed',
      'SAML Metadata does not contain an EntityID',
    ],
    [
      xml((text) => text.replace(descriptor, '')),
      400,
      'validation_failed',
      'SAML Metadata does not contain any IDPSSODescriptor',
    ],
    [
      xml((text) => text.replace(descriptor, '$&$&')),
      400,
      'validation_failed',
      'SAML Metadata contains multiple IDPSSODescriptors',
    ],
    [
      xml((text) => text),
      422,
      'saml_idp_already_exists',
      `SAML Identity Provider with this EntityID (${entityId}) already exists`,
    ],
    [{ ...ok, domains: ['COMPANY.example'] }, 400, 'sso_domain_already_exists', taken],
    [{ ...ok, domains: ['a b'] }, 400, 'validation_failed', "SSO Domain 'a b' is not valid"],
    [{ ...ok, domains: [''] }, 400, 'validation_failed', "SSO Domain '' is not valid"],
    [
      { ...ok, resource_id: 'x'.repeat(300) },
      400,
      'validation_failed',
      'resource_id cannot be longer than 255 characters',
    ],
    [{ ...ok, domains: 'x' }, 400, 'bad_json', /domains/],
    [{ ...ok, attribute_mapping: { keys: { a: 'b' } } }, 400, 'bad_json', /attribute_mapping/],
    [{ ...ok, disabled: 'no' }, 400, 'bad_json', /disabled/],
  ] as const) {
    const answer = await admin(world, 'POST', '', body)
    const label = JSON.stringify(body).slice(0, 80)
    expect([answer.status, answer.body.error_code], label).toEqual([status, code])
    if (typeof text === 'string') expect(answer.body.msg, label).toBe(text)
    else expect(answer.body.msg, label).toMatch(text)
  }
  expect((await admin(world, 'GET', '')).body.items).toHaveLength(1)

  const other = (await admin(world, 'POST', '', { ...ok, resource_id: 'one' })).body.id
  expect(
    (
      await admin(
        world,
        'PUT',
        `/${other}`,
        xml((text) => text),
      )
    ).body,
  ).toMatchObject({
    error_code: 'saml_entity_id_mismatch',
    msg: `SAML Metadata can be updated only if the EntityID matches for the provider; expected 'urn:new' but got '${entityId}'`,
  })
  expect((await admin(world, 'PUT', `/${other}`, { domains: ['company.example'] })).body.msg).toBe(
    `SSO domain 'company.example' already assigned to another provider (${world.providerId})`,
  )
  const clash = await admin(world, 'PUT', `/${world.providerId}`, { resource_id: 'ONE' })
  expect(clash.body.msg).toBe('Updating SSO provider failed, likely due to a conflict. Try again?')
  expect([clash.status, clash.body.error_code]).toEqual([422, 'conflict'])
  for (const id of [
    'x',
    '00000000-0000-4000-8000-000000000000',
    'resource_none',
    'resource_',
    '%00',
    'resource_%00',
    'x'.repeat(5000),
  ]) {
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const answer = await admin(world, method, `/${id}`, method === 'PUT' ? {} : undefined)
      expect([answer.status, answer.body.error_code, answer.body.msg]).toEqual([
        404,
        'sso_provider_not_found',
        'SSO Identity Provider not found',
      ])
    }
  }
  const { access_token: bearer } = await world.createAccount().then(() => world.signIn())
  for (const who of [null, bearer]) {
    const answer = await world.ask('GET', '/admin/sso/providers', { bearer: who })
    expect(answer.status).toBe(who === null ? 401 : 403)
  }
})

test('of many who make the same provider at once, one does', async () => {
  const world = await gotrueWorld(samlOn)
  const answers = await Promise.all(
    Array.from({ length: 20 }, () =>
      admin(world, 'POST', '', {
        type: 'saml',
        metadata_xml: metadataOf(),
        domains: ['a.example'],
      }),
    ),
  )
  expect(answers.filter(({ status }) => status === 201)).toHaveLength(1)
  for (const { status } of answers) expect([201, 400, 422]).toContain(status)
  expect((await admin(world, 'GET', '')).body.items).toHaveLength(1)
})

test('metadata is fetched, and what cannot be is said', async () => {
  const world = await gotrueWorld(samlOn)
  const body = { type: 'saml', metadata_url: metadataUrl }
  const failing = published(world, () => new Response('', { status: 404 }))
  const failed = await admin(failing, 'POST', '', body)
  expect([failed.status, failed.body.error_code, failed.body.msg]).toEqual([
    400,
    'saml_metadata_fetch_failed',
    `HTTP 404 error fetching SAML Metadata from URL '${metadataUrl}'`,
  ])
  for (const answer of [
    () => Response.redirect('http://127.0.0.1/'),
    () => new Response('x'.repeat(2_000_000)),
    () => Response.error(),
  ]) {
    const { body: said } = await admin(published(world, answer), 'POST', '', body)
    expect(said.error_code).toBe('saml_metadata_fetch_failed')
  }
  const good = published(world, () => new Response(metadataOf()))
  const made = await admin(good, 'POST', '', body)
  expect(made.body.saml).toMatchObject({ metadata_url: metadataUrl, metadata_xml: metadataOf() })
  expect(good.asked).toEqual([metadataUrl])
})

test('metadata that is a day old is fetched again, and with it a new key', async () => {
  const world = await samlWorld()
  const next = keyPair()
  const good = published(world, () => new Response(metadataOf()))
  await admin(good, 'PUT', `/${world.providerId}`, { metadata_url: metadataUrl })
  const later = published(world, () => new Response(metadataOf({ certificate: next.certificate })))
  const come = (id: string) =>
    arrive(later, honest(statementOf(world, { assertionId: id }), { key: next }))
  expect(queryOf(await come('_1')).error_code).toBe('validation_failed')
  expect(later.asked).toEqual([])
  world.pass(day)
  expect(fragmentOf(await come('_2'))).toHaveProperty('access_token')
  expect(fragmentOf(await come('_3'))).toHaveProperty('access_token')
  expect(later.asked).toEqual([metadataUrl])
})

test('old metadata still signs people in when the new one cannot be had, or is another one’s', async () => {
  const world = await samlWorld()
  const good = published(
    world,
    () => new Response(metadataOf({ attributes: 'cacheDuration="PT1H"' })),
  )
  await admin(good, 'PUT', `/${world.providerId}`, { metadata_url: metadataUrl })
  const answers = [
    () => new Response('', { status: 500 }),
    () => new Response(metadataOf({ entity: 'urn:evil', certificate: keyPair().certificate })),
    () => new Response('<x/>'),
  ]
  for (const [at, answer] of answers.entries()) {
    world.pass(2 * hour)
    const later = published(world, answer)
    const { requestId, relayState } = await depart(later)
    const xml = honest(statementOf(world, { assertionId: `_${at}`, inResponseTo: requestId }))
    expect(fragmentOf(await arrive(later, xml, { relayState }))).toHaveProperty('access_token')
    expect(later.asked).toEqual([metadataUrl])
  }
})

test('signInWithSSO and a provider made with a library: from the app to the session', async () => {
  const world = await gotrueWorld({ ...samlOn, GOTRUE_URI_ALLOW_LIST: `${app}/**` })
  samlify.setSchemaValidator({ validate: async () => 'valid' })
  const company = samlify.IdentityProvider({
    metadata: metadataOf(),
    privateKey: companyKey.privateKey,
    isAssertionEncrypted: false,
  })
  const { body: provider } = await admin(world, 'POST', '', {
    type: 'saml',
    metadata_xml: company.getMetadata(),
    domains: ['company.example'],
  })
  const { body: metadata } = await world.ask('GET', '/sso/saml/metadata')
  const us = samlify.ServiceProvider({ metadata })
  expect(us.entityMeta.getEntityID()).toBe(ownEntityId)
  expect(us.entityMeta.getAssertionConsumerService('post')).toBe(acsUrl)

  const storage = new Map<string, string>()
  const client = createClient('http://localhost:3001', 'anon', {
    auth: {
      flowType: 'pkce',
      storage: {
        getItem: (key) => storage.get(key) ?? null,
        setItem: (key, value) => void storage.set(key, value),
        removeItem: (key) => void storage.delete(key),
      },
    },
    global: { fetch: world.fetch },
  })
  const { data, error } = await client.auth.signInWithSSO({
    domain: 'company.example',
    options: { redirectTo: `${app}/welcome` },
  })
  expect(error).toBeNull()
  const url = new URL(data?.url ?? '')
  const query = Object.fromEntries(url.searchParams)
  const octetString = url.search.slice(
    url.search.indexOf('SAMLRequest='),
    url.search.indexOf('&Signature='),
  )
  // The library checks the signature of our request with the key of our metadata, and signs what we wrote.
  const { extract } = await company.parseLoginRequest(us, 'redirect', { query, octetString })
  const it = statementOf(world, {
    inResponseTo: String(extract.request?.id),
    recipient: String(extract.request?.assertionConsumerServiceUrl),
  })
  const { context } = await company.createLoginResponse(us, { extract }, 'post', {}, () => ({
    id: it.responseId,
    context: responseXml(it, assertionXml(it)),
  }))
  const answer = await world.ask('POST', '/sso/saml/acs', {
    body: new URLSearchParams({
      SAMLResponse: context,
      RelayState: String(query.RelayState),
    }).toString(),
  })
  expect(answer.headers.get('location')).toMatch(new RegExp(`^${app}/welcome\\?code=`))
  const { data: exchanged } = await client.auth.exchangeCodeForSession(String(queryOf(answer).code))
  expect(exchanged.user?.app_metadata.provider).toBe(`sso:${provider.id}`)
  expect(exchanged.user?.email).toBe('ann@company.example')
  // The client compares expiry with the clock of the machine, which the world does not move.
  const { data: claims } = await client.auth.getClaims(exchanged.session?.access_token, {
    allowExpired: true,
  })
  expect(claims?.claims.amr).toMatchObject([{ method: 'sso/saml', provider: provider.id }])
})
