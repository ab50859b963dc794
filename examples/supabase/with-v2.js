// supabase-js v2, unchanged: sign up, confirm by the mailed link, sign in, refresh, update, sign out.
import { createClient } from '@supabase/supabase-js'
import { openLink } from './link.js'

/** @param {{ url: string, anonKey: string, email: string, password: string, mail: (to: string) => Promise<{ link: string }> }} world */
export async function withV2({ url, anonKey, email, password, mail }) {
  const supabase = createClient(url, anonKey, {
    auth: { autoRefreshToken: false, persistSession: false, detectSessionInUrl: false },
  })

  const signedUp = await supabase.auth.signUp({
    email,
    password,
    options: { data: { theme: 'dark' } },
  })
  const tooEarly = await supabase.auth.signInWithPassword({ email, password })

  const { link } = await mail(email)
  const confirmed = await supabase.auth.setSession(await openLink(link))

  const signedIn = await supabase.auth.signInWithPassword({ email, password })
  const refreshed = await supabase.auth.refreshSession()
  const updated = await supabase.auth.updateUser({ data: { theme: 'light' } })
  const claims = await supabase.auth.getClaims()
  const user = await supabase.auth.getUser()

  const lastToken = refreshed.data.session?.access_token
  const signedOut = await supabase.auth.signOut()
  const afterwards = await supabase.auth.getUser(lastToken)

  return {
    signedUp,
    tooEarly,
    confirmed,
    signedIn,
    refreshed,
    updated,
    claims,
    user,
    signedOut,
    afterwards,
  }
}
