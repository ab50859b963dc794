import { createCipheriv, createHash, createHmac, hkdfSync, randomBytes } from 'node:crypto'
import { hashSync as argon } from '@node-rs/argon2'
import { hashSync as bcrypt } from 'bcryptjs'

// What GoTrue has written by the day of the switch, made as the reference says (§ 2.2, § 2.7, § 3.3), apart from the code
// under test: whoever reads it wrongly is found out here.

export const password = 'user1password'
const nil = '00000000-0000-0000-0000-000000000000'

/** Firebase's published example; the project's key stands in it. */
const firebase =
  '$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==$42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ=='

export const people = [
  'ann',
  'ben',
  'cleo',
  'dora',
  'emil',
  'fred',
  'gina',
  'hugo',
  'iris',
  'jan',
  'kim',
  'lea',
  'max',
  'nora',
  'otto',
  'pia',
] as const
export type Person = (typeof people)[number]

export const emailOf = (name: Person) => `${name}@example.com`
export const phone = '15551234567'
export const idOf = (name: Person) => uuidOf(`user ${name}`)
export const sessionOf = (name: Person) => uuidOf(`session ${name}`)
export const factorOf = (name: Person) => uuidOf(`factor ${name}`)
export const challenge = uuidOf('challenge')
export const ssoProvider = uuidOf('sso provider')
/** What PKCE's client kept, and what it told. */
export const verifier = 'v'.repeat(50)
export const authCode = uuidOf('auth code')

/** The secret that `dora` and `emil` have in their apps. */
export const totpSecret = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP'

/** GoTrue's keys, which come along in the environment. */
export const encryptionKey = Buffer.alloc(32, 3).toString('base64url')
export const jwtSecret = 'the secret with which GoTrue signed until now'

const hmacKey = createHash('sha256').update('a refresh token key').digest()

/** The hash that rests for digits, and that links carry. */
export function hashOf(recipient: string, code: string): string {
  return createHash('sha224').update(`${recipient}${code}`).digest('hex')
}

/** A refresh token of the second kind. */
export function countedToken(name: Person, counter: number): string {
  const varint = counter < 128 ? [counter] : [(counter & 127) | 128, counter >> 7]
  const session = Buffer.from(sessionOf(name).replaceAll('-', ''), 'hex')
  const head = Buffer.concat([Buffer.of(0), session, Buffer.from(varint)])
  const mark = createHmac('sha256', hmacKey).update(head).digest().subarray(0, 16)
  const sum = createHash('sha256')
    .update(Buffer.concat([head, mark]))
    .digest()
    .subarray(0, 4)
  return Buffer.concat([head, mark, sum]).toString('base64url')
}

/** An access token that GoTrue signed. */
export function accessToken(name: Person, now: Date): string {
  const seconds = Math.floor(now.getTime() / 1000)
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({
    sub: idOf(name),
    aud: 'authenticated',
    role: 'authenticated',
    email: emailOf(name),
    session_id: sessionOf(name),
    aal: 'aal1',
    amr: [{ method: 'password', timestamp: seconds - 60 }],
    iat: seconds - 60,
    exp: seconds + 3540,
  })}`
  return `${signed}.${createHmac('sha256', jwtSecret).update(signed).digest('base64url')}`
}

/** GoTrue's envelope of a value for one object. */
function enveloped(objectId: string, text: string): string {
  const key = hkdfSync('sha256', Buffer.from(encryptionKey, 'base64url'), '', objectId, 32)
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', Buffer.from(key), nonce)
  const data = Buffer.concat([cipher.update(text), cipher.final(), cipher.getAuthTag()])
  return JSON.stringify({
    key_id: 'old',
    alg: 'aes-gcm-hkdf',
    data: data.toString('base64'),
    nonce: nonce.toString('base64'),
  })
}

function uuidOf(name: string): string {
  const hex = createHash('sha256').update(name).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

/** The rows, as one text of SQL, of a GoTrue that was working until `now`. */
export function filledByGotrue(now: Date): string {
  const ago = (seconds: number) => new Date(now.getTime() - seconds * 1000).toISOString()
  const utc = (seconds: number) => ago(seconds).replace('T', ' ').replace('Z', '')
  const rows: string[] = []
  const insert = (table: string, row: Record<string, unknown>) => {
    rows.push(
      `insert into auth.${table} (${Object.keys(row).join(', ')}) values (${Object.values(row).map(literal).join(', ')});`,
    )
  }

  function user(name: Person, row: Record<string, unknown> = {}) {
    const id = idOf(name)
    const email = 'email' in row ? row.email : emailOf(name)
    insert('users', {
      instance_id: nil,
      id,
      aud: 'authenticated',
      role: 'authenticated',
      email,
      encrypted_password: bcrypt(password, 4).replace('$2b$', '$2a$'),
      email_confirmed_at: email === null ? null : ago(9000),
      confirmation_token: '',
      recovery_token: '',
      email_change_token_new: '',
      email_change: '',
      raw_app_meta_data: { provider: 'email', providers: ['email'] },
      raw_user_meta_data: { sub: id, email, email_verified: true, phone_verified: false },
      created_at: ago(9999),
      updated_at: ago(9000),
      ...row,
    })
    if (email === null || row.is_sso_user === true) return
    insert('identities', {
      id: uuidOf(`identity ${name}`),
      provider_id: id,
      user_id: id,
      provider: 'email',
      identity_data: { sub: id, email, email_verified: true, phone_verified: false },
      last_sign_in_at: ago(9999),
      created_at: ago(9999),
      updated_at: ago(9999),
    })
  }

  function session(name: Person, row: Record<string, unknown> = {}, method = 'password') {
    insert('sessions', {
      id: sessionOf(name),
      user_id: idOf(name),
      created_at: ago(5000),
      updated_at: ago(5000),
      aal: 'aal1',
      user_agent: 'a browser',
      ip: '198.51.100.4',
      ...row,
    })
    insert('mfa_amr_claims', {
      id: uuidOf(`amr ${name} ${method}`),
      session_id: sessionOf(name),
      authentication_method: method,
      created_at: ago(5000),
      updated_at: ago(5000),
    })
  }

  function refreshToken(name: Person, token: string, row: Record<string, unknown> = {}) {
    insert('refresh_tokens', {
      instance_id: nil,
      token,
      user_id: idOf(name),
      session_id: sessionOf(name),
      revoked: false,
      created_at: ago(4000),
      updated_at: ago(4000),
      ...row,
    })
  }

  function mailed(name: Person, type: string, hash: string, recipient = emailOf(name)) {
    insert('one_time_tokens', {
      id: uuidOf(`token ${name} ${type}`),
      user_id: idOf(name),
      token_type: type,
      token_hash: hash,
      relates_to: recipient,
      created_at: utc(300),
      updated_at: utc(300),
    })
  }

  // Rotated once: the token before the newest is still good, as GoTrue has it.
  user('ann', { raw_user_meta_data: { name: 'Ann' } })
  session('ann', { refreshed_at: utc(4000) })
  refreshToken('ann', 'oldest234567', { revoked: true, created_at: ago(5000) })
  refreshToken('ann', 'newest234567', { parent: 'oldest234567' })

  user('ben', { encrypted_password: argon(password, { memoryCost: 4096, timeCost: 2 }) })
  session('ben', {
    refresh_token_hmac_key: hmacKey.toString('base64url'),
    refresh_token_counter: 300,
    refreshed_at: utc(4000),
  })

  user('cleo', { encrypted_password: firebase })
  session('cleo', {
    refresh_token_hmac_key: enveloped(sessionOf('cleo'), hmacKey.toString('base64url')),
    refresh_token_counter: 0,
  })

  for (const [name, secret] of [
    ['dora', totpSecret],
    ['emil', enveloped(factorOf('emil'), totpSecret)],
  ] as const) {
    user(name)
    insert('mfa_factors', {
      id: factorOf(name),
      user_id: idOf(name),
      friendly_name: 'my app',
      factor_type: 'totp',
      status: 'verified',
      created_at: ago(8000),
      updated_at: ago(8000),
      secret,
      last_challenged_at: ago(name === 'dora' ? 100 : 4000),
    })
  }
  // Dora was asked for a code before the switch, from where the tests come, and her session is at aal2 already.
  insert('mfa_challenges', {
    id: challenge,
    factor_id: factorOf('dora'),
    created_at: ago(100),
    ip_address: '192.0.2.1',
  })
  session('dora', { aal: 'aal2', factor_id: factorOf('dora') }, 'totp')
  refreshToken('dora', 'doras2345672')

  user('fred', {
    email: null,
    email_confirmed_at: null,
    phone,
    phone_confirmed_at: ago(9000),
    confirmation_token: hashOf(phone, '515151'),
    confirmation_sent_at: ago(30),
    raw_app_meta_data: { provider: 'phone', providers: ['phone'] },
    raw_user_meta_data: {},
  })
  insert('identities', {
    id: uuidOf('identity fred'),
    provider_id: idOf('fred'),
    user_id: idOf('fred'),
    provider: 'phone',
    identity_data: { sub: idOf('fred'), phone, phone_verified: true },
    last_sign_in_at: ago(9999),
    created_at: ago(9999),
    updated_at: ago(9999),
  })
  mailed('fred', 'confirmation_token', hashOf(phone, '515151'), phone)

  const confirmation = hashOf(emailOf('gina'), '171717')
  user('gina', {
    email_confirmed_at: null,
    confirmation_token: confirmation,
    confirmation_sent_at: ago(300),
  })
  mailed('gina', 'confirmation_token', confirmation)

  const recovery = hashOf(emailOf('hugo'), '424242')
  user('hugo', { recovery_token: recovery, recovery_sent_at: ago(300) })
  mailed('hugo', 'recovery_token', recovery)

  const changes = {
    email_change_token_new: hashOf('iris.new@example.com', '616161'),
    email_change_token_current: hashOf(emailOf('iris'), '626262'),
  }
  user('iris', {
    ...changes,
    email_change: 'iris.new@example.com',
    email_change_sent_at: ago(300),
    email_change_confirm_status: 0,
  })
  mailed('iris', 'email_change_token_new', changes.email_change_token_new, 'iris.new@example.com')
  mailed('iris', 'email_change_token_current', changes.email_change_token_current)

  const invitation = hashOf(emailOf('jan'), '818181')
  user('jan', {
    email_confirmed_at: null,
    encrypted_password: '',
    invited_at: ago(300),
    confirmation_token: invitation,
    confirmation_sent_at: ago(300),
  })
  mailed('jan', 'confirmation_token', invitation)

  // Kim asked for a magic link by PKCE, in an app that waits.
  const magic = `pkce_${hashOf(emailOf('kim'), '939393')}`
  user('kim', { recovery_token: magic, recovery_sent_at: ago(120) })
  mailed('kim', 'recovery_token', magic)
  insert('flow_state', {
    id: uuidOf('flow kim'),
    user_id: idOf('kim'),
    auth_code: authCode,
    code_challenge_method: 's256',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    provider_type: 'magiclink',
    provider_access_token: '',
    provider_refresh_token: '',
    authentication_method: 'magiclink',
    created_at: ago(120),
    updated_at: ago(120),
  })

  insert('sso_providers', { id: ssoProvider, created_at: ago(9999), updated_at: ago(9999) })
  insert('sso_domains', {
    id: uuidOf('sso domain'),
    sso_provider_id: ssoProvider,
    domain: 'corp.example.com',
    created_at: ago(9999),
    updated_at: ago(9999),
  })
  insert('saml_providers', {
    id: uuidOf('saml provider'),
    sso_provider_id: ssoProvider,
    entity_id: 'https://idp.corp.example.com',
    metadata_xml: '<EntityDescriptor/>',
    attribute_mapping: { keys: { email: { name: 'mail' } } },
    created_at: ago(9999),
    updated_at: ago(9999),
  })
  user('lea', {
    is_sso_user: true,
    encrypted_password: null,
    email: emailOf('ann'),
    raw_app_meta_data: { provider: `sso:${ssoProvider}`, providers: [`sso:${ssoProvider}`] },
  })
  insert('identities', {
    id: uuidOf('identity lea'),
    provider_id: 'lea-at-corp',
    user_id: idOf('lea'),
    provider: `sso:${ssoProvider}`,
    identity_data: { sub: 'lea-at-corp', email: emailOf('ann'), email_verified: true },
    last_sign_in_at: ago(9999),
    created_at: ago(9999),
    updated_at: ago(9999),
  })
  session('lea', { not_after: ago(-9000) }, 'sso/saml')
  refreshToken('lea', 'leas23456723')

  user('max', {
    email: null,
    email_confirmed_at: null,
    encrypted_password: null,
    is_anonymous: true,
    raw_app_meta_data: {},
    raw_user_meta_data: {},
  })
  session('max', {}, 'anonymous')
  refreshToken('max', 'maxs23456723')

  // Put in by hand, as people do: NULL where GoTrue would write ''.
  user('nora', {
    confirmation_token: null,
    recovery_token: null,
    email_change_token_new: null,
    email_change: null,
    phone_change: null,
    phone_change_token: null,
    email_change_token_current: null,
    reauthentication_token: null,
    email_change_confirm_status: null,
  })

  user('otto', {
    encrypted_password: enveloped(idOf('otto'), bcrypt(password, 4)),
    banned_until: ago(60),
  })
  user('pia', { banned_until: ago(-9000) })
  session('pia')
  refreshToken('pia', 'pias23456723')

  insert('audit_log_entries', {
    instance_id: nil,
    id: uuidOf('audit'),
    payload: {
      action: 'login',
      actor_id: idOf('ann'),
      actor_username: emailOf('ann'),
      actor_via_sso: false,
      log_type: 'account',
      traits: { provider: 'email' },
    },
    created_at: ago(5000),
    ip_address: '',
  })
  return rows.join('\n')
}

function literal(value: unknown): string {
  if (value === null) return 'null'
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return `'${text.replaceAll("'", "''")}'`
}
