// supabase-js v1, as apps from before 2022 use it: signIn for a password and for a magic link.
import { createClient } from 'supabase-js-v1'
import { openLink } from './link.js'

/** @param {{ url: string, anonKey: string, email: string, password: string, mail: (to: string) => Promise<{ link: string }> }} world */
export async function withV1({ url, anonKey, email, password, mail }) {
  const supabase = createClient(url, anonKey, { autoRefreshToken: false, persistSession: false })

  const refused = await supabase.auth.signIn({ email, password: `${password}?` })
  const signedIn = await supabase.auth.signIn({ email, password })
  const updated = await supabase.auth.update({ data: { theme: 'sepia' } })
  const signedOut = await supabase.auth.signOut()

  const requested = await supabase.auth.signIn({ email })
  const { link } = await mail(email)
  const { refresh_token } = await openLink(link)
  const byLink = await supabase.auth.setSession(refresh_token)
  const user = supabase.auth.user()

  return { signedIn, refused, updated, signedOut, requested, byLink, user }
}
