import { type Context, type Tx, transaction } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { isUniqueViolation } from '../base/sql-error.ts'
import { record } from '../model/event.ts'
import {
  createIdentity,
  deleteIdentity,
  findIdentity,
  type Identity,
  updateProviders,
} from '../model/identity.ts'
import { clearTokens } from '../model/one-time-token.ts'
import {
  auditActorOf,
  existingUser,
  findUserByEmail,
  lockUser,
  type User,
  updateUser,
} from '../model/user.ts'
import { linkedEvent, type Settled, settleOnce } from './external-account.ts'
import type { External } from './external-claims.ts'
import { prepareMail } from './mail-token.ts'
import { announce } from './notices.ts'

export interface Linking {
  /** Who is signed in, and asked for it. */
  userId: string
  external: External
  /** Where the link of a confirmation leads. */
  redirectTo: string
}

/** Throws where people may not link identities of their own accord. */
export function refuseLinkingWhenOff(ctx: Tx): void {
  if (!ctx.config.gotrue.manualLinkingEnabled) throw new Fault('manual_linking_disabled')
}

/**
 * Adds an identity to the account of somebody who is signed in. An account without an address takes the provider's; where
 * the provider did not make sure of it, a mail goes there first, and `provider_email_unverified` is thrown.
 */
export async function linkIdentity<T>(
  ctx: Context,
  linking: Linking,
  settle: (ctx: Tx, user: User) => Promise<T>,
): Promise<T> {
  const { provider } = linking.external
  return settleOnce(ctx, provider, (ctx) => link(ctx, linking, settle))
}

async function link<T>(
  ctx: Tx,
  { userId, external, redirectTo }: Linking,
  settle: (ctx: Tx, user: User) => Promise<T>,
): Promise<Settled<T>> {
  const { provider, subject, data, email } = external
  const known = await findIdentity(ctx, { provider, subject })
  if (known !== null) {
    throw new Fault('identity_exists', { at: known.userId === userId ? 'same' : 'other' })
  }
  const before = await existingUser(ctx, userId)
  const identity = await createIdentity(ctx, { userId, provider, subject, data })
  await record(ctx, linkedEvent(ctx, before, identity))
  await announce(ctx, before, 'identityLinked', { Provider: provider })
  if (before.email === null) {
    const isTaken = email !== null && (await findUserByEmail(ctx, email.address)) !== null
    if (isTaken) throw new Fault('email_exists', { at: 'link' })
    if (email !== null) await updateUser(ctx, userId, { email: email.address })
    if (email !== null && !email.isVerified && !ctx.config.gotrue.mailerAutoconfirm) {
      await updateProviders(ctx, userId)
      const user = await existingUser(ctx, userId)
      const mail = await prepareMail(ctx, user, { letter: 'confirmation', redirectTo })
      return { outcome: 'unconfirmed', mail, at: 'link' }
    }
    await updateUser(ctx, userId, {
      isAnonymous: false,
      ...(email === null ? {} : { emailVerified: true }),
    })
  }
  await updateProviders(ctx, userId)
  return { outcome: 'in', result: await settle(ctx, await existingUser(ctx, userId)) }
}

/**
 * Takes an identity away from its user, who keeps at least one. The address of the account goes to another identity's
 * when it was this one's. Throws `identity_last`, `identity_not_found` and `identity_email_conflict`.
 */
export async function unlinkIdentity(
  ctx: Context,
  userId: string,
  identityId: string,
): Promise<void> {
  try {
    await transaction(ctx, (ctx) => unlink(ctx, userId, identityId))
  } catch (error) {
    if (isUniqueViolation(error)) throw new Fault('identity_email_conflict', {}, { cause: error })
    throw error
  }
}

async function unlink(ctx: Tx, userId: string, identityId: string): Promise<void> {
  // Two at once would each see the other's identity as the one that is left.
  await lockUser(ctx, userId)
  const user = await existingUser(ctx, userId)
  if (user.identities.length <= 1) throw new Fault('identity_last')
  const identity = user.identities.find(({ id }) => id === identityId)
  if (identity === undefined || !(await deleteIdentity(ctx, identity.id))) {
    throw new Fault('identity_not_found')
  }
  const { provider, subject } = identity
  await announce(ctx, user, 'identityUnlinked', { Provider: provider })
  await record(ctx, {
    type: 'identity.unlinked',
    userId,
    details: { provider, identityId },
    audit: {
      action: 'identity_unlinked',
      logType: 'user',
      actor: auditActorOf(user),
      traits: { identity_id: identityId, provider, provider_id: subject },
      ipAddress: ctx.client.ip ?? '',
    },
  })
  if (provider === 'phone') await updateUser(ctx, userId, { phone: null, phoneVerified: false })
  else await promoteAddress(ctx, user, identity)
  await updateProviders(ctx, userId)
}

/** The account's address has to be one of its identities': the first verified one that nobody else has, else any. */
async function promoteAddress(ctx: Tx, user: User, gone: Identity): Promise<void> {
  const rest = user.identities.filter(({ id }) => id !== gone.id)
  if (rest.some(({ email }) => (email ?? '') === (user.email ?? ''))) return
  const ranked = [0, 1, 2].flatMap((rank) => rest.filter((identity) => rankOf(identity) === rank))
  for (const identity of ranked) {
    const owner = identity.email === null ? null : await findUserByEmail(ctx, identity.email)
    if (owner !== null && owner.id !== user.id) continue
    await takeAddress(ctx, user, identity)
    return
  }
  throw new Fault('identity_email_conflict')
}

async function takeAddress(ctx: Tx, user: User, identity: Identity): Promise<void> {
  const isProved =
    identity.email !== null && (isVerified(identity) || ctx.config.gotrue.mailerAutoconfirm)
  await updateUser(ctx, user.id, {
    email: identity.email,
    ...(isProved
      ? {}
      : {
          emailVerified: false,
          metadata: { own: { ...user.metadata.own, email_verified: false } },
        }),
  })
  // They were sent for the address that is gone.
  await clearTokens(ctx, user.id)
}

function rankOf(identity: Identity): number {
  if (identity.email === null) return 2
  return isVerified(identity) ? 0 : 1
}

function isVerified({ data }: Identity): boolean {
  return data.email_verified === true || data.email_verified === 'true'
}
