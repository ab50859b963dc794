import { expect } from 'vitest'
import {
  carrierOf,
  countedTokenOf,
  emailOf,
  organizationOf,
  password,
  refreshTokenOf,
  rowTokenOf,
  userIdOf,
  usernameOf,
} from '../../bench/growth/names.ts'
import { transaction } from '../../src/base/context.ts'
import { day } from '../../src/base/time.ts'
import { adapterOver } from '../../src/faces/authjs/adapter.ts'
import { startInteraction } from '../../src/flows/interaction.ts'
import { sendDue } from '../../src/flows/outbox.ts'
import { startKeyStepUp } from '../../src/flows/second-key.ts'
import { createApplication } from '../../src/model/application.ts'
import { putDelivery, tellLogoutOf } from '../../src/model/delivery.ts'
import { listFactorKeys } from '../../src/model/factor-key.ts'
import { listMemberships } from '../../src/model/membership.ts'
import { listMembers, saveMember } from '../../src/model/organization.ts'
import {
  createPasskey,
  deletePasskey,
  listPasskeys,
  raiseByPasskey,
} from '../../src/model/passkey.ts'
import { setUserRoles } from '../../src/model/role.ts'
import { createSession } from '../../src/model/session.ts'
import { findPersonalAccessToken, listPersonalAccessTokens } from '../../src/model/subject-token.ts'
import { findUser, findUserByUsername } from '../../src/model/user.ts'
import { challenge, enroll, verify } from './authenticator-app.ts'
import { pathOf } from './gotrue-world.ts'
import {
  answerOf,
  authPath,
  machineBasic,
  me,
  challenge as pkceChallenge,
  redemption,
  refresh,
  request,
  shopBasic,
  verifier,
} from './oidc-client.ts'
import { answerDevice, begin, poll } from './oidc-devices.ts'
import { problemOf, visitorOf } from './pages-visitor.ts'
import {
  atBrowser,
  browserOf,
  counted,
  type Stage,
  type Story,
  signedIn,
  well,
} from './plans-stage.ts'
import { partner } from './plans-stories-partner.ts'
import { newPasskey } from './software-key.ts'

export const supabase: Story[] = [
  {
    name: 'sign in by password, and be who one is',
    async tell(stage) {
      const { access_token: bearer } = await signedIn(stage, stage.next())
      await well(stage.gotrue.ask('GET', '/user', { bearer }))
      await well(stage.gotrue.ask('PUT', '/user', { bearer, body: { data: { a: 1 } } }))
      await well(stage.gotrue.ask('GET', '/reauthenticate', { bearer }))
      const changed = { email: 'new@example.com', password: 'another long password' }
      await well(stage.gotrue.ask('PUT', '/user', { bearer, body: changed }))
      await well(stage.gotrue.ask('POST', '/logout?scope=others', { bearer }))
      await well(stage.gotrue.ask('POST', '/logout?scope=local', { bearer }))
    },
  },
  {
    name: 'sign out everywhere, of two hundred sessions',
    async tell(stage) {
      const heavy = stage.next((user) => user % 25 === 24) - 24
      const user = heavy % 10_000 === 0 ? heavy : Math.ceil(heavy / 10_000) * 10_000
      const { access_token: bearer } = await signedIn(stage, user)
      await well(stage.gotrue.ask('GET', '/user', { bearer }))
      await well(stage.gotrue.ask('POST', '/logout?scope=global', { bearer }))
    },
  },
  {
    name: 'refresh, by tokens of both kinds, once and again',
    async tell(stage) {
      const rows = stage.next((user) => carrierOf(user) === 'rows')
      const tokens = [countedTokenOf(stage.next(counted)), rowTokenOf(rows)]
      for (const refresh_token of [...tokens, ...tokens]) {
        const body = { refresh_token }
        await well(stage.gotrue.ask('POST', '/token?grant_type=refresh_token', { body }))
      }
      // One that is too old: all of its family falls.
      const user = stage.next((user) => carrierOf(user) === 'rows' && user % 4 === 3)
      const body = { refresh_token: rowTokenOf(user, 0) }
      await stage.gotrue.ask('POST', '/token?grant_type=refresh_token', { body })
    },
  },
  {
    name: 'sign up, confirm, and somebody who is there already',
    async tell({ gotrue, next }) {
      const email = `fresh-${next()}@example.com`
      for (const address of [email, emailOf(next())]) {
        await well(gotrue.ask('POST', '/signup', { body: { email: address, password } }))
      }
      const { code } = await gotrue.mailTo(email)
      await well(gotrue.ask('POST', '/verify', { body: { type: 'signup', email, token: code } }))
      await well(gotrue.ask('POST', '/signup', { body: { data: { anonymous: true } } }))
      await well(
        gotrue.ask('POST', '/resend', { body: { type: 'signup', email: emailOf(next()) } }),
      )
    },
  },
  {
    name: 'codes and links by mail, and by phone',
    async tell({ gotrue, next, scene }) {
      const email = emailOf(next())
      await well(gotrue.ask('POST', '/otp', { body: { email } }))
      const { code } = await gotrue.mailTo(email)
      await well(gotrue.ask('POST', '/verify', { body: { type: 'email', email, token: code } }))
      scene.pass(2 * 60_000)
      const other = emailOf(next())
      await well(gotrue.ask('POST', '/recover', { body: { email: other } }))
      await well(gotrue.ask('GET', pathOf((await gotrue.mailTo(other)).link)))
      const third = emailOf(next())
      const pkce = { email: third, code_challenge: pkceChallenge, code_challenge_method: 's256' }
      await well(gotrue.ask('POST', '/otp', { body: pkce }))
      const visited = await gotrue.ask('GET', pathOf((await gotrue.mailTo(third)).link))
      const auth_code = new URL(visited.headers.get('location') ?? '').searchParams.get('code')
      const body = { auth_code, code_verifier: verifier }
      await well(gotrue.ask('POST', '/token?grant_type=pkce', { body }))
      const user = next((one) => one % 10 === 7)
      await gotrue.ask('POST', '/otp', { body: { phone: `+${15_550_000_000 + user}` } })
      const typed = { type: 'sms', phone: `+${15_550_000_000 + user}`, token: '123456' }
      await gotrue.ask('POST', '/verify', { body: typed })
    },
  },
  {
    name: 'a second factor',
    async tell(stage) {
      const { gotrue } = stage
      const user = stage.next((one) => one % 10 === 2)
      const { access_token: bearer } = await signedIn(stage, user)
      const app = await enroll(gotrue, bearer, `app ${user}`)
      await challenge(gotrue, bearer, app.id)
      const verified = await verify(gotrue, bearer, app)
      const aal2 = verified.body.access_token
      await well(gotrue.ask('DELETE', `/factors/${app.id}`, { bearer: aal2 }))
      const mine = { bearer: gotrue.adminKey }
      await well(gotrue.ask('GET', `/admin/users/${userIdOf(user)}/factors`, mine))
    },
  },
  {
    name: 'passkeys, identities, and what other applications may',
    async tell(stage) {
      const user = stage.next((one) => one % 20 === 6)
      const { access_token: bearer } = await signedIn(stage, user)
      await well(stage.gotrue.ask('GET', '/passkeys', { bearer }))
      await well(stage.gotrue.ask('POST', '/passkeys/registration/options', { bearer }))
      await well(stage.gotrue.ask('POST', '/passkeys/authentication/options', { body: {} }))
      await well(stage.gotrue.ask('GET', '/user/oauth/grants', { bearer }))
      const { body } = await stage.gotrue.ask('GET', '/user', { bearer })
      await stage.gotrue.ask('DELETE', `/user/identities/${body.identities[0].identity_id}`, {
        bearer,
      })
    },
  },
  {
    name: 'make, change, ban, invite and delete users, as an administrator',
    async tell({ gotrue, next }) {
      const bearer = gotrue.adminKey
      const at = (user: number) => `/admin/users/${userIdOf(user)}`
      const made = { email: `made-${next()}@example.com`, password, email_confirm: true }
      await well(gotrue.ask('POST', '/admin/users', { bearer, body: made }))
      await well(gotrue.ask('GET', at(next()), { bearer }))
      const user = next((one) => atBrowser(one))
      await well(gotrue.ask('PUT', at(user), { bearer, body: { ban_duration: '1h' } }))
      const change = { email: `other-${user}@example.com`, app_metadata: { plan: 'pro' }, password }
      await well(gotrue.ask('PUT', at(user), { bearer, body: change }))
      await well(gotrue.ask('DELETE', at(user), { bearer }))
      const soft = { bearer, body: { should_soft_delete: true } }
      await well(gotrue.ask('DELETE', at(next()), soft))
      // What hangs on everybody who has one of each.
      await well(gotrue.ask('DELETE', at(next((one) => one % 20 === 4)), { bearer }))
      await well(gotrue.ask('DELETE', at(next((one) => one % 20 === 6)), { bearer }))
      const invited = { email: `guest-${next()}@example.com` }
      await well(gotrue.ask('POST', '/invite', { bearer, body: invited }))
      const link = { type: 'magiclink', email: emailOf(next()) }
      await well(gotrue.ask('POST', '/admin/generate_link', { bearer, body: link }))
    },
  },
]

/** What GoTrue's own shape lets nobody do better: its tables have no index for these. */
export const lists: Story[] = [
  {
    name: 'the list of users, and the audit log',
    async tell({ gotrue, next }) {
      const bearer = gotrue.adminKey
      await well(gotrue.ask('GET', '/admin/users?page=1&per_page=50', { bearer }))
      await well(gotrue.ask('GET', '/admin/users?page=100&per_page=50', { bearer }))
      await well(gotrue.ask('GET', `/admin/users?filter=${emailOf(next())}`, { bearer }))
      await well(gotrue.ask('GET', '/admin/audit?page=1&per_page=50', { bearer }))
      await well(gotrue.ask('GET', '/admin/audit?query=author:user-17', { bearer }))
    },
  },
]

export const openid: Story[] = [
  {
    name: 'the code flow of somebody who is signed in',
    async tell(stage) {
      const { at } = stage
      const browser = browserOf(stage, stage.next(atBrowser))
      const { code = '' } = answerOf(await browser.open(authPath()))
      expect(code).not.toBe('')
      const redeemed = await at.post('/oidc/token', redemption(code), shopBasic)
      expect(redeemed.status).toBe(200)
      const tokens = (await redeemed.json()) as { access_token: string; refresh_token: string }
      await well(me(at, tokens.access_token))
      await well(at.post('/oidc/token/introspection', { token: tokens.access_token }, shopBasic))
      await well(refresh(at, tokens.refresh_token))
      await well(refresh(at, tokens.refresh_token))
      await at.post('/oidc/token', redemption(code), shopBasic)
      await well(at.post('/oidc/token/revocation', { token: tokens.access_token }, shopBasic))
      await well(browser.open('/oidc/session/end'))
      const pushed = await at.post('/oidc/par', request(), shopBasic)
      const { request_uri } = (await pushed.json()) as { request_uri: string }
      const query = new URLSearchParams({ client_id: 'shop', request_uri })
      await well(browser.open(`/oidc/auth?${query}`))
    },
  },
  {
    name: 'refresh with a token that rested for long, and be refused with one that was spent',
    async tell(stage) {
      const { at, next, scene } = stage
      await well(refresh(at, refreshTokenOf(scene.ctx, next(atBrowser))))
      expect((await refresh(at, 'a token of nobody')).status).toBe(400)
    },
  },
  {
    name: 'a machine’s token, and an organization’s',
    async tell(stage) {
      const { at, next, scene } = stage
      const credentials = { grant_type: 'client_credentials' }
      await well(at.post('/oidc/token', credentials, machineBasic))
      const user = next((one) => atBrowser(one) && one > 97)
      const scope =
        'openid offline_access urn:logto:scope:organizations urn:logto:scope:organization_roles roles'
      const { code = '' } = answerOf(await browserOf(stage, user).open(authPath({ scope })))
      const redeemed = await at.post('/oidc/token', redemption(code), shopBasic)
      const tokens = (await redeemed.json()) as { refresh_token: string; access_token: string }
      await well(me(at, tokens.access_token))
      await at.post(
        '/oidc/token',
        {
          ...{
            grant_type: 'refresh_token',
            client_id: 'shop',
            refresh_token: tokens.refresh_token,
          },
          organization_id: organizationOf(user),
        },
        shopBasic,
      )
      await listMemberships(scene.ctx, userIdOf(user))
      await listPersonalAccessTokens(scene.ctx, userIdOf(user))
      await findPersonalAccessToken(scene.ctx, `pat_${'x'.repeat(40)}`)
      await transaction(scene.ctx, (ctx) => setUserRoles(ctx, userIdOf(user), ['Role 1']))
      await tellLogoutOf(scene.ctx, userIdOf(user))
    },
  },
  {
    name: 'a device’s code',
    async tell(stage) {
      await createApplication(stage.scene.ctx, {
        ...{ id: `tv-${stage.next()}`, name: 'The Television', type: 'Native' as const },
        customClientMetadata: { isDeviceFlow: true },
      })
      const client_id = (await lastApplication(stage)) ?? ''
      const waiting = await begin(stage.at, { client_id })
      await poll(stage.at, waiting.device_code, { client_id })
      const browser = browserOf(stage, stage.next(atBrowser))
      await answerDevice(browser, waiting.user_code, 'allow')
      await well(poll(stage.at, waiting.device_code, { client_id }))
    },
  },
  {
    name: 'the hosted pages',
    async tell({ scene, next }) {
      const user = next((one) => one % 2 === 0 && one % 10 === 8)
      expect(await findUserByUsername(scene.ctx, usernameOf(user))).toMatchObject({
        email: emailOf(user),
      })
      const visitor = visitorOf(scene)
      const identifier = { identifier: emailOf(user) }
      const page = await visitor.submit(await visitor.open('/sign-in'), identifier)
      expect([page.status, problemOf(page)]).toEqual([200, null])
      await visitor.submit(page, { password })
      await well(visitor.open('/account/passkeys'))
    },
  },
  {
    name: 'a key as second factor, which is then taken away',
    async tell({ scene: { ctx }, next }) {
      const userId = userIdOf(next((one) => one % 20 === 6))
      const user = (await findUser(ctx, userId)) ?? expect.fail('Nobody is there.')
      const session = await createSession(ctx, { userId, method: 'password' })
      const { id } = await transaction(ctx, (ctx) => createPasskey(ctx, user, newPasskey()))
      const { interaction } = await startInteraction(ctx, { applicationId: null, browser: null })
      await startKeyStepUp(ctx, interaction, { user, session })
      expect((await listFactorKeys(ctx, userId)).size).toBe(0)
      const passkey = (await listPasskeys(ctx, userId)).find((one) => one.id === id)
      expect(await raiseByPasskey(ctx, passkey ?? expect.fail('It is kept.'), session.id)).toBe(
        true,
      )
      expect(await transaction(ctx, (ctx) => deletePasskey(ctx, user, id))).toBe(true)
    },
  },
]

export const background: Story[] = [
  {
    name: 'the outbox',
    async tell({ scene }) {
      const details = { userId: userIdOf(3), notice: 'passwordChanged', to: emailOf(3), facts: {} }
      await putDelivery(scene.ctx, 'mail-notice', details)
      await sendDue(scene.ctx)
    },
  },
]

export const authjs: Story[] = [
  {
    name: 'Auth.js’ adapter',
    async tell({ scene, next }) {
      const adapter = adapterOver(async () => scene.ctx)
      const user = next()
      const id = userIdOf(user)
      const expires = new Date(scene.ctx.now().getTime() + 1 * day)
      const sessionToken = `token-${user}`
      await adapter.getUser(id)
      await adapter.getUserByEmail(emailOf(user))
      await adapter.getUserByAccount({
        provider: 'google',
        providerAccountId: String(100_000_000_000 + user),
      })
      await adapter.createSession({ sessionToken, userId: id, expires })
      await adapter.getSessionAndUser(sessionToken)
      await adapter.updateSession({ sessionToken, expires: new Date(expires.getTime() + 1 * day) })
      await adapter.listSessions(id)
      await adapter.listAccounts(id)
      await adapter.updateUser({ id, name: 'Somebody' })
      const account = {
        provider: 'acme',
        providerAccountId: `acme-${user}`,
        type: 'oauth' as const,
      }
      await adapter.linkAccount({ ...account, userId: id })
      await adapter.getAccount(account.providerAccountId, account.provider)
      await adapter.unlinkAccount(account)
      const token = { identifier: emailOf(user), token: 'mailed', expires }
      await adapter.createVerificationToken(token)
      await adapter.useVerificationToken(token)
      await adapter.listAuthenticatorsByUserId(id)
      await adapter.getAuthenticator('AAAA')
      await adapter.deleteSession(sessionToken)
      await adapter.deleteSessions(id)
      await adapter.deleteUser(id)
    },
  },
]

async function lastApplication({ scene }: Stage): Promise<string | undefined> {
  const row = await scene.ctx.db
    .selectFrom('idp.applications')
    .select('id')
    .where('id', 'like', 'tv-%')
    .orderBy('id', 'desc')
    .executeTakeFirst()
  return row?.id
}

export const members: Story[] = [
  {
    name: 'an organization’s members',
    async tell({ scene, next }) {
      // Its members are many; who lists them wants them all.
      const userId = userIdOf(next())
      await saveMember(scene.ctx, 'org-150', { id: userId, roles: ['member'] })
      await listMembers(scene.ctx, 'org-150')
    },
  },
]

export const stories: readonly Story[] = [
  ...[...supabase, ...lists, ...openid, ...background, ...authjs, ...members, ...partner],
]
