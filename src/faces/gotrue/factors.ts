import type { Context as HonoContext } from 'hono'
import { Fault } from '../../base/fault.ts'
import type { Env } from '../../base/http.ts'
import { qrSvg } from '../../base/qr.ts'
import { unixSeconds } from '../../base/time.ts'
import { deleteFactorByAdmin, updateFactorByAdmin } from '../../flows/admin-factors.ts'
import { enrollFactor, type FactorWish, factorOf, unenrollFactor } from '../../flows/factor.ts'
import { challengeFactor } from '../../flows/factor-challenge.ts'
import { type Proof, proveFactor } from '../../flows/factor-proof.ts'
import type { Holder } from '../../flows/passkey-registration.ts'
import { carryAgain } from '../../flows/refresh.ts'
import type { AuthenticationMethod } from '../../model/session.ts'
import { type Factor, findUser, type User } from '../../model/user.ts'
import { isUuid } from '../../model/uuid.ts'
import { adminOf, type Called, callerOf } from './bearer.ts'
import { answerCarried } from './carry.ts'
import { refused } from './errors.ts'
import { factorJson } from './present.ts'
import { readBody } from './read.ts'
import { adminFactorBody, factorBody, factorChallengeBody, factorVerifyBody } from './schema.ts'

/** `POST /factors`. */
async function enroll(c: HonoContext<Env>): Promise<Response> {
  const { ctx, ...holder } = await holderOf(c)
  const body = await readBody(c, factorBody)
  const { factor, totp } = await enrollFactor(ctx, holder, wishOf(body))
  return c.json({
    id: factor.id,
    type: factor.type,
    friendly_name: body.friendly_name,
    ...(totp === null
      ? {}
      : { totp: { qr_code: qrSvg(totp.uri), secret: totp.secret, uri: totp.uri } }),
    ...(factor.type === 'phone' ? { phone: body.phone } : {}),
  })
}

function wishOf(body: {
  factor_type: string
  friendly_name: string
  issuer: string
  phone: string
}): FactorWish {
  const { factor_type: type, friendly_name: friendlyName, issuer, phone } = body
  switch (type) {
    case 'totp':
      return { type, friendlyName, issuer }
    case 'phone':
      return { type, friendlyName, phone }
    case 'webauthn':
      return { type, friendlyName }
    default:
      throw refused('factor_type needs to be totp, phone, or webauthn')
  }
}

/** Who holds a session of their own. Anonymous users have nothing that a second factor would keep. */
export async function holderOf(c: HonoContext<Env>): Promise<Called & Holder> {
  const { ctx, user, session } = await callerOf(c)
  if (user.isAnonymous) throw new Fault('no_authorization', { why: 'anonymous' })
  if (session === null) throw new Fault('session_not_found', { at: 'bearer' })
  return { ctx, user, session }
}

/** `POST /factors/{id}/challenge`; the body of an app's is not read. */
async function challenge(c: HonoContext<Env>): Promise<Response> {
  const { ctx, ...holder } = await holderOf(c)
  const factor = namedFactor(c, holder.user)
  const { channel } =
    factor.type === 'totp' ? { channel: '' } : await readBody(c, factorChallengeBody)
  const asked = await challengeFactor(ctx, holder, { factor, channel })
  return c.json({
    id: asked.id,
    type: factor.type,
    expires_at: unixSeconds(asked.expiresAt),
    ...(asked.ceremony === null
      ? {}
      : {
          webauthn: {
            type: asked.ceremony.type,
            credential_options: { publicKey: asked.ceremony.options },
          },
        }),
  })
}

/** The factor that the address names: by itself, or below the user that an administrator names. */
function namedFactor(c: HonoContext<Env>, user: User): Factor {
  const id = c.req.param('factor') ?? c.req.param('id') ?? ''
  if (!isUuid(id)) throw refused('factor_id must be an UUID', { status: 404 })
  return factorOf(user, id)
}

/** `POST /factors/{id}/verify`: the same session with two factors, and a new token for it. */
async function verifyFactor(c: HonoContext<Env>): Promise<Response> {
  const { ctx, ...holder } = await holderOf(c)
  const factor = namedFactor(c, holder.user)
  const body = await readBody(c, factorVerifyBody)
  const proof = factor.type === 'webauthn' ? ceremonyOf(body.webauthn) : codeOf(body.code)
  const challengeId = body.challenge_id
  if (challengeId !== '' && !isUuid(challengeId)) {
    throw refused('Could not parse request body as JSON: uuid: incorrect UUID in challenge_id', {
      code: 'bad_json',
    })
  }
  await proveFactor(ctx, holder, { factor, challengeId, proof })
  const carried = await carryAgain(ctx, holder.session)
  return c.json(await answerCarried(c, ctx, { ...carried, reuse: [] }, methods[factor.type]))
}

const methods: Record<Factor['type'], AuthenticationMethod> = {
  totp: 'totp',
  phone: 'mfa/phone',
  webauthn: 'mfa/webauthn',
}

function codeOf(code: string): Proof {
  if (code === '') throw refused('Code needs to be non-empty')
  return { type: 'code', code }
}

function ceremonyOf(given: { type: string; credential_response?: unknown } | null): Proof {
  if (given === null) throw refused('WebAuthn config required')
  const { type, credential_response: credential } = given
  if (type !== 'create' && type !== 'request') {
    throw refused('WebAuthn type must be create or request')
  }
  if (credential === undefined || credential === null) {
    throw refused('credential_response required')
  }
  if (typeof credential !== 'object' || Array.isArray(credential)) {
    throw refused('Invalid credential_response')
  }
  return { type, credential }
}

/** `DELETE /factors/{id}`. */
async function unenroll(c: HonoContext<Env>): Promise<Response> {
  const { ctx, ...holder } = await holderOf(c)
  const factor = namedFactor(c, holder.user)
  await unenrollFactor(ctx, holder, factor)
  return c.json({ id: factor.id })
}

/** `PUT /admin/users/{id}/factors/{factor}`. */
async function changeFactor(c: HonoContext<Env>): Promise<Response> {
  const ctx = await adminOf(c)
  const user = await userOf(c)
  const factor = namedFactor(c, user)
  const { friendly_name: friendlyName, phone } = await readBody(c, adminFactorBody)
  return c.json(factorJson(await updateFactorByAdmin(ctx, user, { factor, friendlyName, phone })))
}

/** `DELETE /admin/users/{id}/factors/{factor}`. */
async function removeFactor(c: HonoContext<Env>): Promise<Response> {
  const ctx = await adminOf(c)
  const user = await userOf(c)
  const factor = namedFactor(c, user)
  await deleteFactorByAdmin(ctx, user, factor)
  return c.json(factorJson(factor))
}

/** The user that an administrator names. */
export async function userOf(c: HonoContext<Env>): Promise<User> {
  const id = c.req.param('id') ?? ''
  if (!isUuid(id)) throw refused('user_id must be an UUID', { status: 404 })
  const user = await findUser(c.get('ctx'), id)
  if (user === null) throw new Fault('user_not_found')
  return user
}

export const factorRoutes: readonly (readonly [
  string,
  string,
  (c: HonoContext<Env>) => Promise<Response>,
])[] = [
  ['POST', '/factors', enroll],
  ['POST', '/factors/:id/challenge', challenge],
  ['POST', '/factors/:id/verify', verifyFactor],
  ['DELETE', '/factors/:id', unenroll],
  ['PUT', '/admin/users/:id/factors/:factor', changeFactor],
  ['DELETE', '/admin/users/:id/factors/:factor', removeFactor],
]
