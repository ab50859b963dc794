import { type Context, transaction } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { record } from '../model/event.ts'
import { type Challenge, createFlowState } from '../model/flow-state.ts'
import { auditActorOf, findUserByEmail, isEmail, type Json, type User } from '../model/user.ts'
import { prepareMail, sendMails } from './mail-token.ts'
import { signUpForLink } from './sign-up.ts'
import { checkEmail, pretendToMail } from './sign-up-checks.ts'

export interface LinkRequest {
  email: string
  /** Whether somebody without an account gets one. */
  createUser: boolean
  data: Json
  challenge: Challenge | null
  redirectTo: string
}

/** Mails a link that signs in; somebody without a confirmed account gets the one that confirms. */
export async function sendMagicLink(ctx: Context, request: LinkRequest): Promise<void> {
  const { emailEnabled, magicLinkEnabled } = ctx.config.gotrue
  const { createUser, challenge, redirectTo } = request
  if (!createUser) {
    const known = isEmail(request.email) && (await findUserByEmail(ctx, request.email)) !== null
    if (!known) throw new Fault('otp_disabled')
  }
  if (!emailEnabled) throw new Fault('email_provider_disabled', { at: 'otp' })
  if (!magicLinkEnabled) throw new Fault('email_provider_disabled', { at: 'magic-link' })
  const email = checkEmail(request.email)
  const found = await findUserByEmail(ctx, email)
  const user =
    found !== null && (found.emailVerifiedAt || mayBeStrangers(found))
      ? found
      : await signUpForLink(ctx, { ...request, email })
  // They got the mail that confirms.
  if (user === null) return
  await mailToConfirmed(ctx, user, { letter: 'magicLink', challenge, redirectTo })
}

/**
 * Nobody proved the address, and yet there is a password or somebody's identity: a link of this kind takes them away when it is
 * used, where a confirmation would let whoever left them in.
 */
function mayBeStrangers({ passwordHash, identities }: User): boolean {
  return passwordHash !== null || identities.some(({ provider }) => provider !== 'email')
}

/** Mails a link with which a new password can be chosen. An unknown address gets the same answer, as often. */
export async function recover(
  ctx: Context,
  request: { email: string; challenge: Challenge | null; redirectTo: string },
): Promise<void> {
  if (!ctx.config.gotrue.emailEnabled) {
    throw new Fault('email_provider_disabled', { at: 'recover' })
  }
  const email = checkEmail(request.email)
  const user = await findUserByEmail(ctx, email)
  if (user === null) return pretendToMail(ctx, `recover:${email}`)
  await mailToConfirmed(ctx, user, { ...request, letter: 'recovery' })
}

async function mailToConfirmed(
  ctx: Context,
  user: User,
  request: { letter: 'magicLink' | 'recovery'; challenge: Challenge | null; redirectTo: string },
): Promise<void> {
  const { letter, challenge, redirectTo } = request
  const method = letter === 'recovery' ? 'recovery' : 'magiclink'
  const mail = await transaction(ctx, async (ctx) => {
    if (challenge !== null) {
      await createFlowState(ctx, {
        userId: user.id,
        challenge,
        providerType: method,
        authenticationMethod: method,
      })
    }
    await record(ctx, {
      type: 'recovery.requested',
      userId: user.id,
      details: { method },
      audit: { action: 'user_recovery_requested', logType: 'user', actor: auditActorOf(user) },
    })
    return prepareMail(ctx, user, { letter, redirectTo, isPkce: challenge !== null })
  })
  await sendMails(ctx, [mail])
}
