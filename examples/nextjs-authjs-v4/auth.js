// next-auth 4: Sekisho's tables are its database, Sekisho signs people in, and Sekisho sends its mails.
import { sekishoAdapter } from '@sekisho/authjs'
import { sekishoEmail } from '@sekisho/authjs/email'
import { sekishoV4 } from '@sekisho/authjs/provider'

let options

/** Made at the first request, so that a build needs neither database nor secrets. */
export function authOptions() {
  options ??= read(process.env)
  return options
}

/** @returns {import('next-auth').NextAuthOptions} */
function read(environment) {
  const { SEKISHO_URL: url = 'http://localhost:3001' } = environment
  const { APP_ID: id = '', APP_SECRET: secret = '' } = environment
  return {
    adapter: sekishoAdapter({
      database: environment.DATABASE_URL ?? '',
      secret: environment.SEKISHO_SECRET,
    }),
    session: { strategy: 'database' },
    providers: [
      sekishoV4({
        issuer: `${url}/oidc`,
        clientId: id,
        clientSecret: secret,
        // Both sides are the same table of users: one address is one person.
        allowDangerousEmailAccountLinking: true,
      }),
      sekishoEmail({ url, applicationId: id, applicationSecret: secret }),
    ],
    pages: { signIn: '/', verifyRequest: '/sent' },
  }
}
