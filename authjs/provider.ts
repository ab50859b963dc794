/**
 * Sekisho as the OpenID provider of an app written with Auth.js. No import and no Node API: it runs wherever Auth.js does.
 */

/** The claims of our ID tokens that Auth.js has a place for. */
export interface SekishoProfile {
  sub: string
  iat: number
  name?: string | null
  /** OpenID Connect's `preferred_username`, as Logto says it too. */
  username?: string | null
  picture?: string | null
  email?: string | null
  email_verified?: boolean
}

export interface SekishoProviderOptions {
  /** As discovery names it: `https://id.example.com/oidc`. next-auth 5 finds it in `AUTH_SEKISHO_ISSUER` too. */
  issuer?: string | undefined
  /** `AUTH_SEKISHO_ID`. */
  clientId?: string | undefined
  /** `AUTH_SEKISHO_SECRET`. */
  clientSecret?: string | undefined
  /** Another id needs another redirect URI: `…/callback/<id>`. */
  id?: string
  name?: string
  /** `openid profile email`, and what else the app wants: `offline_access`, `phone` … */
  scope?: string
  /**
   * True where the app's adapter is ours, on the database of this very server: an address then names one user on both
   * sides, and whoever comes back by another way is linked to it. With any other adapter it is dangerous.
   */
  allowDangerousEmailAccountLinking?: boolean
}

export interface SekishoUser {
  id: string
  name: string | null
  email: string | null
  image: string | null
  /** When the server said so last; null where it never was proved. */
  emailVerified: Date | null
}

/** The provider for `@auth/core` and next-auth 5: discovery, PKCE, state and nonce. */
export function sekisho(options: SekishoProviderOptions = {}) {
  return {
    ...common(options),
    type: 'oidc' as const,
    ...(options.issuer === undefined ? {} : { issuer: issuerOf(options) }),
  }
}

/** The same for next-auth 4, which reads no environment for it. */
export function sekishoV4(
  options: SekishoProviderOptions & { issuer: string; clientId: string; clientSecret: string },
) {
  const issuer = issuerOf(options)
  const { clientId, clientSecret } = options
  return {
    ...common(options),
    type: 'oauth' as const,
    clientId,
    clientSecret,
    issuer,
    wellKnown: `${issuer}/.well-known/openid-configuration`,
    idToken: true,
    // next-auth 4 takes the algorithm from here, and from discovery only in version 5.
    client: { id_token_signed_response_alg: 'ES384' },
  }
}

function common(options: SekishoProviderOptions) {
  const { id = 'sekisho', name = 'Sekisho', scope = 'openid profile email' } = options
  const { clientId, clientSecret, allowDangerousEmailAccountLinking } = options
  return {
    id,
    name,
    ...(clientId === undefined ? {} : { clientId }),
    ...(clientSecret === undefined ? {} : { clientSecret }),
    checks: ['pkce', 'state', 'nonce'] satisfies Check[] as Check[],
    authorization: { params: { scope } },
    profile,
    style: { bg: '#4338ca', text: '#ffffff', logo: '' },
    ...(allowDangerousEmailAccountLinking === undefined
      ? {}
      : { allowDangerousEmailAccountLinking }),
  }
}

type Check = 'pkce' | 'state' | 'nonce'

/**
 * Auth.js' user. It writes `emailVerified: null` at a first sign-in whatever stands here; callbacks see it. The time is the
 * token's own, so that no clock is asked.
 */
function profile(claims: SekishoProfile): SekishoUser {
  return {
    id: claims.sub,
    name: claims.name ?? claims.username ?? null,
    email: claims.email ?? null,
    image: claims.picture ?? null,
    emailVerified: claims.email_verified === true ? new Date(claims.iat * 1000) : null,
  }
}

function issuerOf({ issuer = '' }: SekishoProviderOptions): string {
  if (!URL.canParse(issuer)) {
    throw new TypeError("sekisho: `issuer` is missing, e.g. 'https://id.example.com/oidc'.")
  }
  return issuer.replace(/\/+$/, '')
}
