import type { AuthOptions } from 'next-auth-v4'
import type { Adapter } from 'next-auth-v4/adapters'
import { sekishoEmail } from '../../authjs/email.ts'
import { sekishoAdapter } from '../../authjs/index.ts'
import { sekishoV4 } from '../../authjs/provider.ts'

export const adapter: Required<Adapter> = sekishoAdapter({ database: 'postgres://localhost/club' })

export const options: AuthOptions = {
  adapter,
  providers: [
    sekishoV4({ issuer: 'https://id.example.com/oidc', clientId: 'club', clientSecret: 'secret' }),
    sekishoEmail({
      url: 'https://id.example.com',
      applicationId: 'club',
      applicationSecret: 'secret',
    }),
  ],
}

// @ts-expect-error A user without an id is none of Auth.js: if this line compiles, the others prove nothing.
export const wrong: Adapter = { getUser: async () => ({ name: 'Ann' }) }
