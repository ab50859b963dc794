import type { AuthConfig } from '@auth/core'
import type { Adapter } from '@auth/core/adapters'
import { sekishoEmail } from '../../authjs/email.ts'
import { sekishoAdapter } from '../../authjs/index.ts'
import { sekisho } from '../../authjs/provider.ts'

/** Every method of the contract is there. */
export const adapter: Required<Adapter> = sekishoAdapter({ database: 'postgres://localhost/club' })

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
