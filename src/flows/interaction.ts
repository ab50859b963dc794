import { type Context, type Tx, transaction } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { hashPassword } from '../base/password.ts'
import { day } from '../base/time.ts'
import type { Consent } from '../model/consent.ts'
import {
  createInteraction,
  finishInteraction,
  type Interaction,
  type InteractionState,
  type Proof,
  spendProof,
  updateInteraction,
} from '../model/interaction.ts'
import { carrySession, type Session } from '../model/session.ts'
import { findSettings } from '../model/settings.ts'
import { isEmail, normalEmail, type User } from '../model/user.ts'
import type { VerificationPurpose } from '../model/verification.ts'
import { admit } from './admit.ts'
import { type Approval, withApproval } from './hooks/new-user.ts'
import { checkNewPassword } from './password-policy.ts'
import { createProvedUser, findProvedUser, resetPassword } from './proved.ts'
import { signInWithPassword } from './sign-in.ts'
import { policyOf, type SignInPolicy } from './sign-in-policy.ts'
import { finishVerification, startVerification } from './verify.ts'

/** How long a browser stays signed in on the hosted pages and at the OpenID Provider. */
export const browserSessionLifetime = 14 * day

export interface StartedInteraction {
  interaction: Interaction
  /** For the browser's flow cookie (`browserCookies(config).flow`), whether it had one or not. */
  browser: string
}

/**
 * Begins a sign-in and binds it to the browser. The OpenID Provider then sends the browser to
 * `/sign-in?app_id=…&flow=<interaction.id>`; signed in, it comes back to `/oidc/auth/<interaction.id>`, where
 * `deleteInteraction` takes the interaction with its `sessionId`.
 */
export async function startInteraction(
  ctx: Context,
  asked: {
    applicationId: string | null
    request?: Record<string, unknown>
    /** What the app knows of the user already (OpenID Connect `login_hint`). */
    identifier?: string | undefined
    /** What the user is to be asked, where nothing else is missing. */
    wish?: Consent | undefined
    /** The flow cookie as it came; several tabs share it. */
    browser: string | null | undefined
  },
): Promise<StartedInteraction> {
  // Anything that is no secret of ours is replaced, so that nobody can fix a weak one.
  const browser = /^[\w-]{43}$/.test(asked.browser ?? '')
    ? String(asked.browser)
    : ctx.random.token()
  const interaction = await createInteraction(ctx, {
    applicationId: asked.applicationId,
    request: asked.request ?? {},
    state: {
      ...(asked.identifier && { identifier: asked.identifier }),
      ...(asked.wish && { wish: asked.wish }),
    },
    browser,
  })
  return { interaction, browser }
}

/** What the mails of an interaction have to know. */
export interface Speech {
  language: string
  application: { name: string; id?: string }
}

/** What comes next; `done` carries the secret for the browser's session cookie. */
export type Next =
  | { step: 'password' | 'code' | 'confirm-register' | 'choose-password' | 'reset-password' }
  | { step: 'done'; token: string }

/** The first step of signing in: the next page is the same for known and unknown addresses. */
export async function identify(
  ctx: Context,
  interaction: Interaction,
  { identifier, speech }: { identifier: string; speech: Speech },
): Promise<Next> {
  const policy = await findPolicy(ctx)
  if (!policy.canSignIn) throw new Fault('otp_disabled')
  const email = await keepIdentifier(ctx, interaction, identifier)
  if (policy.first === 'password') return { step: 'password' }
  return sendCode(ctx, interaction, { email, purpose: 'sign-in', speech })
}

/** The first step of a new account, and of a forgotten password. */
export async function requestCode(
  ctx: Context,
  interaction: Interaction,
  asked: { identifier: string; purpose: 'register' | 'forgot-password'; speech: Speech },
): Promise<Next> {
  const policy = await findPolicy(ctx)
  if (asked.purpose === 'register' && !policy.canRegister) throw new Fault('signup_disabled')
  if (asked.purpose === 'forgot-password' && !policy.password) {
    throw new Fault('email_provider_disabled')
  }
  const email = await keepIdentifier(ctx, interaction, asked.identifier)
  return sendCode(ctx, interaction, { ...asked, email })
}

/** Sends the code of the step again, or one in place of the password. */
export async function requestCodeAgain(
  ctx: Context,
  interaction: Interaction,
  { purpose, speech }: { purpose: VerificationPurpose; speech: Speech },
): Promise<Next> {
  const policy = await findPolicy(ctx)
  const email = identifierOf(interaction)
  if (purpose === 'sign-in' && !policy.code) throw new Fault('otp_disabled')
  if (purpose === 'register' && !policy.canRegister) throw new Fault('signup_disabled')
  return sendCode(ctx, interaction, { email, purpose, speech })
}

/** Signs in with the password. Throws what `signInWithPassword` throws. */
export async function tryPassword(
  ctx: Context,
  interaction: Interaction,
  password: string,
): Promise<Next> {
  const policy = await findPolicy(ctx)
  if (!policy.canSignIn || !policy.password) throw new Fault('email_provider_disabled')
  const email = identifierOf(interaction)
  const { session } = await signInWithPassword(ctx, {
    email,
    password,
    ...applicationOf(interaction),
  })
  return transaction(ctx, (ctx) => finish(ctx, interaction, session))
}

/** Tries the code of the step. Throws `code_wrong` (`details.attemptsLeft`), `code_expired`, `code_exhausted`. */
export async function tryCode(
  ctx: Context,
  interaction: Interaction,
  { code, purpose }: { code: string; purpose: VerificationPurpose },
): Promise<Next> {
  const underWay = interaction.state.code
  if (underWay?.purpose !== purpose) throw new Fault('code_expired')
  const policy = await findPolicy(ctx)
  const { recipient } = await finishVerification(ctx, underWay.id, { code, purpose })
  if (purpose === 'forgot-password') {
    return keepProof(ctx, interaction, { purpose, email: recipient })
  }
  const signedIn = await transaction(ctx, async (ctx) => {
    const user = await findProvedUser(ctx, recipient)
    if (user === null) return null
    // Who registers again with an address of theirs is signed in, where a code suffices for that.
    if (!policy.code || !policy.canSignIn) throw new Fault('email_exists')
    return enter(ctx, interaction, user)
  })
  if (signedIn !== null) return signedIn
  if (!policy.canRegister) throw new Fault('signup_disabled')
  if (purpose === 'register' && !policy.registersPassword) {
    return withApproval(ctx, (approval) =>
      transaction(ctx, (ctx) =>
        register(ctx, interaction, { email: recipient, passwordHash: null, approval }),
      ),
    )
  }
  const next = await keepProof(ctx, interaction, { purpose: 'register', email: recipient })
  return policy.registersPassword ? next : { step: 'confirm-register' }
}

/** Makes the account for which the address is proved, without a password. */
export async function confirmRegister(ctx: Context, interaction: Interaction): Promise<Next> {
  const policy = await findPolicy(ctx)
  if (policy.registersPassword) throw new Fault('password_required')
  const proof = proofOf(interaction, 'register')
  return withApproval(ctx, (approval) =>
    transaction(ctx, async (ctx) => {
      await spend(ctx, interaction, proof)
      return register(ctx, interaction, { email: proof.email, passwordHash: null, approval })
    }),
  )
}

/** The password of a new account, or a new one for a forgotten one. Throws what `checkNewPassword` throws. */
export async function choosePassword(
  ctx: Context,
  interaction: Interaction,
  { password, purpose }: { password: string; purpose: 'register' | 'forgot-password' },
): Promise<Next> {
  const proof = proofOf(interaction, purpose)
  checkNewPassword(ctx.config, password, proof.email)
  const passwordHash = await hashPassword(ctx, password)
  const account = { email: proof.email, passwordHash }
  return withApproval(ctx, (approval) =>
    transaction(ctx, async (ctx) => {
      await spend(ctx, interaction, proof)
      if (purpose === 'register') return register(ctx, interaction, { ...account, approval })
      const user = await resetPassword(ctx, account)
      if (user === null) throw new Fault('interaction_not_found')
      return enter(ctx, interaction, user, 'recovery')
    }),
  )
}

async function register(
  ctx: Tx,
  interaction: Interaction,
  account: { email: string; passwordHash: string | null; approval: Approval },
): Promise<Next> {
  return enter(ctx, interaction, await createProvedUser(ctx, account))
}

async function enter(
  ctx: Tx,
  interaction: Interaction,
  user: User,
  method: 'otp' | 'recovery' = 'otp',
): Promise<Next> {
  const session = await admit(ctx, user, { method, ...applicationOf(interaction) })
  return finish(ctx, interaction, session)
}

/** The user is admitted: the browser gets its session. To be called in the transaction that admits. */
export async function finish(ctx: Tx, interaction: Interaction, session: Session): Promise<Next> {
  await finishInteraction(ctx, interaction.id, session.id)
  const { token } = await carrySession(ctx, session.id, 'browser', browserSessionLifetime)
  return { step: 'done', token }
}

async function sendCode(
  ctx: Context,
  interaction: Interaction,
  asked: { email: string; purpose: VerificationPurpose; speech: Speech },
): Promise<Next> {
  const { email, purpose, speech } = asked
  const { canRegister } = await findPolicy(ctx)
  const isForAll = purpose === 'register' || (purpose === 'sign-in' && canRegister)
  const id = await startVerification(ctx, {
    purpose,
    email,
    ...speech,
    strangers: isForAll ? 'send' : 'pretend',
  })
  await updateInteraction(ctx, interaction.id, { identifier: email, code: { id, purpose } })
  return { step: 'code' }
}

async function keepIdentifier(
  ctx: Context,
  interaction: Interaction,
  typed: string,
): Promise<string> {
  const identifier = typed.normalize('NFKC').trim()
  const isGood = isEmail(identifier)
  // What was typed stays in its field, right or wrong.
  await updateInteraction(ctx, interaction.id, { identifier: identifier.slice(0, 320) })
  if (!isGood) throw new Fault('email_address_invalid', { isEmpty: identifier === '' })
  return normalEmail(identifier)
}

async function keepProof(ctx: Context, interaction: Interaction, proof: Proof): Promise<Next> {
  const state: InteractionState = { identifier: proof.email, proof }
  await updateInteraction(ctx, interaction.id, state)
  return { step: proof.purpose === 'register' ? 'choose-password' : 'reset-password' }
}

/** The proof that a page stands on; without it, the page was opened out of its turn. */
function proofOf(interaction: Interaction, purpose: Proof['purpose']): Proof {
  const { proof } = interaction.state
  if (proof?.purpose !== purpose) throw new Fault('interaction_not_found')
  return proof
}

async function spend(ctx: Tx, interaction: Interaction, proof: Proof): Promise<void> {
  if (!(await spendProof(ctx, interaction.id, proof))) throw new Fault('interaction_not_found')
}

function identifierOf(interaction: Interaction): string {
  const { identifier } = interaction.state
  if (!identifier || !isEmail(identifier)) throw new Fault('interaction_not_found')
  return normalEmail(identifier)
}

function applicationOf({ applicationId }: Interaction): { applicationId?: string } {
  return applicationId === null ? {} : { applicationId }
}

async function findPolicy(ctx: Context): Promise<SignInPolicy> {
  return policyOf(await findSettings(ctx, 'sign-in-experience'))
}
