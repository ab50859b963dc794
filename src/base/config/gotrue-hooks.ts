import { flag, optional, type Variable } from './variables.ts'

/** The questions that GoTrue asks others (reference/gotrue.md § 1.11), by the names in their variables. */
const names = {
  beforeUserCreated: 'BEFORE_USER_CREATED',
  afterUserCreated: 'AFTER_USER_CREATED',
  customAccessToken: 'CUSTOM_ACCESS_TOKEN',
  passwordVerificationAttempt: 'PASSWORD_VERIFICATION_ATTEMPT',
  mfaVerificationAttempt: 'MFA_VERIFICATION_ATTEMPT',
  sendEmail: 'SEND_EMAIL',
  sendSms: 'SEND_SMS',
} as const

export type HookName = keyof typeof names

/** Where a hook is asked. */
export type HookPlace =
  | { kind: 'function'; schema: string; name: string }
  /** Each request is signed with every secret, as the configuration writes them, so that they can be replaced. */
  | { kind: 'http'; url: string; secrets: readonly string[] }

/** Null: nobody is asked. */
export type Hooks = Readonly<Record<HookName, HookPlace | null>>

export const hookNames = Object.keys(names) as HookName[]

type HookVariables = { [Name in HookName as `${Name}HookEnabled`]: Variable<boolean> } & {
  [Name in HookName as `${Name}HookUri`]: Variable<string | null>
} & { [Name in HookName as `${Name}HookSecrets`]: Variable<readonly string[]> }

export const hookVariables = Object.fromEntries(
  Object.entries(names).flatMap(([key, name]) => [
    [`${key}HookEnabled`, flag(`GOTRUE_HOOK_${name}_ENABLED`, false)],
    [`${key}HookUri`, optional(`GOTRUE_HOOK_${name}_URI`)],
    [`${key}HookSecrets`, secrets(`GOTRUE_HOOK_${name}_SECRETS`)],
  ]),
) as unknown as HookVariables

type HookValues = { readonly [Name in HookName as `${Name}HookEnabled`]: boolean } & {
  readonly [Name in HookName as `${Name}HookUri`]: string | null
} & { readonly [Name in HookName as `${Name}HookSecrets`]: readonly string[] }

/** The hooks that are switched on; what is wrong with one of them joins `problems`, without its secret. */
export function readHooks(values: HookValues, problems: string[]): Hooks {
  const read = hookNames.map((name) => {
    if (!values[`${name}HookEnabled`]) return [name, null]
    try {
      return [name, placeOf(values[`${name}HookUri`], values[`${name}HookSecrets`])]
    } catch (error) {
      const why = error instanceof Error ? error.message : 'is wrong'
      problems.push(`GOTRUE_HOOK_${names[name]}_${why}.`)
      return [name, null]
    }
  })
  return Object.fromEntries(read) as Hooks
}

/** Besides https, hosts of this machine may be asked without. */
const machine = new Set(['localhost', '127.0.0.1', '[::1]', 'host.docker.internal'])

function placeOf(uri: string | null, secrets: readonly string[]): HookPlace {
  if (uri === null) throw new Error('URI is missing')
  const url = URL.parse(uri)
  switch (url?.protocol) {
    case 'pg-functions:':
      return functionOf(url)
    case 'http:':
    case 'https:':
      return { kind: 'http', url: checkUrl(url), secrets: checkSecrets(secrets) }
    default:
      throw new Error('URI must begin with pg-functions://, https:// or http://')
  }
}

/** The host is no matter: it is always our database. */
function functionOf({ pathname }: URL): HookPlace {
  const identifier = '([A-Za-z_][A-Za-z0-9_]{0,62})'
  const [, schema, name] = new RegExp(`^/${identifier}/${identifier}$`).exec(pathname) ?? []
  if (schema === undefined || name === undefined) {
    throw new Error('URI must name a function: pg-functions://postgres/<schema>/<function>')
  }
  return { kind: 'function', schema, name }
}

function checkUrl(url: URL): string {
  if (url.username !== '' || url.password !== '') {
    throw new Error('URI must not hold a user name or a password: requests are signed')
  }
  if (url.protocol === 'http:' && !machine.has(url.hostname)) {
    throw new Error('URI must be https, unless its host is localhost or host.docker.internal')
  }
  return url.href
}

/** Standard Webhooks' forms: 24 to 64 bytes for HMAC-SHA256, or a pair of Ed25519 keys. */
const secretForms = [
  /^v1,whsec_[A-Za-z0-9+/]{32,86}={0,2}$/,
  /^v1a,whpk_[A-Za-z0-9+/]{43}=:whsk_(?:[A-Za-z0-9+/]{43}=|[A-Za-z0-9+/]{86}==)$/,
]

function checkSecrets(secrets: readonly string[]): readonly string[] {
  const isGood = (secret: string) => secretForms.some((form) => form.test(secret))
  if (secrets.length === 0 || !secrets.every(isGood)) {
    throw new Error('SECRETS must be v1,whsec_<24 to 64 bytes in base64>, several joined by |')
  }
  return secrets
}

function secrets(name: string): Variable<readonly string[]> {
  return {
    names: [name],
    fallback: [],
    parse: (value) =>
      value
        .split('|')
        .map((one) => one.trim())
        .filter((one) => one !== ''),
  }
}
