import type { SignInExperience } from '../model/settings.ts'

/** What the settings let people do on the hosted pages. */
export interface SignInPolicy {
  canSignIn: boolean
  canRegister: boolean
  /** Which proofs a sign-in may use, and which is asked first: by policy, never by account. */
  password: boolean
  code: boolean
  first: 'password' | 'code'
  /** Whether a new account gets a password. */
  registersPassword: boolean
}

export function policyOf(experience: SignInExperience): SignInPolicy {
  const method = experience.signIn.methods.find(({ identifier }) => identifier === 'email')
  const password = method?.password ?? false
  const code = method?.verificationCode ?? false
  return {
    canSignIn: experience.signInMode !== 'Register' && (password || code),
    canRegister:
      experience.signInMode !== 'SignIn' && experience.signUp.identifiers.includes('email'),
    password,
    code,
    first: password && (method?.isPasswordPrimary || !code) ? 'password' : 'code',
    registersPassword: experience.signUp.password,
  }
}
