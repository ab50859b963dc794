import { cookies } from 'next/headers'
import { redirect } from 'next/navigation'
import { getToken } from 'next-auth/jwt'
import { discover } from '../../auth.js'

/** Ends the app's session and the gate's (RP-Initiated Logout); next-auth alone would end its own only. */
export async function GET(req) {
  const token = await getToken({ req })
  const jar = await cookies()
  for (const { name } of jar.getAll())
    if (name.includes('next-auth.session-token')) jar.delete(name)
  const url = new URL((await discover()).end_session_endpoint)
  if (token) url.searchParams.set('id_token_hint', token.idToken)
  url.searchParams.set('client_id', process.env.APP_ID)
  url.searchParams.set('post_logout_redirect_uri', process.env.NEXTAUTH_URL)
  redirect(url.href)
}
