import { describe, expect, test } from 'vitest'
import { updateApplication } from '../../src/model/application.ts'
import type { NewUser } from '../../src/model/user.ts'
import { claimsOf, type Fields, gate, issuer, me, person, tokensFor } from './oidc-client.ts'

// Applications with `hasStandardClaims` are told claims in OpenID Connect's form; all others in Logto's.

const scope = 'openid offline_access profile email phone roles'

/** What the shop's ID token and UserInfo say of somebody. */
async function told(standard: boolean, given: Partial<NewUser>, changes: Fields = {}) {
  const at = await gate()
  await updateApplication(at.scene.ctx, 'shop', {
    customClientMetadata: { hasStandardClaims: standard },
  })
  const { browser, user, sessionId } = await person(at, given)
  const tokens = await tokensFor(at, browser, { scope, ...changes })
  const userInfo = await (await me(at, tokens.access_token)).json()
  const now = at.scene.ctx.now()
  return { idToken: claimsOf(tokens.id_token), userInfo, user, sessionId, now }
}

function inSeconds(date: Date): number {
  return Math.floor(date.getTime() / 1000)
}

const ann = { username: 'ann', phone: '4915112345678', phoneVerified: true }

describe('claims in OpenID Connect’s form', () => {
  test('UserInfo tells times in seconds and telephone numbers with their +', async () => {
    const { userInfo, user } = await told(true, ann)
    expect(userInfo).toEqual({
      ...{ sub: user.id, name: 'Ann', username: 'ann', preferred_username: 'ann' },
      ...{ updated_at: inSeconds(user.updatedAt), created_at: inSeconds(user.createdAt) },
      ...{ email: 'ann@example.com', email_verified: true },
      ...{ phone_number: '+4915112345678', phone_number_verified: true, roles: [] },
    })
  })

  test('what a user has not is left out', async () => {
    const byMail = await told(true, { name: null })
    const times = ({ user }: typeof byMail) => ({
      updated_at: inSeconds(user.updatedAt),
      created_at: inSeconds(user.createdAt),
    })
    expect(byMail.userInfo).toEqual({
      ...{ sub: byMail.user.id, roles: [], ...times(byMail) },
      ...{ email: 'ann@example.com', email_verified: true },
    })
    const byPhone = await told(true, { ...ann, email: null, emailVerified: false, username: null })
    expect(byPhone.userInfo).toEqual({
      ...{ sub: byPhone.user.id, roles: [], name: 'Ann', ...times(byPhone) },
      ...{ phone_number: '+4915112345678', phone_number_verified: true },
    })
  })

  test('the ID token leaves the claims of scopes to UserInfo, and has those that were asked for by name', async () => {
    const { idToken, user, sessionId, now } = await told(true, ann)
    const bare = {
      ...{ sub: user.id, aud: 'shop', iss: issuer, sid: sessionId, roles: [] },
      ...{ iat: inSeconds(now), exp: inSeconds(now) + 3600 },
    }
    expect(idToken).toEqual(bare)

    const claims = { id_token: { email: null, phone_number: null, updated_at: null, gender: null } }
    const named = await told(true, ann, { scope: 'openid', claims: JSON.stringify(claims) })
    const { roles: _unasked, ...rest } = bare
    expect(named.idToken).toEqual({
      ...{ ...rest, sub: named.user.id, sid: named.sessionId },
      ...{ email: 'ann@example.com', phone_number: '+4915112345678' },
      updated_at: inSeconds(named.user.updatedAt),
    })
  })
})

test('without it the claims are Logto’s: milliseconds, null, no +, and in the ID token too', async () => {
  const { idToken, userInfo, user } = await told(false, ann)
  const theirs = {
    ...{
      picture: null,
      updated_at: user.updatedAt.getTime(),
      created_at: user.createdAt.getTime(),
    },
    ...{ phone_number: '4915112345678', email: 'ann@example.com' },
  }
  expect(idToken).toMatchObject(theirs)
  expect(userInfo).toMatchObject(theirs)
})
