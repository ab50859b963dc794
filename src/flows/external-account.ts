import { type Context, type Tx, transaction } from '../base/context.ts'
import { Fault, isFault } from '../base/fault.ts'
import { isUniqueViolation } from '../base/sql-error.ts'
import { type NewEvent, record } from '../model/event.ts'
import {
  createIdentity,
  findIdentity,
  type Identity,
  listVerifiedIdentities,
  updateProviders,
  useIdentity,
} from '../model/identity.ts'
import { emptyShellFor } from '../model/shell.ts'
import {
  auditActorOf,
  createUser,
  existingUser,
  findUserByEmail,
  type Json,
  type User,
  updateUser,
} from '../model/user.ts'
import { isBanned } from './admit.ts'
import type { External } from './external-claims.ts'
import { type Approval, approve, withApproval } from './hooks/new-user.ts'
import { type PreparedMail, prepareMail, sendMails } from './mail-token.ts'
import { signedUpAudit } from './sign-up-checks.ts'

export interface Arrival {
  external: External
  isEmailOptional: boolean
  /** Where the link of a confirmation leads. */
  redirectTo: string
}

/**
 * Whose account somebody from a provider comes to, and what they get there: `settle` runs in the same transaction. The one
 * place where a provider's people become users. Whoever has to confirm an address first gets a mail, their account stays,
 * and `provider_email_unverified` is thrown.
 */
export async function arrive<T>(
  ctx: Context,
  arrival: Arrival,
  settle: (ctx: Tx, user: User) => Promise<T>,
): Promise<T> {
  return withApproval(ctx, (approval) =>
    settleOnce(ctx, arrival.external.provider, (ctx) =>
      enter(ctx, { ...arrival, approval }, settle),
    ),
  )
}

export type Settled<T> =
  | { outcome: 'in'; result: T; mail?: PreparedMail | null }
  | { outcome: 'unconfirmed'; mail: PreparedMail | null; at?: 'link' }

/** Runs the transaction, again where another one was faster, and mails after it. */
export async function settleOnce<T>(
  ctx: Context,
  provider: string,
  work: (ctx: Tx) => Promise<Settled<T>>,
): Promise<T> {
  const settled = await transaction(ctx, work).catch((error: unknown) => {
    // Two browsers brought the same person: the second one finds what the first one made.
    if (isUniqueViolation(error)) return transaction(ctx, work)
    throw error
  })
  const { mail = null } = settled
  if (mail !== null) await sendMails(ctx, [mail])
  if (settled.outcome === 'in') return settled.result
  throw new Fault('provider_email_unverified', {
    provider,
    isMailed: mail !== null,
    at: settled.at,
  })
}

async function enter<T>(
  ctx: Tx,
  arrival: Arrival & { approval: Approval },
  settle: (ctx: Tx, user: User) => Promise<T>,
): Promise<Settled<T>> {
  const { external, isEmailOptional, approval } = arrival
  const { provider } = external
  const { user, identity } = await accountOf(ctx, external, approval)
  if (isBanned(ctx, user)) throw new Fault('user_banned')
  if (isConfirmed(user) || isWithoutAddress(user, external, isEmailOptional)) {
    await record(ctx, usedEvent(user, provider))
    return { outcome: 'in', result: await settle(ctx, user) }
  }
  if (provesAddress(ctx, user, external)) {
    const confirmed = await confirm(ctx, user, { identity, external })
    return { outcome: 'in', result: await settle(ctx, confirmed) }
  }
  if (!ctx.config.gotrue.allowUnverifiedEmailSignIns) {
    return { outcome: 'unconfirmed', mail: await askToConfirm(ctx, user, arrival) }
  }
  // They come in with or without it: one mail a minute is enough.
  const mail = await askToConfirm(ctx, user, arrival).catch((error: unknown) => {
    if (isFault(error, 'over_email_send_rate_limit')) return null
    throw error
  })
  await record(ctx, usedEvent(user, provider))
  return { outcome: 'in', mail, result: await settle(ctx, user) }
}

function isConfirmed({ emailVerifiedAt, phoneVerifiedAt }: User): boolean {
  return emailVerifiedAt !== null || phoneVerifiedAt !== null
}

/** There is nothing to confirm: the provider gave no address, or one that it made sure of and another account has. */
function isWithoutAddress(user: User, { emails }: External, isEmailOptional: boolean): boolean {
  if (user.email !== null) return false
  return isEmailOptional || emails.some(({ isVerified }) => isVerified)
}

async function askToConfirm(
  ctx: Tx,
  user: User,
  { redirectTo }: Arrival,
): Promise<PreparedMail | null> {
  if (user.email === null) return null
  return prepareMail(ctx, user, { letter: 'confirmation', redirectTo })
}

function usedEvent(user: User, provider: string): NewEvent {
  return {
    type: 'identity.used',
    userId: user.id,
    details: { provider },
    audit: {
      action: 'login',
      logType: 'account',
      actor: auditActorOf(user),
      traits: { provider },
    },
  }
}

/** A provider proves the account's own address, and no other; an administrator may believe all of them. */
function provesAddress(ctx: Tx, user: User, { emails }: External): boolean {
  if (user.email === null) return false
  if (ctx.config.gotrue.mailerAutoconfirm) return true
  return emails.some(({ address, isVerified }) => isVerified && address === user.email)
}

/** The account becomes theirs: what somebody else may have put into it before is taken out. */
async function confirm(
  ctx: Tx,
  user: User,
  { identity, external }: { identity: Identity; external: External },
): Promise<User> {
  await emptyShellFor(ctx, user.id, identity.id)
  await updateProviders(ctx, user.id)
  await updateUser(ctx, user.id, { emailVerified: true, metadata: { own: external.data } })
  const confirmed = await existingUser(ctx, user.id)
  const traits = { provider: external.provider }
  await record(ctx, {
    type: 'user.signed-up',
    userId: user.id,
    details: traits,
    audit: signedUpAudit(confirmed, traits),
  })
  return confirmed
}

interface Account {
  user: User
  identity: Identity
}

async function accountOf(ctx: Tx, external: External, approval: Approval): Promise<Account> {
  const { provider, subject, data } = external
  const known = await findIdentity(ctx, { provider, subject })
  if (known !== null) {
    await useIdentity(ctx, known.id, data)
    const user = await mergeData(ctx, await existingUser(ctx, known.userId), data)
    return { user, identity: known }
  }
  const domain = linkingDomainOf(ctx, provider)
  const userId = await linkable(ctx, external, domain)
  return userId === null
    ? createAccount(ctx, external, { domain, approval })
    : linkTo(ctx, await existingUser(ctx, userId), external)
}

/**
 * Providers of one domain join accounts by their addresses; all that nobody set apart are in the same. A company's own
 * provider is one for itself: it says whose an address is in its directory, and nowhere else.
 */
function linkingDomainOf(ctx: Tx, provider: string): string {
  const { linkingDomains, providersWithOwnLinkingDomain } = ctx.config.gotrue
  const domain = Object.hasOwn(linkingDomains, provider) ? linkingDomains[provider] : undefined
  if (domain !== undefined) return domain
  if (provider.startsWith('sso:')) return provider
  return providersWithOwnLinkingDomain.includes(provider) ? provider : 'default'
}

/**
 * The one user of the domain with an address that this provider made sure of. An address that nobody verified joins
 * nothing, whatever the settings say: it would hand the account to whoever wrote it into a profile.
 */
async function linkable(ctx: Tx, { emails }: External, domain: string): Promise<string | null> {
  const verified = emails.filter(({ isVerified }) => isVerified).map(({ address }) => address)
  if (verified.length === 0) return null
  const identities = await listVerifiedIdentities(ctx, verified)
  const near = identities.filter(
    ({ provider }) => provider !== 'email' && linkingDomainOf(ctx, provider) === domain,
  )
  const ids = new Set(near.map(({ userId }) => userId))
  if (ids.size === 0 && domain === 'default') {
    for (const address of verified) {
      const user = await findUserByEmail(ctx, address)
      if (user !== null) ids.add(user.id)
    }
  }
  if (ids.size > 1) throw new Fault('accounts_ambiguous', { domain })
  return [...ids][0] ?? null
}

/** Adds the identity to an account, and what its provider says to the user's own metadata. */
export async function linkTo(ctx: Tx, user: User, external: External): Promise<Account> {
  const { provider, subject, data } = external
  const identity = await createIdentity(ctx, { userId: user.id, provider, subject, data })
  await updateProviders(ctx, user.id)
  await record(ctx, linkedEvent(ctx, user, identity))
  return { user: await mergeData(ctx, user, data), identity }
}

export function linkedEvent(ctx: Tx, user: User, identity: Identity): NewEvent {
  const { id, provider, subject } = identity
  return {
    type: 'identity.linked',
    userId: user.id,
    details: { provider, identityId: id },
    audit: {
      action: 'identity_linked',
      logType: 'user',
      actor: auditActorOf(user),
      traits: { identity_id: id, provider, provider_id: subject },
      ipAddress: ctx.client.ip ?? '',
    },
  }
}

async function mergeData(ctx: Tx, user: User, data: Json): Promise<User> {
  await updateUser(ctx, user.id, { metadata: { own: { ...user.metadata.own, ...data } } })
  return existingUser(ctx, user.id)
}

/** An address that somebody has already stays theirs: the new account comes without it. */
async function createAccount(
  ctx: Tx,
  external: External,
  { domain, approval }: { domain: string; approval: Approval },
): Promise<Account> {
  if (ctx.config.gotrue.disableSignup) throw new Fault('signup_disabled')
  const { provider, subject, data, email, name, picture } = external
  const isDefault = domain === 'default'
  const isTaken =
    isDefault && email !== null && (await findUserByEmail(ctx, email.address)) !== null
  const newcomer = {
    email: isTaken ? null : (email?.address ?? null),
    name,
    avatar: picture,
    // Only such users may share an address with another, and they are found by their identities alone.
    isSso: !isDefault,
    metadata: { app: { provider, providers: [provider] }, own: data },
  }
  const id = approve(ctx, approval, newcomer)
  const made = await createUser(ctx, { ...newcomer, id })
  const identity = await createIdentity(ctx, { userId: made.id, provider, subject, data })
  const user = await existingUser(ctx, made.id)
  await record(ctx, { type: 'user.created', userId: user.id, details: { provider } })
  return { user, identity }
}
