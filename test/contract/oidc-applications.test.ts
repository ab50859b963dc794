import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { second } from '../../src/base/time.ts'
import {
  createApplication,
  deleteApplication,
  findApplication,
  hasRedirectUri,
  listApplications,
  updateApplication,
} from '../../src/model/application.ts'
import { type ApplicationType, redirectUriProblem } from '../../src/model/application-input.ts'
import {
  isSecretOf,
  listApplicationSecrets,
  replaceApplicationSecret,
} from '../../src/model/application-secret.ts'
import { world } from '../world.ts'
import { gate, me, person, tokensFor, verdict } from './oidc-client.ts'

const bookstore = {
  name: 'Bookstore',
  type: 'Traditional' as const,
  oidcClientMetadata: {
    redirectUris: ['http://localhost:3000/callback'],
    postLogoutRedirectUris: ['http://localhost:3000/'],
  },
}

test('an application is kept in the Management API’s shape; id and secret are made where none is given', async () => {
  const { ctx, events } = await world()
  const { application, secret } = await createApplication(ctx, bookstore)
  expect(application).toEqual({
    ...bookstore,
    id: expect.stringMatching(/^[a-z0-9]{21}$/),
    description: null,
    customClientMetadata: {},
    customData: {},
    isThirdParty: false,
    origin: 'admin',
    appearance: {},
    createdAt: ctx.now(),
    updatedAt: ctx.now(),
  })
  expect(secret).toMatch(/^[\w-]{43}$/)
  expect(await isSecretOf(ctx, application, secret ?? '')).toBe(true)
  expect(await isSecretOf(ctx, application, 'another')).toBe(false)
  expect(await findApplication(ctx, application.id)).toEqual(application)
  expect(await listApplications(ctx)).toEqual([application])
  expect(JSON.stringify(await listApplications(ctx))).not.toContain(secret)
  expect(await listApplicationSecrets(ctx, application.id)).toMatchObject([
    { name: 'Default secret', value: secret },
  ])
  expect(await events()).toEqual(['application.created'])
})

test('an id is taken once', async () => {
  const { ctx, events } = await world()
  await createApplication(ctx, { ...bookstore, id: 'bookstore' })
  await expect(createApplication(ctx, { ...bookstore, id: 'bookstore' })).rejects.toMatchObject({
    code: 'conflict',
  })
  expect(await events()).toEqual(['application.created'])
})

test.each([
  [{ name: '' }],
  [{ type: 'Desktop' }],
  [{ id: 'with space' }],
  [{ id: '00000000-0000-4000-8000-000000000000' }],
  [{ secret: 'short' }],
  [{ secret: 'with space in it' }],
  [{ redirectUris: [] }],
  [{ isThirdParty: 'yes' }],
  [{ appearance: { logoUrl: 'javascript:alert(1)' } }],
  [{ appearance: { homepageUrl: 'https:///' } }],
  [{ appearance: { color: 'red' } }],
  [{ type: 'SPA', secret: 'long enough a secret' }],
  [{ oidcClientMetadata: { redirectUris: ['https://*.example.com'] } }],
  [{ oidcClientMetadata: { postLogoutRedirectUris: ['javascript:alert(1)'] } }],
  [{ oidcClientMetadata: { backchannelLogoutUri: 'javascript:alert(1)' } }],
  [{ customClientMetadata: { corsAllowedOrigins: ['https://example.com/path'] } }],
  [{ customClientMetadata: { refreshTokenTtlInDays: 0 } }],
])('%j is refused', async (change) => {
  const { ctx, events } = await world()
  await expect(createApplication(ctx, { ...bookstore, ...change } as never)).rejects.toThrow()
  expect(await events()).toEqual([])
})

test.each<[string, ApplicationType, boolean]>([
  ['https://app.example.com/callback?x=1', 'Traditional', true],
  ['http://localhost:3000/callback', 'SPA', true],
  ['http://[::1]:3000/', 'Native', true],
  ['com.example.app:/callback', 'Native', true],
  ['com.example.app:/callback', 'Traditional', false],
  ['https://app.example.com/#here', 'Traditional', false],
  ['https://app.example.com/#', 'Traditional', false],
  ['https://*.example.com/', 'Traditional', false],
  ['https://user@app.example.com/', 'Traditional', false],
  ['https://app.example.com\\@evil.example/', 'Traditional', false],
  ['https:app.example.com', 'Traditional', false],
  ['https:///app.example.com', 'Traditional', false],
  [' https://app.example.com', 'Traditional', false],
  ['https://app.example.com/\t', 'Traditional', false],
  ['https://bücher.example/', 'Traditional', false],
  ['/callback', 'Traditional', false],
  ['', 'Traditional', false],
  ['JavaScript:alert(1)', 'Native', false],
  ['data:text/html,x', 'Native', false],
  ['file:///etc/passwd', 'Native', false],
])('%s as a redirect URI of a %s application: %s', (uri, type, isGood) => {
  expect(redirectUriProblem(uri, type) === null).toBe(isGood)
})

test('no spelling of another host passes for a native application’s loopback address (E1)', async () => {
  const { ctx } = await world()
  const { application } = await createApplication(ctx, {
    ...{ name: 'Native', type: 'Native' },
    oidcClientMetadata: { redirectUris: ['http://127.0.0.1/done', 'http://[::1]:80/done'] },
  })
  const parts = [
    ':1',
    ':80',
    ':65535',
    ':65536',
    ':080',
    ':0',
    '@',
    'evil.example',
    '/',
    '\\\\',
    '.',
    '%2f',
    '%40',
    '#',
    '?',
    '/done',
    '\t',
    '\r\n',
    '。',
    '127.0.0.1',
    '[::1]',
  ]
  const piece = fc.constantFrom(...parts)
  const addresses = fc
    .tuple(
      fc.constantFrom('http://127.0.0.1', 'http://[::1]', 'http://'),
      fc.array(piece, { maxLength: 4 }),
    )
    .map(([start, rest]) => `${start}${rest.join('')}`)
  let allowed = 0
  await fc.assert(
    fc.property(
      fc.oneof(
        addresses,
        addresses.map((one) => `${one}/done`),
      ),
      (uri) => {
        if (!hasRedirectUri(application, uri)) return
        allowed += 1
        const { hostname, pathname, username } = new URL(uri)
        expect(['127.0.0.1', '[::1]']).toContain(hostname)
        expect([pathname, username]).toEqual(['/done', ''])
      },
    ),
    { numRuns: 5000 },
  )
  expect(allowed).toBeGreaterThan(10)
})

test('a change merges metadata, is checked as a whole, and is seen at once', async () => {
  const { ctx, events, pass } = await world()
  await createApplication(ctx, { ...bookstore, id: 'bookstore' })
  await findApplication(ctx, 'bookstore')
  pass(1 * second)
  const redirectUris = ['https://books.example.com/callback']
  const changed = await updateApplication(ctx, 'bookstore', {
    name: 'Books',
    description: 'All of them',
    oidcClientMetadata: { redirectUris },
    customClientMetadata: { refreshTokenTtlInDays: 3 },
  })
  expect(changed).toMatchObject({
    name: 'Books',
    description: 'All of them',
    oidcClientMetadata: {
      redirectUris,
      postLogoutRedirectUris: bookstore.oidcClientMetadata.postLogoutRedirectUris,
    },
    customClientMetadata: { refreshTokenTtlInDays: 3 },
    updatedAt: ctx.now(),
  })
  expect(await findApplication(ctx, 'bookstore')).toEqual(changed)
  const bare = await updateApplication(ctx, 'bookstore', { description: null })
  expect(bare).toMatchObject({ name: 'Books', description: null })
  const custom = { oidcClientMetadata: { redirectUris: ['com.example.app:/x'] } }
  await expect(updateApplication(ctx, 'bookstore', custom)).rejects.toThrow()
  expect(await updateApplication(ctx, 'nobody', { name: 'x' })).toBeNull()
  expect(await events()).toEqual([
    'application.created',
    'application.updated',
    'application.updated',
  ])
})

test('a secret that is replaced is good no longer', async () => {
  const { ctx } = await world()
  const { application } = await createApplication(ctx, {
    ...bookstore,
    secret: 'the first secret'.replaceAll(' ', '-'),
  })
  expect(await isSecretOf(ctx, application, 'the-first-secret')).toBe(true)
  await replaceApplicationSecret(ctx, application, 'the-second-secret')
  expect(await isSecretOf(ctx, application, 'the-first-secret')).toBe(false)
  expect(await isSecretOf(ctx, application, 'the-second-secret')).toBe(true)
})

test('with an application go its grants and tokens (A15)', async () => {
  const at = await gate()
  const { browser } = await person(at)
  const { access_token } = await tokensFor(at, browser)
  expect(await deleteApplication(at.scene.ctx, 'shop')).toBe(true)
  expect(await deleteApplication(at.scene.ctx, 'shop')).toBe(false)
  expect(await findApplication(at.scene.ctx, 'shop')).toBeNull()
  expect(await verdict(await me(at, access_token))).toBe('401 invalid_token')
  expect((await at.scene.events()).filter((type) => type === 'application.deleted')).toHaveLength(1)
})
