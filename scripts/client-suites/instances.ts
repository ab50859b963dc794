import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../test/setup/free-port.ts'

/** A server of ours under the settings that a client's own tests expect of GoTrue. */
export interface Instance {
  name: string
  /** Instances of one database see each other's users, as the containers do. */
  database: string
  env: Record<string, string>
}

export interface Surroundings {
  smtpPort: number
}

type Services = Record<string, Record<string, string>>

/** What the suite starts with docker: its own variables, each service on its own port, with GoTrue at the root. */
export async function composed(
  folder: string,
  { smtpPort }: Surroundings,
): Promise<readonly Instance[]> {
  const instances: Instance[] = []
  for (const [name, given] of Object.entries(
    servicesOf(join(folder, 'infra/docker-compose.yml')),
  )) {
    const { PORT, DATABASE_URL: _theirs, GOTRUE_API_HOST: _any, ...settings } = given
    if (PORT === undefined) continue
    instances.push({
      name: `${name} :${PORT}`,
      database: 'docker',
      env: {
        ...settings,
        SEKISHO_GOTRUE_PORT: PORT,
        PORT: String(await freePort()),
        GOTRUE_SMTP_HOST: '127.0.0.1',
        GOTRUE_SMTP_PORT: String(smtpPort),
      },
    })
  }
  return instances
}

/** The variables of each service. The file is plain enough to be read by lines: `KEY: 'value'` below `environment:`. */
function servicesOf(file: string): Services {
  const services: Services = {}
  let service = ''
  let inEnvironment = false
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const named = /^ {2}(\w+):/.exec(line)?.[1]
    if (named !== undefined) service = named
    const [, key, value] = /^ {6}(\w+): ?(.*)$/.exec(line) ?? []
    if (/^ {4}\w+:/.test(line) || named !== undefined)
      inEnvironment = /^ {4}environment:/.test(line)
    if (!inEnvironment || key === undefined || value === undefined) continue
    const unquoted = value.replace(/^(['"])(.*)\1$/, '$2')
    // `${NAME}` would come from the machine, where nobody has set it.
    services[service] = { ...services[service], [key]: unquoted.replace(/\$\{\w+\}/g, '') }
  }
  return services
}

/** What `supabase start` makes of `test/supabase/config.toml`; it has a gateway, and so the face is below `/auth/v1`. */
export function commandLine(folder: string, { smtpPort }: Surroundings): Instance {
  const url = 'http://127.0.0.1:54321'
  return {
    name: 'cli :54321',
    database: 'cli',
    env: {
      PORT: '54321',
      SEKISHO_PUBLIC_URL: url,
      API_EXTERNAL_URL: `${url}/auth/v1`,
      GOTRUE_SITE_URL: 'http://127.0.0.1:3000',
      GOTRUE_URI_ALLOW_LIST: 'https://127.0.0.1:3000,http://localhost:5173',
      GOTRUE_JWT_SECRET: 'super-secret-jwt-token-with-at-least-32-characters-long',
      GOTRUE_JWT_KEYS: readFileSync(join(folder, 'test/supabase/signing_keys.json'), 'utf8'),
      GOTRUE_JWT_ISSUER: `${url}/auth/v1`,
      GOTRUE_JWT_EXP: '3600',
      GOTRUE_MAILER_AUTOCONFIRM: 'true',
      GOTRUE_MAILER_SECURE_EMAIL_CHANGE_ENABLED: 'true',
      GOTRUE_MAILER_OTP_LENGTH: '6',
      GOTRUE_MAILER_OTP_EXP: '3600',
      GOTRUE_PASSWORD_MIN_LENGTH: '6',
      GOTRUE_SMTP_HOST: '127.0.0.1',
      GOTRUE_SMTP_PORT: String(smtpPort),
      GOTRUE_SMTP_ADMIN_EMAIL: 'admin@email.com',
      GOTRUE_SMTP_MAX_FREQUENCY: '1s',
      GOTRUE_EXTERNAL_PHONE_ENABLED: 'true',
      GOTRUE_SMS_AUTOCONFIRM: 'true',
      GOTRUE_SMS_TEMPLATE: 'Your code is {{ .Code }}',
      GOTRUE_SMS_TEST_OTP: '1234567890:123456',
      GOTRUE_SMS_MAX_FREQUENCY: '1s',
      GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED: 'true',
      GOTRUE_SECURITY_MANUAL_LINKING_ENABLED: 'false',
      GOTRUE_SECURITY_REFRESH_TOKEN_ROTATION_ENABLED: 'true',
      GOTRUE_SECURITY_REFRESH_TOKEN_REUSE_INTERVAL: '10',
      GOTRUE_MFA_MAX_ENROLLED_FACTORS: '10',
      GOTRUE_MFA_TOTP_ENROLL_ENABLED: 'true',
      GOTRUE_MFA_TOTP_VERIFY_ENABLED: 'true',
      GOTRUE_MFA_PHONE_ENROLL_ENABLED: 'true',
      GOTRUE_MFA_PHONE_VERIFY_ENABLED: 'true',
      GOTRUE_MFA_PHONE_OTP_LENGTH: '6',
      GOTRUE_MFA_PHONE_TEMPLATE: 'Your code is {{ .Code }}',
      GOTRUE_MFA_PHONE_MAX_FREQUENCY: '1s',
      GOTRUE_MFA_WEB_AUTHN_ENROLL_ENABLED: 'true',
      GOTRUE_MFA_WEB_AUTHN_VERIFY_ENABLED: 'true',
      GOTRUE_PASSKEY_ENABLED: 'true',
      GOTRUE_WEBAUTHN_RP_ID: 'localhost',
      GOTRUE_WEBAUTHN_RP_DISPLAY_NAME: 'auth-js tests',
      GOTRUE_WEBAUTHN_RP_ORIGINS: 'http://localhost:5173',
      GOTRUE_EXTERNAL_GOOGLE_ENABLED: 'true',
      GOTRUE_EXTERNAL_GOOGLE_CLIENT_ID:
        '53566906701-bmhc1ndue7hild39575gkpimhs06b7ds.apps.googleusercontent.com',
      GOTRUE_EXTERNAL_GOOGLE_SECRET: 'a secret that Google never sees',
      GOTRUE_EXTERNAL_GOOGLE_REDIRECT_URI: `${url}/auth/v1/callback`,
      GOTRUE_EXTERNAL_GOOGLE_SKIP_NONCE_CHECK: 'true',
      GOTRUE_EXTERNAL_WEB3_SOLANA_ENABLED: 'false',
      GOTRUE_SAML_ENABLED: 'false',
      GOTRUE_OAUTH_SERVER_ENABLED: 'true',
      GOTRUE_OAUTH_SERVER_ALLOW_DYNAMIC_REGISTRATION: 'true',
      GOTRUE_OAUTH_SERVER_AUTHORIZATION_PATH: '/oauth/consent',
    },
  }
}
