import { type Context, transaction } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { isUniqueViolation } from '../base/sql-error.ts'
import { totpSecret, totpUri } from '../base/totp.ts'
import type { AuditActor, NewEvent } from '../model/event.ts'
import { createFactor, deleteExpiredFactors, deleteFactor, lockFactors } from '../model/factor.ts'
import { isPhone, normalPhone } from '../model/phone.ts'
import { auditActorOf, type Factor, lockUser, type User } from '../model/user.ts'
import { isUuid } from '../model/uuid.ts'
import { announce } from './notices.ts'
import type { Holder } from './passkey-registration.ts'

/**
 * Second factors: enrol one, ask for it (`factor-challenge.ts`), take the answer (`factor-proof.ts`), take it away. Every
 * face that has them uses these; who may call them with a session has signed in with it.
 */
export type FactorWish =
  | { type: 'totp'; friendlyName: string; issuer: string }
  | { type: 'phone'; friendlyName: string; phone: string }
  | { type: 'webauthn'; friendlyName: string }

export interface Enrolled {
  factor: Factor
  /** What an app takes, by typing or by a QR code; nobody is told it again. */
  totp: { secret: string; uri: string } | null
}

/**
 * Begins a factor; it counts when it was shown once. Throws `factor_disabled`, `factor_exists`, `factor_name_taken`,
 * `too_many_factors`, `insufficient_aal` where there is another one that was not shown, and `input_invalid`.
 */
export async function enrollFactor(
  ctx: Context,
  { user, session }: Holder,
  wish: FactorWish,
): Promise<Enrolled> {
  const { gotrue } = ctx.config
  if (user.isAnonymous) throw new Fault('no_authorization', { why: 'anonymous' })
  if (!isEnabled(ctx, wish.type))
    throw new Fault('factor_disabled', { type: wish.type, at: 'enroll' })
  checkFactorName(wish.friendlyName)
  const phone = wish.type === 'phone' ? phoneOf(wish.phone) : null
  const totp = wish.type === 'totp' ? newTotp(ctx, user, wish.issuer) : null
  const id = ctx.random.uuid()

  const factor = await transaction(ctx, async (ctx) => {
    const known = await lockFactors(ctx, user.id)
    if (known === null) throw new Fault('user_not_found')
    const same = known.find((one) => phone !== null && one.phone === phone)
    if (same?.status === 'verified') throw new Fault('factor_exists')
    if (same !== undefined) {
      await deleteFactor(ctx, { ...same, userId: user.id }, { only: 'unverified', events: [] })
    }
    await deleteExpiredFactors(ctx, user.id)
    const left = known.filter((one) => one !== same && !isExpired(ctx, one))
    if (left.some(({ friendlyName }) => (friendlyName ?? '') === wish.friendlyName)) {
      throw new Fault('factor_name_taken', { name: wish.friendlyName })
    }
    const verified = left.filter(({ status }) => status === 'verified').length
    if (left.length >= gotrue.mfaMaxEnrolled || verified >= gotrue.mfaMaxVerified) {
      throw new Fault('too_many_factors')
    }
    if (verified > 0 && session.aal === 'aal1')
      throw new Fault('insufficient_aal', { at: 'enroll' })
    return createFactor(ctx, {
      id,
      userId: user.id,
      type: wish.type,
      friendlyName: wish.friendlyName,
      phone,
      secret: totp?.secret ?? null,
      event: factorEvent(ctx, user, {
        type: 'factor.created',
        action: 'factor_in_progress',
        factor: { id, type: wish.type },
        sessionId: session.id,
        traits: { factor_id: id, ...(wish.type === 'totp' ? {} : { factor_type: wish.type }) },
      }),
    })
  }).catch((error: unknown) => {
    // Names that differ in blanks alone are the same to the index.
    if (!isUniqueViolation(error)) throw error
    throw new Fault('factor_name_taken', { name: wish.friendlyName }, { cause: error })
  })
  return { factor, totp }
}

/** An index of the database holds the name, and takes no text without end. */
export function checkFactorName(name: string): void {
  if (name.length > 255) throw tooLong('friendly_name')
}

function isEnabled({ config: { gotrue } }: Context, type: Factor['type']): boolean {
  switch (type) {
    case 'totp':
      return gotrue.mfaTotpEnroll
    case 'phone':
      return gotrue.mfaPhoneEnroll
    case 'webauthn':
      return gotrue.mfaWebauthnEnroll
  }
}

function phoneOf(text: string): string {
  if (text === '') throw new Fault('input_invalid', { problem: 'factor-phone' })
  const phone = normalPhone(text)
  if (!isPhone(phone)) throw new Fault('phone_invalid')
  return phone
}

/** An account without an address goes by its number, or by its id: apps want some name. */
function newTotp(ctx: Context, user: User, issuer: string): { secret: string; uri: string } {
  const secret = totpSecret(ctx.random.bytes(20))
  const uri = totpUri({
    secret,
    issuer: issuer === '' ? new URL(ctx.config.gotrue.siteUrl).host : issuer,
    account: user.email ?? user.phone ?? user.id,
  })
  // No QR code that a camera reads holds more.
  if (uri.length > 1500) throw tooLong('issuer')
  return { secret, uri }
}

function tooLong(field: string): Fault {
  return new Fault('input_invalid', { problem: 'too-long', field })
}

function isExpired(
  ctx: { now(): Date; config: Context['config'] },
  { status, updatedAt }: Factor,
): boolean {
  const age = ctx.now().getTime() - updatedAt.getTime()
  return status === 'unverified' && age > ctx.config.gotrue.mfaFactorExpiry
}

/**
 * Takes a factor away; sessions that rest upon it fall back to aal1. Throws `factor_not_found`, and `insufficient_aal`
 * where it was shown once and not in this session.
 */
export async function unenrollFactor(
  ctx: Context,
  { user, session }: Holder,
  factor: Factor,
): Promise<void> {
  const isRaised = session.aal !== 'aal1'
  if (factor.status === 'verified' && !isRaised) {
    throw new Fault('insufficient_aal', { at: 'unenroll' })
  }
  const only = isRaised ? ('any' as const) : ('unverified' as const)
  const event = factorEvent(ctx, user, {
    type: 'factor.deleted',
    action: 'factor_unenrolled',
    factor,
    sessionId: session.id,
    traits: { factor_id: factor.id, factor_status: factor.status, session_id: session.id },
  })
  await transaction(ctx, async (ctx) => {
    // Whoever raises a session with it meanwhile is done before, so that this session falls back as well.
    await lockUser(ctx, user.id)
    const owned = { ...factor, userId: user.id }
    if (!(await deleteFactor(ctx, owned, { only, events: [event] }))) {
      throw new Fault('factor_not_found')
    }
    if (factor.status === 'verified') {
      await announce(ctx, user, 'factorUnenrolled', { FactorType: factor.type })
    }
  })
}

/** One of the user's own factors. Throws `factor_not_found`. */
export function factorOf(user: User, id: string): Factor {
  const factor = isUuid(id) ? user.factors.find((one) => one.id === id.toLowerCase()) : undefined
  if (factor === undefined) throw new Fault('factor_not_found')
  return factor
}

export interface FactorTold {
  type: NewEvent['type']
  action: string
  factor: Pick<Factor, 'id' | 'type'>
  sessionId?: string
  traits: Record<string, unknown>
  actor?: AuditActor
}

/** What the log says of a factor; GoTrue's keeps the address with it. */
export function factorEvent(
  ctx: { client: Context['client'] },
  user: User,
  { type, action, factor, sessionId, traits, actor = auditActorOf(user) }: FactorTold,
): NewEvent {
  return {
    type,
    userId: user.id,
    sessionId: sessionId ?? null,
    details: { factor: factor.type, id: factor.id },
    audit: { action, logType: 'factor', actor, traits, ipAddress: ctx.client.ip ?? '' },
  }
}
