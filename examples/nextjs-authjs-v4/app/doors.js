'use client'
import { signIn, signOut } from 'next-auth/react'
import { useEffect, useState } from 'react'

export function Doors({ error }) {
  const isReady = useIsReady()
  return (
    <>
      <h1>The club</h1>
      {error && <p role="alert">That did not work. Please try again.</p>}
      <button
        type="button"
        disabled={!isReady}
        onClick={() => signIn('sekisho', { callbackUrl: '/' })}
      >
        Sign in with Sekisho
      </button>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          const email = new FormData(event.currentTarget).get('email')
          void signIn('email', { email, callbackUrl: '/' })
        }}
      >
        <label>
          Email
          <input name="email" type="email" autoComplete="email" required />
        </label>
        <button type="submit" disabled={!isReady}>
          Email me a link
        </button>
      </form>
    </>
  )
}

export function SignOut() {
  const isReady = useIsReady()
  return (
    <button
      type="button"
      className="quiet"
      disabled={!isReady}
      onClick={() => signOut({ callbackUrl: '/' })}
    >
      Sign out
    </button>
  )
}

/** The buttons are of use only when their script has come. */
function useIsReady() {
  const [isReady, setIsReady] = useState(false)
  useEffect(() => setIsReady(true), [])
  return isReady
}
