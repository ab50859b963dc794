import { expect, test } from 'vitest'
import { gotrueWorld } from './gotrue-world.ts'

test('SCIM describes a service that has nothing in it yet', async () => {
  const world = await gotrueWorld({ GOTRUE_EXPERIMENTAL_SCIM_ENABLED: 'true' })
  const config = await world.ask('GET', '/scim/v2/ServiceProviderConfig')
  expect(config.status).toBe(200)
  expect(config.headers.get('content-type')).toBe('application/scim+json')
  expect(config.body).toMatchObject({
    schemas: ['urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig'],
    patch: { supported: false },
    authenticationSchemes: [{ type: 'oauthbearertoken', primary: true }],
    meta: { location: 'http://localhost:3001/auth/v1/scim/v2/ServiceProviderConfig' },
  })
  for (const path of ['/scim/v2/ResourceTypes', '/scim/v2/Schemas']) {
    expect((await world.ask('GET', path)).body).toEqual({
      schemas: ['urn:ietf:params:scim:api:messages:2.0:ListResponse'],
      totalResults: 0,
      startIndex: 1,
      itemsPerPage: 0,
      Resources: [],
    })
    expect((await world.ask('GET', `${path}?filter=x`)).status).toBe(403)
  }
  expect((await world.ask('GET', '/scim/v2/Users')).body).toEqual({
    schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'],
    detail: 'Endpoint or resource does not exist',
    status: '404',
  })
})

test('switched off, there is none', async () => {
  const world = await gotrueWorld()
  for (const path of ['ServiceProviderConfig', 'ResourceTypes', 'Schemas', 'Users']) {
    const { status, body } = await world.ask('GET', `/scim/v2/${path}`)
    expect([status, body.error_code, body.msg]).toEqual([
      404,
      'feature_disabled',
      'SCIM server is disabled',
    ])
  }
})
