import { networkOf } from '../base/client-ip.ts'
import { type Context, type Tx, transaction } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { isUniqueViolation } from '../base/sql-error.ts'
import { minute } from '../base/time.ts'
import { record } from '../model/event.ts'
import {
  findFlowStateByCode,
  issueAuthCode,
  matchesChallenge,
  spendFlowState,
} from '../model/flow-state.ts'
import { createIdentity, updateIdentityData, updateProviders } from '../model/identity.ts'
import { take } from '../model/limit.ts'
import {
  acceptEmailChange,
  clearLinks,
  finishEmailChange,
  finishPhoneChange,
  isCodeAwaited,
  type Spent,
  spendAwaitedCode,
  spendCode,
  spendHash,
  type TokenKind,
} from '../model/one-time-token.ts'
import type { ProviderTokens } from '../model/provider-tokens.ts'
import type { AuthenticationMethod } from '../model/session.ts'
import { emptyShell } from '../model/shell.ts'
import { auditActorOf, existingUser, type User, updateUser } from '../model/user.ts'
import { admit, refuseBanned } from './admit.ts'
import { announce } from './notices.ts'
import type { SignedIn } from './sign-in.ts'
import { signedUpAudit } from './sign-up-checks.ts'
import { isJudgedOutside, judgeSmsCode } from './sms.ts'

/** What a link or code says it is for; `email` is either of the first two rows. */
export type RedeemType = 'signup' | 'invite' | 'recovery' | 'magiclink' | 'email' | 'email_change'
export type PhoneRedeemType = 'sms' | 'phone_change'

const kindsOf: Record<RedeemType | PhoneRedeemType, readonly TokenKind[]> = {
  signup: ['confirmation_token'],
  invite: ['confirmation_token'],
  recovery: ['recovery_token'],
  magiclink: ['recovery_token'],
  email: ['confirmation_token', 'recovery_token'],
  email_change: ['email_change_token_current', 'email_change_token_new'],
  sms: ['confirmation_token'],
  phone_change: ['phone_change_token'],
}

export function isRedeemType(type: string): type is RedeemType {
  return Object.hasOwn(kindsOf, type) && !isPhoneRedeemType(type)
}

export function isPhoneRedeemType(type: string): type is PhoneRedeemType {
  return type === 'sms' || type === 'phone_change'
}

export type Redeemed =
  | ({ outcome: 'signed-in' } & SignedIn)
  /** A code for whoever began the PKCE flow; there is no session yet. */
  | { outcome: 'code'; authCode: string }
  /** One of two addresses agreed to a change; the other one has to follow. */
  | { outcome: 'half' }

/** Spends a link's token, and does what it was sent for. */
export async function redeemLink(
  ctx: Context,
  request: { type: RedeemType; hash: string; wants: 'session' | 'code' },
): Promise<Redeemed> {
  const { type, hash, wants } = request
  const redeemed = await transaction(ctx, async (ctx) => {
    const spent = await spendHash(ctx, hash, kindsOf[type])
    return spent === null ? null : finish(ctx, spent, { type, wants })
  })
  if (redeemed === null) {
    await limitMisses(ctx)
    throw new Fault('otp_expired', { by: 'link' })
  }
  return redeemed
}

/** A hash is as guessable as the digits it is made of, so a client that guesses is slowed down. */
async function limitMisses(ctx: Context): Promise<void> {
  if (ctx.client.ip === null) return
  const taken = await take(ctx, `redeem-miss:${networkOf(ctx.client.ip)}`, {
    limit: 60,
    window: 5 * minute,
  })
  if (!taken.allowed) throw new Fault('over_request_rate_limit', { retryAfter: taken.retryAfter })
}

/** Spends the digits that somebody typed, and does what they were sent for. */
export async function redeemCode(
  ctx: Context,
  request: { recipient: string; code: string } & (
    | { channel: 'email'; type: RedeemType }
    | { channel: 'phone'; type: PhoneRedeemType }
  ),
): Promise<Redeemed> {
  const { type, ...tried } = request
  await limitTries(ctx, tried.recipient)
  const judged =
    tried.channel === 'phone' ? await judgePhoneCode(ctx, tried, kindsOf[type]) : 'ours'
  const redeemed = await transaction(ctx, async (ctx) => {
    for (const kind of kindsOf[type]) {
      const spent =
        judged === 'right'
          ? await spendAwaitedCode(ctx, { phone: tried.recipient, kind })
          : await spendCode(ctx, { ...tried, kind })
      if (spent !== null)
        return finish(ctx, spent, { type, wants: 'session', phone: tried.channel === 'phone' })
    }
    return null
  })
  if (redeemed === null) throw new Fault('otp_expired', { by: 'code' })
  return redeemed
}

/** What the provider says who made the code; it is asked only about codes that it may have sent. */
async function judgePhoneCode(
  ctx: Context,
  { recipient: phone, code }: { recipient: string; code: string },
  kinds: readonly TokenKind[],
): Promise<'ours' | 'right'> {
  if (!(await isJudgedOutside(ctx, phone))) return 'ours'
  for (const kind of kinds) {
    if (!(await isCodeAwaited(ctx, { phone, kind }))) continue
    const judged = await judgeSmsCode(ctx, { phone, code })
    if (judged === 'wrong') throw new Fault('otp_expired', { by: 'code' })
    return judged
  }
  return 'ours'
}

/** Six digits, good for a day, would be guessed: ten tries in a quarter of an hour for one recipient. */
async function limitTries(ctx: Context, recipient: string): Promise<void> {
  const limits = [
    { key: `redeem:${recipient}`, limit: 10, window: 15 * minute },
    ...(ctx.client.ip === null
      ? []
      : [{ key: `redeem-ip:${networkOf(ctx.client.ip)}`, limit: 100, window: 5 * minute }]),
  ]
  for (const { key, ...bounds } of limits) {
    const taken = await take(ctx, key, bounds)
    if (!taken.allowed) throw new Fault('over_request_rate_limit', { retryAfter: taken.retryAfter })
  }
}

async function finish(
  ctx: Tx,
  spent: Spent,
  request: { type: RedeemType | PhoneRedeemType; wants: 'session' | 'code'; phone?: boolean },
): Promise<Redeemed> {
  const found = await existingUser(ctx, spent.userId)
  refuseBanned(ctx, found)
  const done = request.phone
    ? await finishPhone(ctx, found, spent.kind)
    : await finishEmail(ctx, found, spent.kind)
  if (done === 'half') return { outcome: 'half' }
  await clearLinks(ctx, found.id)
  if (request.wants === 'code') {
    const authCode = await issueAuthCode(ctx, {
      userId: found.id,
      methods: methodsOf(request.type),
    })
    if (authCode === null) throw new Fault('flow_state_not_found', { at: 'verify' })
    return { outcome: 'code', authCode }
  }
  const user = await existingUser(ctx, found.id)
  // GoTrue's log says `login` of links that only sign in; of the others it says what else they did.
  const session = await admit(ctx, user, {
    method: 'otp',
    ...(done === 'login' ? {} : { audit: null }),
  })
  return { outcome: 'signed-in', user, session }
}

type Done = 'login' | 'told' | 'half'

async function finishEmail(ctx: Tx, user: User, kind: TokenKind): Promise<Done> {
  switch (kind) {
    case 'email_change_token_current':
    case 'email_change_token_new':
      return changeEmail(ctx, user)
    case 'recovery_token':
      if (user.emailVerifiedAt) return 'login'
      // They asked for it, and not whoever signed up with their address: nothing of that one stays.
      if (user.phoneVerifiedAt === null) await emptyShell(ctx, user.id)
      await confirmEmail(ctx, user)
      return 'told'
    default:
      await confirmEmail(ctx, user)
      return 'told'
  }
}

async function confirmEmail(ctx: Tx, user: User): Promise<void> {
  const confirmed = await updateUser(ctx, user.id, {
    emailVerified: true,
    metadata: { own: { ...user.metadata.own, email_verified: true } },
  })
  await updateIdentityData(ctx, { provider: 'email', userId: user.id }, { email_verified: true })
  await record(ctx, {
    type: user.invitedAt === null ? 'verification.finished' : 'user.invite-accepted',
    userId: user.id,
    details: { email: user.email },
    audit: signedUpAudit(confirmed ?? user),
  })
}

async function changeEmail(ctx: Tx, user: User): Promise<Done> {
  const { secureEmailChange, mailerAutoconfirm } = ctx.config.gotrue
  const needsBoth = secureEmailChange && !mailerAutoconfirm && user.email !== null
  if (needsBoth && (await acceptEmailChange(ctx, user.id))) {
    await record(ctx, {
      type: 'user.updated',
      userId: user.id,
      details: { emailChange: 'one of two addresses agreed' },
    })
    return 'half'
  }
  try {
    await finishEmailChange(ctx, user.id)
  } catch (error) {
    if (isUniqueViolation(error)) throw new Fault('email_exists', {}, { cause: error })
    throw error
  }
  await nameEmailIdentity(ctx, user, user.pending.newEmail)
  if (user.email !== null) await announce(ctx, user, 'emailChanged', { OldEmail: user.email })
  await record(ctx, {
    type: 'user.updated',
    userId: user.id,
    details: { email: user.pending.newEmail },
    audit: { action: 'user_modified', logType: 'user', actor: auditActorOf(user) },
  })
  return 'told'
}

/** The identity `email` follows the address, and so do its copies in the user's metadata. */
export async function nameEmailIdentity(ctx: Tx, user: User, email: string): Promise<void> {
  const data = { email, email_verified: true }
  const { id } = user
  if (!(await updateIdentityData(ctx, { provider: 'email', userId: id }, data))) {
    await createIdentity(ctx, {
      userId: id,
      provider: 'email',
      subject: id,
      data: { sub: id, phone_verified: false, ...data },
    })
    await updateProviders(ctx, id)
  }
  const { own } = user.metadata
  if ('email' in own) await updateUser(ctx, id, { metadata: { own: { ...own, ...data } } })
}

async function finishPhone(ctx: Tx, user: User, kind: TokenKind): Promise<Done> {
  if (kind === 'confirmation_token') {
    const confirmed = await updateUser(ctx, user.id, {
      phoneVerified: true,
      isAnonymous: false,
    })
    await record(ctx, {
      type: 'verification.finished',
      userId: user.id,
      details: { phone: user.phone },
      audit: signedUpAudit(confirmed ?? user),
    })
    return 'told'
  }
  try {
    await finishPhoneChange(ctx, user.id)
  } catch (error) {
    if (isUniqueViolation(error)) throw new Fault('phone_exists', {}, { cause: error })
    throw error
  }
  await namePhoneIdentity(ctx, user, user.pending.newPhone)
  await announce(ctx, user, 'phoneChanged', {
    Phone: user.pending.newPhone,
    OldPhone: user.phone ?? '',
  })
  await record(ctx, {
    type: 'user.updated',
    userId: user.id,
    details: { phone: user.pending.newPhone },
    audit: { action: 'user_modified', logType: 'user', actor: auditActorOf(user) },
  })
  return 'told'
}

export async function namePhoneIdentity(ctx: Tx, user: User, phone: string): Promise<void> {
  const data = { phone, phone_verified: true }
  const { id } = user
  if (await updateIdentityData(ctx, { provider: 'phone', userId: id }, data)) return
  await createIdentity(ctx, {
    userId: id,
    provider: 'phone',
    subject: id,
    data: { sub: id, email_verified: false, ...data },
  })
  await updateProviders(ctx, id)
}

/** Which flows a link of this type may finish. */
function methodsOf(type: RedeemType | PhoneRedeemType): readonly AuthenticationMethod[] {
  switch (type) {
    case 'signup':
    case 'invite':
      return ['email/signup', 'invite']
    case 'email':
      return ['email/signup', 'magiclink', 'recovery']
    case 'recovery':
    case 'magiclink':
    case 'email_change':
      return [type]
    default:
      return []
  }
}

/** Redeems the code of a PKCE flow: whoever knows the verifier began it. One of all who come with it gets a session. */
export async function redeemAuthCode(
  ctx: Context,
  { authCode, verifier }: { authCode: string; verifier: string },
): Promise<SignedIn & { providerTokens: ProviderTokens | null }> {
  const state = await findFlowStateByCode(ctx, authCode)
  if (state === null || state.userId === null) throw new Fault('flow_state_not_found')
  if (state.isExpired) throw new Fault('flow_state_expired')
  if (state.challenge === null || !matchesChallenge(verifier, state.challenge)) {
    throw new Fault('bad_code_verifier')
  }
  const { userId, providerType, authenticationMethod, providerTokens, sessionEndsAt } = state
  return transaction(ctx, async (ctx) => {
    if (!(await spendFlowState(ctx, state.id))) throw new Fault('flow_state_not_found')
    const user = await existingUser(ctx, userId)
    const session = await admit(ctx, user, {
      method: authenticationMethod as AuthenticationMethod,
      traits: { provider_type: providerType },
      // Whether a provider's people need a confirmed address was decided when they came back from it.
      isVouchedFor: authenticationMethod === 'oauth',
      sessionEndsAt,
    })
    return { user, session, providerTokens }
  })
}
