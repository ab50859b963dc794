import { createClient } from '@supabase/supabase-js'
import { GoTrueClient } from 'gotrue-js-v1'
import { expect, test } from 'vitest'
import { client } from '../servers/providers.ts'
import { type ExternalWorld, externalWorld, settingsOf } from './gotrue-external-world.ts'
import { fragmentOf, keyOf, queryOf } from './gotrue-world.ts'

// Providers and identities, through the official clients as they come from the registry.

const options = { autoRefreshToken: false, persistSession: false, detectSessionInUrl: false }

async function clientOf(world: ExternalWorld, auth: object = {}, key?: string) {
  return createClient('http://localhost:3001', key ?? (await keyOf(world, { role: 'anon' })), {
    auth: { ...options, ...auth },
    global: { fetch: world.fetch },
  }).auth
}

function memory() {
  const kept = new Map<string, string>()
  return {
    getItem: (name: string) => kept.get(name) ?? null,
    setItem: (name: string, value: string) => void kept.set(name, value),
    removeItem: (name: string) => void kept.delete(name),
  }
}

/** The browser follows the address that a client gave. */
async function follow(world: ExternalWorld, address: string) {
  const { pathname, search } = new URL(address)
  const { headers } = await world.ask('GET', pathname.replace('/auth/v1', '') + search)
  return world.comeBack(headers.get('location') ?? '')
}

test('v2 signs in by a provider with PKCE, and gets the provider’s tokens', async () => {
  const world = await externalWorld(settingsOf('github'))
  const auth = await clientOf(world, {
    flowType: 'pkce',
    storage: memory(),
    persistSession: true,
  })
  const { data, error } = await auth.signInWithOAuth({
    provider: 'github',
    options: {
      scopes: 'repo',
      queryParams: { allow_signup: 'false' },
      redirectTo: 'http://localhost:3001/app',
      skipBrowserRedirect: true,
    },
  })
  expect(error).toBeNull()
  const back = await follow(world, data.url ?? '')
  const first = world.providers.asked[0]
  expect(first?.url.pathname).toBe('/login/oauth/access_token')
  const exchanged = await auth.exchangeCodeForSession(queryOf(back).code ?? '')
  expect(exchanged.error).toBeNull()
  expect(exchanged.data.session).toMatchObject({
    provider_token: expect.stringMatching(/^access-/),
    provider_refresh_token: expect.stringMatching(/^refresh-/),
  })
  expect(exchanged.data.user?.app_metadata.provider).toBe('github')
  const identities = await auth.getUserIdentities()
  expect(identities.data?.identities).toHaveLength(1)
})

test('v2 in the implicit flow reads the session from the address', async () => {
  const world = await externalWorld(settingsOf('google'))
  const auth = await clientOf(world)
  const { data } = await auth.signInWithOAuth({
    provider: 'google',
    options: { skipBrowserRedirect: true },
  })
  const { access_token = '', refresh_token = '' } = fragmentOf(await follow(world, data.url ?? ''))
  const set = await auth.setSession({ access_token, refresh_token })
  expect([set.error, set.data.user?.email]).toEqual([null, 'ann@example.com'])
})

test('v2 links an identity, by a redirect and by a token, and unlinks it', async () => {
  const world = await externalWorld({
    ...settingsOf('github', 'google'),
    GOTRUE_SECURITY_MANUAL_LINKING_ENABLED: 'true',
  })
  await world.createAccount('ann@work.example')
  const auth = await clientOf(world)
  await auth.signInWithPassword({ email: 'ann@work.example', password: 'correct horse battery' })
  const { data, error } = await auth.linkIdentity({
    provider: 'github',
    options: { skipBrowserRedirect: true },
  })
  expect(error).toBeNull()
  await world.comeBack(data.url ?? '')
  const byToken = await auth.linkIdentity({
    provider: 'google',
    token: await world.providers.idToken({
      iss: 'https://accounts.google.com',
      aud: client.id,
      sub: 'g-1',
      email: 'ann@example.com',
      email_verified: true,
    }),
  })
  expect(byToken.error).toBeNull()
  const { data: linked } = await auth.getUserIdentities()
  expect(linked?.identities.map(({ provider }) => provider).sort()).toEqual([
    'email',
    'github',
    'google',
  ])
  const github = linked?.identities.find(({ provider }) => provider === 'github')
  const unlinked = await auth.unlinkIdentity(github ?? expect.fail('it is linked'))
  expect(unlinked.error).toBeNull()
  expect((await auth.getUserIdentities()).data?.identities).toHaveLength(2)
})

test('v2 signs in by an ID token, and is told what is wrong with one', async () => {
  const world = await externalWorld(settingsOf('google'))
  const auth = await clientOf(world)
  const claims = { iss: 'https://accounts.google.com', aud: client.id, sub: '1' }
  const token = await world.providers.idToken({
    ...claims,
    email: 'ann@example.com',
    email_verified: true,
  })
  const good = await auth.signInWithIdToken({ provider: 'google', token })
  expect([good.error, good.data.user?.email]).toEqual([null, 'ann@example.com'])
  const bad = await auth.signInWithIdToken({ provider: 'google', token: 'x' })
  expect(bad.error).toMatchObject({ status: 400, message: 'Bad ID token' })
  const off = await auth.signInWithIdToken({ provider: 'facebook', token })
  expect(off.error).toMatchObject({ code: 'provider_disabled' })
})

test('v2 administers custom providers', async () => {
  const world = await externalWorld()
  world.providers.describe('https://id.corp.example')
  const { admin } = await clientOf(world, {}, world.adminKey)
  const made = await admin.customProviders.createProvider({
    provider_type: 'oidc',
    identifier: 'custom:corp',
    name: 'Corp',
    client_id: client.id,
    client_secret: client.secret,
    issuer: 'https://id.corp.example',
  })
  expect([made.error, made.data?.identifier]).toEqual([null, 'custom:corp'])
  const listed = await admin.customProviders.listProviders()
  expect(listed.data?.providers).toHaveLength(1)
  const changed = await admin.customProviders.updateProvider('custom:corp', { name: 'Corp Ltd' })
  expect(changed.data?.name).toBe('Corp Ltd')
  const shown = await admin.customProviders.getProvider('custom:corp')
  expect(shown.data).toMatchObject({ name: 'Corp Ltd' })
  expect((await admin.customProviders.deleteProvider('custom:corp')).error).toBeNull()
})

test('v1 signs in by a provider, in the implicit flow', async () => {
  const world = await externalWorld(settingsOf('github'))
  const auth = new GoTrueClient({
    url: 'http://localhost:3001/auth/v1',
    autoRefreshToken: false,
    persistSession: false,
    fetch: world.fetch,
  })
  const { url, provider } = await auth.signIn({ provider: 'github' }, { scopes: 'repo' })
  expect(provider).toBe('github')
  const { refresh_token = '' } = fragmentOf(await follow(world, url ?? ''))
  const signedIn = await auth.signIn({ refreshToken: refresh_token })
  expect([signedIn.error, signedIn.user?.email]).toEqual([null, 'ann@example.com'])
})
