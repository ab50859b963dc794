// Auth.js on Next.js: Sekisho's tables are its database, Sekisho signs people in, and Sekisho sends its mails.
import { sekishoAdapter } from '@sekisho/authjs'
import { sekishoEmail } from '@sekisho/authjs/email'
import { sekisho } from '@sekisho/authjs/provider'
import NextAuth from 'next-auth'
import Passkey from 'next-auth/providers/passkey'

const {
  SEKISHO_URL: url = 'http://localhost:3001',
  AUTH_SEKISHO_ID: id = '',
  AUTH_SEKISHO_SECRET: secret = '',
} = process.env

let adapter

// A function, so that a build needs neither database nor secrets.
export const { handlers, auth, signIn, signOut } = NextAuth(() => {
  adapter ??= sekishoAdapter({
    database: process.env.DATABASE_URL ?? '',
    secret: process.env.SEKISHO_SECRET,
  })
  return {
    adapter,
    session: { strategy: 'database' },
    experimental: { enableWebAuthn: true },
    providers: [
      sekisho({
        issuer: `${url}/oidc`,
        clientId: id,
        clientSecret: secret,
        // Both sides are the same table of users: one address is one person.
        allowDangerousEmailAccountLinking: true,
      }),
      sekishoEmail({ url, applicationId: id, applicationSecret: secret }),
      Passkey,
    ],
    pages: { signIn: '/', verifyRequest: '/sent' },
  }
})
