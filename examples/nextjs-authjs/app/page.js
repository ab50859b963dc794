import { auth, signIn, signOut } from '../auth.js'
import { AddPasskey, UsePasskey } from './passkey.js'

export default async function Home({ searchParams }) {
  const [session, { error }] = await Promise.all([auth(), searchParams])
  return session?.user ? <Member user={session.user} /> : <Doors error={error} />
}

function Member({ user }) {
  return (
    <>
      <h1>Welcome to the club</h1>
      <p>
        You are <strong>{user.email ?? user.name}</strong>.
      </p>
      <AddPasskey />
      <form
        action={async () => {
          'use server'
          await signOut({ redirectTo: '/' })
        }}
      >
        <button type="submit" className="quiet">
          Sign out
        </button>
      </form>
    </>
  )
}

function Doors({ error }) {
  return (
    <>
      <h1>The club</h1>
      {error && <p role="alert">That did not work. Please try again.</p>}
      <form
        action={async () => {
          'use server'
          await signIn('sekisho', { redirectTo: '/' })
        }}
      >
        <button type="submit">Sign in with Sekisho</button>
      </form>
      <form
        action={async (form) => {
          'use server'
          await signIn('email', { email: form.get('email'), redirectTo: '/' })
        }}
      >
        <label>
          Email
          <input name="email" type="email" autoComplete="email" required />
        </label>
        <button type="submit">Email me a link</button>
      </form>
      <UsePasskey />
    </>
  )
}
