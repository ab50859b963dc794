import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { ann } from './authenticator-app.ts'
import { type Answer, type Body, claimsOf, type GotrueWorld } from './gotrue-world.ts'
import { type SoftwareKey, softwareKey } from './software-key.ts'

const environment = {
  GOTRUE_MFA_WEB_AUTHN_ENROLL_ENABLED: 'true',
  GOTRUE_MFA_WEB_AUTHN_VERIFY_ENABLED: 'true',
  GOTRUE_WEBAUTHN_RP_ID: 'localhost',
  GOTRUE_WEBAUTHN_RP_DISPLAY_NAME: 'An app',
  GOTRUE_WEBAUTHN_RP_ORIGINS: 'http://localhost:5173,http://localhost:3000',
}
const place = { origin: 'http://localhost:5173', relyingParty: 'localhost' }
const aaguid = 'fbfc3007-154e-4ecc-8c0b-6e020557d7bd'

interface Held {
  world: GotrueWorld
  bearer: string
  id: string
}

async function enrolled(): Promise<Held> {
  const { world, bearer } = await ann(environment)
  const body = { factor_type: 'webauthn', friendly_name: 'a key' }
  const { body: said } = await world.ask('POST', '/factors', { bearer, body })
  expect(said).toEqual({ id: expect.any(String), type: 'webauthn', friendly_name: 'a key' })
  return { world, bearer, id: said.id }
}

function ask({ world, bearer, id }: Held): Promise<Answer> {
  return world.ask('POST', `/factors/${id}/challenge`, { bearer, body: { webauthn: {} } })
}

function show(
  { world, bearer, id }: Held,
  challenge_id: string,
  type: 'create' | 'request',
  credential_response: Body,
): Promise<Answer> {
  const body = { challenge_id, webauthn: { type, credential_response } }
  return world.ask('POST', `/factors/${id}/verify`, { bearer, body })
}

async function made(held: Held, key: SoftwareKey): Promise<Answer> {
  const { body } = await ask(held)
  const { challenge } = body.webauthn.credential_options.publicKey
  return show(held, body.id, 'create', JSON.parse(key.register(challenge, place, { aaguid })))
}

test('a key is made, then used: the session has two factors, and the row is what GoTrue keeps', async () => {
  const held = await enrolled()
  const { world } = held
  const key = softwareKey()
  const asked = await ask(held)
  expect(asked.body).toMatchObject({
    type: 'webauthn',
    expires_at: expect.any(Number),
    webauthn: {
      type: 'create',
      credential_options: {
        publicKey: {
          rp: { id: 'localhost', name: 'An app' },
          user: { name: 'ann@example.com' },
          pubKeyCredParams: [{ type: 'public-key', alg: -8 }, { alg: -7 }, { alg: -257 }],
          excludeCredentials: [],
        },
      },
    },
  })
  const { challenge } = asked.body.webauthn.credential_options.publicKey
  const registration = JSON.parse(key.register(challenge, place, { aaguid }))
  const first = await show(held, asked.body.id, 'create', registration)
  expect(first.status).toBe(200)
  const claims = claimsOf(first.body.access_token)
  expect(claims.aal).toBe('aal2')
  expect(claims.amr.map(({ method }: Body) => method).sort()).toEqual(['mfa/webauthn', 'password'])
  expect(first.body.user.factors).toMatchObject([
    { factor_type: 'webauthn', status: 'verified', web_authn_aaguid: aaguid },
  ])
  const { rows } = await sql<{ web_authn_credential: Body }>`
    select web_authn_credential from auth.mfa_factors`.execute(world.database.db)
  expect(rows[0]?.web_authn_credential).toEqual({
    id: key.id.toString('base64'),
    publicKey: key.publicKey.toString('base64'),
    attestationType: 'none',
    transport: ['internal'],
    flags: { userPresent: true, userVerified: true, backupEligible: false, backupState: false },
    authenticator: {
      AAGUID: Buffer.from(aaguid.replaceAll('-', ''), 'hex').toString('base64'),
      signCount: 0,
      cloneWarning: false,
      attachment: '',
    },
  })

  const again = { ...held, bearer: (await world.signIn()).access_token }
  const question = await ask(again)
  const { publicKey } = question.body.webauthn.credential_options
  expect(question.body.webauthn.type).toBe('request')
  expect(publicKey).toMatchObject({
    rpId: 'localhost',
    allowCredentials: [{ type: 'public-key', id: key.id.toString('base64url') }],
  })
  const used = JSON.parse(key.answer(publicKey.challenge, place, { counter: 7 }))
  const second = await show(again, question.body.id, 'request', used)
  expect(second.status).toBe(200)
  expect(claimsOf(second.body.access_token).aal).toBe('aal2')
  expect((await world.audited()).filter((action) => action === 'challenge_created')).toEqual([])
})

test('fifty who come with one answer: one is raised', async () => {
  const held = await enrolled()
  const key = softwareKey()
  const { body } = await ask(held)
  const { challenge } = body.webauthn.credential_options.publicKey
  const answer = JSON.parse(key.register(challenge, place))
  const answers = await Promise.all(
    Array.from({ length: 50 }, () => show(held, body.id, 'create', answer)),
  )
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
  expect(answers.every(({ status }) => [200, 422, 429].includes(status))).toBe(true)
})

test('a counter that does not rise, another key, another page and another name are refused', async () => {
  const held = await enrolled()
  const { world } = held
  const key = softwareKey()
  await made(held, key)
  const bearer = (await world.signIn()).access_token
  const again = { ...held, bearer }
  const refusals: [string, (challenge: string) => string][] = [
    ['another key', (challenge) => softwareKey().answer(challenge, place)],
    [
      'another page',
      (challenge) => key.answer(challenge, { ...place, origin: 'http://evil.test' }),
    ],
    ['another name', (challenge) => key.answer(challenge, { ...place, relyingParty: 'evil.test' })],
    ['another question', () => key.answer('another', place)],
    ['a registration', (challenge) => key.answer(challenge, place, { type: 'webauthn.create' })],
  ]
  for (const [name, answer] of refusals) {
    const { body } = await ask(again)
    const { challenge } = body.webauthn.credential_options.publicKey
    const refused = await show(again, body.id, 'request', JSON.parse(answer(challenge)))
    expect(refused, name).toMatchObject({
      status: 400,
      body: { error_code: 'webauthn_verification_failed' },
    })
  }
  const use = async (counter: number) => {
    const { body } = await ask(again)
    const { challenge } = body.webauthn.credential_options.publicKey
    return show(again, body.id, 'request', JSON.parse(key.answer(challenge, place, { counter })))
  }
  expect((await use(9)).status).toBe(200)
  expect((await use(9)).status).toBe(400)
  expect((await use(10)).status).toBe(200)
  expect(await world.events()).not.toContain('session.ended')
})

test('a key that is there is not replaced by the answer to an older question', async () => {
  const held = await enrolled()
  const older = await ask(held)
  await made(held, softwareKey())
  const { challenge } = older.body.webauthn.credential_options.publicKey
  const answer = JSON.parse(softwareKey().register(challenge, place))
  expect((await show(held, older.body.id, 'create', answer)).status).toBe(400)
})

test('what is no answer of a browser is refused before anything is asked', async () => {
  const held = await enrolled()
  const { world, bearer, id } = held
  const path = `/factors/${id}/verify`
  const { body: asked } = await ask(held)
  const challenge_id = asked.id
  const rows: [unknown, string][] = [
    [{ challenge_id }, 'WebAuthn config required'],
    [{ challenge_id, webauthn: { type: 'x' } }, 'WebAuthn type must be create or request'],
    [{ challenge_id, webauthn: { type: 'create' } }, 'credential_response required'],
    [
      { challenge_id, webauthn: { type: 'create', credential_response: 'x' } },
      'Invalid credential_response',
    ],
    [
      { challenge_id, webauthn: { type: 'create', credential_response: { id: 7 } } },
      'Invalid credential response',
    ],
  ]
  for (const [body, msg] of rows) {
    expect(await world.ask('POST', path, { bearer, body })).toMatchObject({
      status: 400,
      body: { msg },
    })
  }
  expect((await world.ask('POST', `/factors/${id}/challenge`, { bearer })).body.error_code).toBe(
    'bad_json',
  )
})
