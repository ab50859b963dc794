import type { AuthConfig } from 'auth-core-0.30'
import type { Adapter } from 'auth-core-0.30/adapters'
import { sekishoEmail } from '../../authjs/email.ts'
import { sekishoHttpAdapter } from '../../authjs/http.ts'
import { sekishoAdapter } from '../../authjs/index.ts'
import { sekisho } from '../../authjs/provider.ts'

/** The oldest that has authenticators, and so the whole contract. */
export const adapter: Required<Adapter> = sekishoAdapter({ database: 'postgres://localhost/club' })

export const http: Required<Adapter> = sekishoHttpAdapter({
  url: 'https://id.example.com',
  applicationId: 'club',
  applicationSecret: 'secret',
})

export const config: AuthConfig = {
  adapter,
  providers: [
    sekisho({ issuer: 'https://id.example.com/oidc', clientId: 'club', clientSecret: 'secret' }),
    sekishoEmail({
      url: 'https://id.example.com',
      applicationId: 'club',
      applicationSecret: 'secret',
    }),
  ],
}

// @ts-expect-error A user without an id is none of Auth.js: if this line compiles, the others prove nothing.
export const wrong: Adapter = { getUser: async () => ({ name: 'Ann' }) }
