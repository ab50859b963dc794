import { createHash } from 'node:crypto'

export const callback = 'https://shop.example.com/callback'
export const secret = 'the-secret-of-the-shop-of-a-benchmark'
export const api = 'https://api.example.com/things'
/** So many are signed in: enough for Postgres to look for one by an index. */
export const users = 1000

export const verifier = 'v'.repeat(43)
export const challenge = createHash('sha256').update(verifier).digest('base64url')

/** Of both: one application that signs people in, and a machine. */
export const clients = [
  {
    ...{ client_id: 'shop', client_secret: secret, redirect_uris: [callback] },
    ...{ grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'] },
    ...{ token_endpoint_auth_method: 'client_secret_basic' },
    id_token_signed_response_alg: 'ES256',
  },
  {
    ...{ client_id: 'machine', client_secret: secret, redirect_uris: [], response_types: [] },
    ...{ grant_types: ['client_credentials'], token_endpoint_auth_method: 'client_secret_basic' },
    id_token_signed_response_alg: 'ES256',
  },
]

export const userClaims = {
  ...{ name: 'Ann Example', picture: null, username: null, email_verified: true },
  ...{ updated_at: 1_700_000_000_000, created_at: 1_700_000_000_000 },
}

/** A provider that runs, and browsers that are signed in there. */
export interface Competitor {
  name: string
  issuer: string
  pid: number
  databaseUrl: string
  cookies: string[]
  stop(): Promise<void>
}
