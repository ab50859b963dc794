import { describe, expect, test } from 'vitest'
import { ann, challenge, enroll, verify } from './authenticator-app.ts'
import { type Body, type GotrueWorld, newFormat } from './gotrue-world.ts'

const unknown = '11111111-1111-4111-8111-111111111111'
const all = {
  GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED: 'true',
  GOTRUE_MFA_PHONE_ENROLL_ENABLED: 'true',
  GOTRUE_MFA_PHONE_VERIFY_ENABLED: 'true',
  GOTRUE_MFA_WEB_AUTHN_ENROLL_ENABLED: 'true',
  GOTRUE_MFA_WEB_AUTHN_VERIFY_ENABLED: 'true',
}

interface Scene {
  world: GotrueWorld
  session: Body
  bearer: string
}

interface Row {
  does: string
  method?: string
  /** `{totp}`, `{phone}` and `{webauthn}` stand for factors that were begun, `{user}` for whose they are. */
  path: string
  body?: unknown
  as?: 'nobody' | 'anonymous' | 'admin'
  with?: Record<string, string>
  first?: (scene: Scene) => Promise<unknown>
  status: number
  code: string
  message: string
}

const invalid = { status: 400, code: 'validation_failed' }
const missing = { status: 404, code: 'mfa_factor_not_found', message: 'Factor not found' }
const totp = { factor_type: 'totp' }

/** Every error of the reference's appendix A (mfa.go; admin.go's of factors) that a request or two can cause. */
// biome-ignore format: a row of the table is a line.
const table: Row[] = [
  { does: 'enrolling as nobody', path: '/factors', as: 'nobody', body: totp, status: 401, code: 'no_authorization', message: 'This endpoint requires a valid Bearer token' },
  { does: 'enrolling anonymously', path: '/factors', as: 'anonymous', body: totp, status: 403, code: 'no_authorization', message: 'Anonymous user not allowed to perform these actions' },
  { does: 'enrolling nothing', path: '/factors', body: {}, ...invalid, message: 'factor_type needs to be totp, phone, or webauthn' },
  { does: 'enrolling a pigeon', path: '/factors', body: { factor_type: 'pigeon' }, ...invalid, message: 'factor_type needs to be totp, phone, or webauthn' },
  { does: 'enrolling an app when they are off', path: '/factors', body: totp, with: { GOTRUE_MFA_TOTP_ENROLL_ENABLED: 'false' }, status: 422, code: 'mfa_totp_enroll_not_enabled', message: 'MFA enroll is disabled for TOTP' },
  { does: 'enrolling a phone when they are off', path: '/factors', body: { factor_type: 'phone' }, with: { GOTRUE_MFA_PHONE_ENROLL_ENABLED: 'false' }, status: 422, code: 'mfa_phone_enroll_not_enabled', message: 'MFA enroll is disabled for Phone' },
  { does: 'enrolling a key when they are off', path: '/factors', body: { factor_type: 'webauthn' }, with: { GOTRUE_MFA_WEB_AUTHN_ENROLL_ENABLED: 'false' }, status: 422, code: 'mfa_webauthn_enroll_not_enabled', message: 'MFA enroll is disabled for WebAuthn' },
  { does: 'enrolling a phone without its number', path: '/factors', body: { factor_type: 'phone' }, ...invalid, message: 'Phone number required to enroll Phone factor' },
  { does: 'enrolling a phone that is none', path: '/factors', body: { factor_type: 'phone', phone: '0' }, ...invalid, message: 'Invalid phone number format (E.164 required)' },
  { does: 'enrolling a name twice', path: '/factors', body: { ...totp, friendly_name: 'totp' }, status: 422, code: 'mfa_factor_name_conflict', message: 'A factor with the friendly name "totp" for this user already exists' },
  { does: 'enrolling without a name twice', path: '/factors', body: totp, first: ({ world, bearer }) => world.ask('POST', '/factors', { bearer, body: totp }), status: 422, code: 'mfa_factor_name_conflict', message: 'A factor with the friendly name "" for this user already exists' },
  { does: 'enrolling a name without end', path: '/factors', body: { ...totp, friendly_name: 'x'.repeat(300) }, ...invalid, message: 'friendly_name is too long' },
  { does: 'enrolling for an issuer without end', path: '/factors', body: { ...totp, issuer: 'x'.repeat(5000) }, ...invalid, message: 'issuer is too long' },
  { does: 'enrolling too many', path: '/factors', body: totp, with: { GOTRUE_MFA_MAX_ENROLLED_FACTORS: '3' }, status: 422, code: 'too_many_enrolled_mfa_factors', message: 'Maximum number of verified factors reached, unenroll to continue' },
  { does: 'enrolling beside enough', path: '/factors', body: totp, with: { GOTRUE_MFA_MAX_VERIFIED_FACTORS: '1' }, first: prove, status: 422, code: 'too_many_enrolled_mfa_factors', message: 'Maximum number of verified factors reached, unenroll to continue' },
  { does: 'enrolling the second with the first unshown', path: '/factors', body: totp, first: async (scene) => { await prove(scene); scene.bearer = (await scene.world.signIn()).access_token }, status: 403, code: 'insufficient_aal', message: 'AAL2 required to enroll a new factor' },

  { does: 'asking for no factor', path: '/factors/x/challenge', ...invalid, status: 404, message: 'factor_id must be an UUID' },
  { does: 'asking for an unknown one', path: `/factors/${unknown}/challenge`, ...missing },
  { does: 'asking for an app when they are off', path: '/factors/{totp}/challenge', with: { GOTRUE_MFA_TOTP_VERIFY_ENABLED: 'false' }, status: 422, code: 'mfa_totp_verify_not_enabled', message: 'MFA verification is disabled for TOTP' },
  { does: 'asking for a phone when they are off', path: '/factors/{phone}/challenge', body: {}, with: { GOTRUE_MFA_PHONE_VERIFY_ENABLED: 'false' }, status: 422, code: 'mfa_phone_verify_not_enabled', message: 'MFA verification is disabled for Phone' },
  { does: 'asking for a key when they are off', path: '/factors/{webauthn}/challenge', body: {}, with: { GOTRUE_MFA_WEB_AUTHN_VERIFY_ENABLED: 'false' }, status: 422, code: 'mfa_webauthn_verify_not_enabled', message: 'MFA verification is disabled for WebAuthn' },
  { does: 'asking for a phone without a body', path: '/factors/{phone}/challenge', status: 400, code: 'bad_json', message: 'Could not parse request body as JSON: unexpected end of JSON input' },
  { does: 'asking for a phone by a pigeon', path: '/factors/{phone}/challenge', body: { channel: 'pigeon' }, ...invalid, message: "Invalid channel, supported values are 'sms' or 'whatsapp'. 'whatsapp' is only supported if Twilio or Twilio Verify is used as the provider." },
  { does: 'asking for a phone twice in a minute', path: '/factors/{phone}/challenge', body: {}, first: ({ world, bearer, session }) => world.ask('POST', `/factors/${session.factors.phone}/challenge`, { bearer, body: {} }), status: 429, code: 'over_sms_send_rate_limit', message: 'For security purposes, you can only request this after 60 seconds.' },
  { does: 'asking for a phone without anybody who sends', path: '/factors/{phone}/challenge', body: {}, with: { GOTRUE_SMS_PROVIDER: 'vonage' }, status: 500, code: 'unexpected_failure', message: 'Unable to get SMS provider' },

  { does: 'showing an unknown factor', path: `/factors/${unknown}/verify`, body: {}, ...missing },
  { does: 'showing an app without a code', path: '/factors/{totp}/verify', body: { challenge_id: unknown }, ...invalid, message: 'Code needs to be non-empty' },
  { does: 'showing an app to no challenge', path: '/factors/{totp}/verify', body: { code: '123456' }, status: 422, code: 'mfa_factor_not_found', message: 'MFA factor with the provided challenge ID not found' },
  { does: 'showing an app to an unknown challenge', path: '/factors/{totp}/verify', body: { challenge_id: unknown, code: '123456' }, status: 422, code: 'mfa_factor_not_found', message: 'MFA factor with the provided challenge ID not found' },
  { does: 'showing an app when they are off', path: '/factors/{totp}/verify', body: { challenge_id: unknown, code: '1' }, with: { GOTRUE_MFA_TOTP_VERIFY_ENABLED: 'false' }, status: 422, code: 'mfa_totp_verify_not_enabled', message: 'MFA verification is disabled for TOTP' },
  { does: 'showing a phone when they are off', path: '/factors/{phone}/verify', body: { challenge_id: unknown, code: '1' }, with: { GOTRUE_MFA_PHONE_VERIFY_ENABLED: 'false' }, status: 422, code: 'mfa_phone_verify_not_enabled', message: 'MFA verification is disabled for Phone' },
  { does: 'showing a key when they are off', path: '/factors/{webauthn}/verify', body: { challenge_id: unknown, webauthn: { type: 'create', credential_response: {} } }, with: { GOTRUE_MFA_WEB_AUTHN_VERIFY_ENABLED: 'false' }, status: 422, code: 'mfa_webauthn_enroll_not_enabled', message: 'MFA verification is disabled for WebAuthn' },

  { does: 'taking away an unknown factor', method: 'DELETE', path: `/factors/${unknown}`, ...missing },
  { does: 'taking away a shown one unshown', method: 'DELETE', path: '/factors/{totp}', first: async (scene) => { await prove(scene); scene.bearer = (await scene.world.signIn()).access_token }, status: 422, code: 'insufficient_aal', message: 'AAL2 required to unenroll verified factor' },

  { does: "changing nobody's factor", method: 'PUT', path: `/admin/users/${unknown}/factors/${unknown}`, as: 'admin', body: {}, status: 404, code: 'user_not_found', message: 'User not found' },
  { does: 'changing no factor', method: 'PUT', path: '/admin/users/{user}/factors/x', as: 'admin', body: {}, ...invalid, status: 404, message: 'factor_id must be an UUID' },
  { does: 'changing an unknown factor', method: 'PUT', path: `/admin/users/{user}/factors/${unknown}`, as: 'admin', body: {}, ...missing },
  { does: 'changing a phone to none', method: 'PUT', path: '/admin/users/{user}/factors/{phone}', as: 'admin', body: { phone: 'x' }, ...invalid, message: 'Invalid phone number format (E.164 required)' },
  { does: 'changing to a name that is taken', method: 'PUT', path: '/admin/users/{user}/factors/{phone}', as: 'admin', body: { friendly_name: 'totp' }, status: 422, code: 'mfa_factor_name_conflict', message: 'A factor with the friendly name "totp" for this user already exists' },
  { does: 'deleting an unknown factor', method: 'DELETE', path: `/admin/users/{user}/factors/${unknown}`, as: 'admin', ...missing },
  { does: 'deleting one as a user', method: 'DELETE', path: '/admin/users/{user}/factors/{totp}', status: 403, code: 'not_admin', message: 'User not allowed' },
]

/** Shows Ann's app in the session that the scene goes on with. */
async function prove(scene: Scene): Promise<void> {
  const { body } = await verify(scene.world, scene.bearer, scene.session.app)
  scene.bearer = body.access_token
}

async function begun(environment: Record<string, string>): Promise<Scene> {
  const scene = await ann(all)
  const app = await enroll(scene.world, scene.bearer, 'totp')
  const factors: Record<string, string> = { totp: app.id }
  for (const factor_type of ['phone', 'webauthn']) {
    const body = { factor_type, friendly_name: factor_type, phone: '15551234567' }
    const made = await scene.world.ask('POST', '/factors', { bearer: scene.bearer, body })
    factors[factor_type] = made.body.id
  }
  const world = scene.world.under({ ...all, ...environment })
  return { ...scene, world, session: { ...scene.session, app, factors } }
}

describe.each(table)('$does', (row) => {
  test(`is refused: ${row.code}`, async () => {
    const scene = await begun(row.with ?? {})
    await row.first?.(scene)
    const { world, session } = scene
    const bearers = {
      nobody: async () => null,
      anonymous: async () => (await world.ask('POST', '/signup', { body: {} })).body.access_token,
      admin: async () => world.adminKey,
      ann: async () => scene.bearer,
    }
    const bearer = await bearers[row.as ?? 'ann']()
    const path = row.path
      .replace('{user}', session.user.id)
      .replace(/\{(\w+)\}/, (_, name: string) => session.factors[name])
    const { method = 'POST', body } = row
    const options = { bearer, ...(body === undefined ? {} : { body }) }
    const old = await world.ask(method, path, options)
    expect({ status: old.status, ...old.body }).toEqual({
      status: row.status,
      code: row.status,
      error_code: row.code,
      msg: row.message,
      ...(row.status >= 500 ? { error_id: 'a-request' } : {}),
    })
    const recent = await world.ask(method, path, { ...options, headers: newFormat })
    expect(recent.body).toEqual({ code: row.code, message: row.message })
  })
})

test('who asks too often from one place waits, where a header names the place', async () => {
  const { world, bearer } = await ann({ GOTRUE_RATE_LIMIT_HEADER: 'x-place' })
  const { id } = await enroll(world, bearer)
  const headers = { 'x-place': '198.51.100.7' }
  for (const step of ['challenge', 'verify']) {
    const statuses = new Set<number>()
    for (let one = 0; one < 31; one += 1) {
      const path = `/factors/${id}/${step}`
      statuses.add((await world.ask('POST', path, { bearer, headers, body: {} })).status)
    }
    expect(statuses).toContain(429)
  }
  expect(await challenge(world, bearer, id)).toBeDefined()
})
