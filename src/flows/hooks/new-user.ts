import type { Context, Tx } from '../../base/context.ts'
import { Fault } from '../../base/fault.ts'
import { findUser, type NewUser, type User } from '../../model/user.ts'
import { askHook, hasHook, metadataOf } from './ask.ts'
import { userJson } from './present.ts'

/** Whether an account may be made. Only `withApproval` makes one, and it is for one account. */
export interface Approval {
  /** The account's id, when the hook has said yes to it. */
  id: string | null
  /** Whom the transaction was about to make when it found that nobody had been asked. */
  asked: NewUser | null
}

/**
 * Runs `work`, whose transaction may find that it has to make an account. `before_user_created` is asked outside of it:
 * the transaction rolls back where `approve` stands, the hook is asked, and `work` runs once more. When an account was
 * made, `after_user_created` is told, after the commit. Throws what `askHook` throws. Without these hooks nothing is
 * done twice.
 */
export async function withApproval<T>(
  ctx: Context,
  work: (approval: Approval) => Promise<T>,
): Promise<T> {
  const approval: Approval = { id: null, asked: null }
  let result: T
  try {
    result = await approved(ctx, approval, work)
  } catch (error) {
    // Some are refused though their account was made: they have to confirm it first.
    await tellAfter(ctx, approval).catch((err: unknown) => ctx.log.warn({ err }, 'A hook failed.'))
    throw error
  }
  await tellAfter(ctx, approval)
  return result
}

async function approved<T>(
  ctx: Context,
  approval: Approval,
  work: (approval: Approval) => Promise<T>,
): Promise<T> {
  try {
    return await work(approval)
  } catch (error) {
    const { asked } = approval
    if (asked === null) throw error
    const id = ctx.random.uuid()
    approval.asked = null
    await askHook(ctx, 'beforeUserCreated', {
      metadata: metadataOf(ctx, 'before-user-created'),
      user: userJson(draftOf(ctx, id, asked)),
    })
    approval.id = id
    return work(approval)
  }
}

/** The id of the account that the transaction makes now; where the hook has not been asked, it ends here. */
export function approve(ctx: Tx, approval: Approval, user: NewUser): string {
  if (approval.id === null && ctx.config.gotrue.hooks.beforeUserCreated !== null) {
    approval.asked = user
    throw new Fault('hook_failed', { hook: 'beforeUserCreated', why: 'unasked' })
  }
  approval.id ??= ctx.random.uuid()
  return approval.id
}

async function tellAfter(ctx: Context, { id }: Approval): Promise<void> {
  if (id === null || !hasHook(ctx, 'afterUserCreated')) return
  const user = await findUser(ctx, id)
  // It was rolled back after all, or taken back because its mail could not be sent.
  if (user === null) return
  await askHook(ctx, 'afterUserCreated', {
    metadata: metadataOf(ctx, 'after-user-created'),
    user: userJson(user),
  })
}

/** The account as it will be; its triggers have not run. */
function draftOf(ctx: Context, id: string, user: NewUser): User {
  const now = ctx.now()
  const { jwtAudience, jwtDefaultRole } = ctx.config.gotrue
  return {
    id,
    audience: user.audience ?? jwtAudience,
    databaseRole: user.databaseRole ?? jwtDefaultRole,
    email: user.email ?? null,
    emailVerifiedAt: null,
    phone: user.phone ?? null,
    phoneVerifiedAt: null,
    username: user.username ?? null,
    name: user.name ?? null,
    avatar: user.avatar ?? null,
    details: user.details ?? {},
    customData: user.customData ?? {},
    metadata: { own: user.metadata?.own ?? {}, app: user.metadata?.app ?? {} },
    passwordHash: null,
    bannedUntil: null,
    isAnonymous: user.isAnonymous ?? false,
    isSso: user.isSso ?? false,
    pending: {
      confirmationToken: '',
      confirmationSentAt: null,
      recoveryToken: '',
      recoverySentAt: null,
      newEmail: '',
      newEmailToken: '',
      currentEmailToken: '',
      emailChangeSentAt: null,
      emailChangeConfirmations: 0,
      newPhone: '',
      phoneChangeToken: '',
      phoneChangeSentAt: null,
      reauthenticationToken: '',
      reauthenticationSentAt: null,
    },
    invitedAt: null,
    confirmedAt: null,
    lastSignInAt: null,
    deletedAt: null,
    createdAt: now,
    updatedAt: now,
    identities: [],
    factors: [],
  }
}
