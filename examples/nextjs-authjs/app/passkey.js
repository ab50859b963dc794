'use client'
import { signIn } from 'next-auth/webauthn'
import { useEffect, useState } from 'react'

export function UsePasskey() {
  return <Passkey action="authenticate" text="Use a passkey" done={() => location.assign('/')} />
}

export function AddPasskey() {
  return <Passkey action="register" text="Add a passkey" />
}

function Passkey({ action, text, done }) {
  const [state, setState] = useState('asleep')
  // The button is of use only when its script has come.
  useEffect(() => setState('ready'), [])

  async function ask() {
    setState('asking')
    try {
      const answer = await signIn('passkey', { action, redirect: false })
      setState(answer?.error ? 'failed' : 'done')
      if (!answer?.error) done?.()
    } catch {
      setState('failed')
    }
  }

  return (
    <div>
      <button type="button" onClick={ask} disabled={state === 'asleep' || state === 'asking'}>
        {text}
      </button>
      {state === 'done' && <p role="status">Done.</p>}
      {state === 'failed' && <p role="alert">That did not work. Please try again.</p>}
    </div>
  )
}
