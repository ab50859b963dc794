// next-auth 4 with Sekisho as any OpenID provider: nothing of Sekisho's is installed here.

const issuer = () => `${process.env.ENDPOINT ?? 'http://localhost:3001'}/oidc`

export const discover = async () =>
  (await fetch(`${issuer()}/.well-known/openid-configuration`)).json()

/** Made at each request, so that a build needs no environment. @returns {import('next-auth').NextAuthOptions} */
export function authOptions() {
  return {
    session: { strategy: 'jwt' },
    providers: [
      {
        id: 'gate',
        name: 'the gate',
        type: 'oauth',
        wellKnown: `${issuer()}/.well-known/openid-configuration`,
        authorization: { params: { scope: 'openid email profile offline_access' } },
        clientId: process.env.APP_ID,
        clientSecret: process.env.APP_SECRET,
        idToken: true,
        checks: ['pkce', 'state', 'nonce'],
        profile: ({ sub, name, email, picture }) => ({ id: sub, name, email, image: picture }),
      },
    ],
    callbacks: { jwt, session },
  }
}

/** Keeps the tokens in the cookie, and renews the access token before it runs out. */
async function jwt({ token, account }) {
  if (account) return { ...token, ...tokensOf(account), expiresAt: account.expires_at, renewals: 0 }
  const early = Number(process.env.RENEW_EARLY ?? 60)
  if (Date.now() / 1000 < token.expiresAt - early) return token
  const { token_endpoint } = await discover()
  const pair = Buffer.from(`${process.env.APP_ID}:${process.env.APP_SECRET}`).toString('base64')
  const answer = await fetch(token_endpoint, {
    method: 'POST',
    headers: { authorization: `Basic ${pair}` },
    body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: token.refreshToken }),
  })
  if (!answer.ok) return { ...token, accessToken: null }
  const renewed = await answer.json()
  return {
    ...token,
    ...tokensOf(renewed),
    expiresAt: Date.now() / 1000 + renewed.expires_in,
    renewals: token.renewals + 1,
  }
}

const tokensOf = ({ access_token, refresh_token, id_token }) => ({
  accessToken: access_token,
  refreshToken: refresh_token,
  idToken: id_token,
})

/** What `/api/auth/session` tells: who it is, by what the gate says now. */
async function session({ session, token }) {
  const { userinfo_endpoint } = await discover()
  const answer = await fetch(userinfo_endpoint, {
    headers: { authorization: `Bearer ${token.accessToken}` },
  })
  const userInfo = answer.ok ? await answer.json() : null
  return { ...session, userInfo, renewals: token.renewals }
}
