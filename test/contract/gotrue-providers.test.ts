import { expect, test } from 'vitest'
import { providerNames } from '../../src/base/config/gotrue-external.ts'
import { ann, dialects } from '../servers/provider-dialects.ts'
import { externalWorld, settingsOf } from './gotrue-external-world.ts'
import { fragmentOf, queryOf } from './gotrue-world.ts'

// Every provider, in its own dialect: the way there, the token, who it is, and whether the address is believed.

test('there is a dialect for each provider', () => {
  expect([...Object.keys(dialects), 'twitter'].sort()).toEqual([...providerNames].sort())
})

test.each(providerNames)('%s signs in, and says who it is', async (name) => {
  const world = await externalWorld({
    ...settingsOf(name),
    // Spotify says of no address that it was verified.
    ...(name === 'spotify' ? { GOTRUE_MAILER_AUTOCONFIRM: 'true' } : {}),
  })
  const there = new URL(await world.goTo(name, { scopes: 'extra', prompt: 'login', state: 'mine' }))
  const dialect = dialects[name]
  if (dialect !== undefined) {
    expect(there.origin + there.pathname).toBe(dialect.authorize)
    expect(there.searchParams.get('scope')).toBe([dialect.scope, 'extra'].filter(Boolean).join(' '))
    expect(there.searchParams.get('prompt')).toBe('login')
    expect(there.searchParams.get('state')).not.toBe('mine')
    expect(there.searchParams.get('redirect_uri')).toBe('http://localhost:3001/auth/v1/callback')
  }
  const answer = await world.comeBack(there.href)
  expect([answer.status, queryOf(answer)]).toEqual([302, {}])
  const fragment = fragmentOf(answer)
  expect(fragment).toMatchObject({ token_type: 'bearer', sb: '' })
  expect(fragment.provider_token).toMatch(/^a/)
  expect(fragment.provider_refresh_token ?? 'refresh').toMatch(/^refresh/)
  const { body: user } = await world.ask('GET', '/user', { bearer: fragment.access_token ?? '' })
  expect(user).toMatchObject({
    email: 'ann@example.com',
    app_metadata: { provider: name, providers: [name] },
    is_anonymous: false,
  })
  const [identity] = user.identities
  expect(identity).toMatchObject({ provider: name, id: ann.id, email: 'ann@example.com' })
  expect(identity.identity_data).toMatchObject({
    sub: ann.id,
    provider_id: ann.id,
    email: 'ann@example.com',
    email_verified: dialect?.isUntrusted !== true,
    phone_verified: false,
  })
  expect(user.user_metadata).toMatchObject(identity.identity_data)
  // WorkOS has no pictures, and Entra's are behind another request; Discord's depend on the account.
  if (!['apple', 'azure', 'discord', 'fly', 'keycloak', 'workos'].includes(name)) {
    expect(identity.identity_data).toMatchObject({ picture: ann.picture, avatar_url: ann.picture })
  }
  expect(identity.identity_data.name).toBe(dialect?.name ?? 'Ann Archer')
  expect(identity.identity_data.iss).toMatch(/^https?:\/\//)
  expect(await world.audited()).toEqual(['user_signedup'])
  expect(await world.told()).toEqual(['user.created', 'user.signed-up', 'user.signed-in'])
})

const telling = Object.keys(dialects).filter((name) => dialects[name]?.tellsTrust)

test.each(telling)(
  '%s may say that an address was not verified, and then nobody is let in',
  async (name) => {
    const world = await externalWorld(settingsOf(name))
    world.providers.person = { ...ann, isVerified: false }
    const answer = await world.goThrough(name)
    expect(answer.status).toBe(302)
    expect(queryOf(answer)).toEqual({
      error: 'access_denied',
      error_code: 'provider_email_needs_verification',
      error_description: `Unverified email with ${name}. A confirmation email has been sent to your ${name} email`,
    })
    expect(fragmentOf(answer)).toEqual({ ...queryOf(answer), sb: '' })
    expect((await world.mailTo('ann@example.com')).link).toContain('type=signup')
    expect(await world.told()).toEqual(['user.created'])
  },
)

test('the settings say which are on', async () => {
  const world = await externalWorld(settingsOf('github', 'x'))
  const { body } = await world.ask('GET', '/settings')
  expect(body.external).toMatchObject({ github: true, google: false, email: true })
  expect(Object.keys(body.external)).not.toContain('x')
  expect(Object.keys(body.external)).toHaveLength(26)
})
