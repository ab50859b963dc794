import { type Context, type Tx, transaction } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { hashPassword } from '../base/password.ts'
import { isUniqueViolation } from '../base/sql-error.ts'
import { adminActor } from '../model/audit.ts'
import { type NewEvent, record } from '../model/event.ts'
import {
  keepTokens,
  type MadeToken,
  makeToken,
  markInvited,
  proposeEmail,
  type TokenKind,
} from '../model/one-time-token.ts'
import {
  auditActorOf,
  findUser,
  findUserByEmail,
  type Json,
  type User,
  updateUser,
} from '../model/user.ts'
import { type Approval, withApproval } from './hooks/new-user.ts'
import type { Letter } from './letters.ts'
import { linkOf } from './mail-token.ts'
import { checkPasswordRules } from './password-rules.ts'
import { createEmailAccount } from './sign-up.ts'
import { checkEmail } from './sign-up-checks.ts'

export const linkTypes = [
  'signup',
  'invite',
  'magiclink',
  'recovery',
  'email_change_current',
  'email_change_new',
] as const

export type LinkType = (typeof linkTypes)[number]

export interface LinkOrder {
  type: LinkType
  email: string
  newEmail: string
  password: string
  data: Json
  redirectTo: string
}

export interface GeneratedLink {
  user: User
  link: string
  token: MadeToken
  /** What the link says it is for; a magic link for somebody unknown signs up. */
  verificationType: string
}

interface Kind {
  kind: TokenKind
  letter: Letter
  verificationType: string
}

const kinds: Record<LinkType, Kind> = {
  signup: { kind: 'confirmation_token', letter: 'confirmation', verificationType: 'signup' },
  invite: { kind: 'confirmation_token', letter: 'invite', verificationType: 'invite' },
  magiclink: { kind: 'recovery_token', letter: 'magicLink', verificationType: 'magiclink' },
  recovery: { kind: 'recovery_token', letter: 'recovery', verificationType: 'recovery' },
  email_change_current: {
    kind: 'email_change_token_current',
    letter: 'emailChange',
    verificationType: 'email_change',
  },
  email_change_new: {
    kind: 'email_change_token_new',
    letter: 'emailChange',
    verificationType: 'email_change',
  },
}

/** Makes a link and hands it to an administrator, who mails it themselves. */
export async function generateLink(ctx: Context, order: LinkOrder): Promise<GeneratedLink> {
  const email = checkEmail(order.email)
  const found = await findUserByEmail(ctx, email)
  const type = order.type === 'magiclink' && found === null ? 'signup' : order.type
  const newEmail = checkOrder(ctx, type, { order, found })
  if (newEmail !== null && (await findUserByEmail(ctx, newEmail)) !== null) {
    throw new Fault('email_exists')
  }
  const passwordHash = await passwordOf(ctx, type, { order, found })
  return withApproval(ctx, (approval) =>
    write(ctx, order, { type, email, newEmail, found, passwordHash, approval }),
  )
}

async function write(
  ctx: Context,
  order: LinkOrder,
  checked: {
    type: LinkType
    email: string
    newEmail: string | null
    found: User | null
    passwordHash: string | null
    approval: Approval
  },
): Promise<GeneratedLink> {
  const { type, email, newEmail, found, passwordHash, approval } = checked
  const { kind, letter, verificationType } = kinds[type]
  return transaction(ctx, async (ctx) => {
    const account =
      found ??
      (await createEmailAccount(ctx, {
        email,
        passwordHash,
        data: order.data,
        isConfirmed: false,
        isByAdmin: order.type !== 'magiclink',
        approval,
      }))
    if (newEmail !== null) await proposeEmail(ctx, account.id, newEmail)
    if (type === 'invite') await markInvited(ctx, account.id)
    if (type === 'signup' && found !== null && Object.keys(order.data).length > 0) {
      await updateUser(ctx, account.id, {
        metadata: { own: { ...found.metadata.own, ...order.data } },
      })
    }
    await record(ctx, eventOf(ctx, type, account))
    const recipient = type === 'email_change_new' ? (newEmail ?? email) : email
    const token = makeToken(ctx, { kind, recipient })
    await keepTokens(ctx, account.id, [token], { every: 0 })
    const user = await findUser(ctx, account.id)
    if (user === null) throw new Fault('user_not_found')
    const { redirectTo } = order
    const link = linkOf(ctx, { letter, type: verificationType, hash: token.hash, redirectTo })
    return { user, link, token, verificationType }
  }).catch((error: unknown) => {
    if (isUniqueViolation(error)) throw new Fault('email_exists', {}, { cause: error })
    throw error
  })
}

/** Whether there can be such a link, and the address that a change leads to. */
function checkOrder(
  ctx: Tx,
  type: LinkType,
  { order, found }: { order: LinkOrder; found: User | null },
): string | null {
  switch (type) {
    case 'signup':
    case 'invite':
      if (found?.emailVerifiedAt) throw new Fault('email_exists')
      return null
    case 'magiclink':
    case 'recovery':
      if (found === null) throw new Fault('user_not_found', { at: 'generate_link' })
      return null
    case 'email_change_current':
    case 'email_change_new':
      if (found === null) throw new Fault('user_not_found', { at: 'generate_link' })
      if (type === 'email_change_current' && !ctx.config.gotrue.secureEmailChange) {
        throw new Fault('input_invalid', { problem: 'insecure-email-change' })
      }
      return checkEmail(order.newEmail)
  }
}

/** Only an account that is signed up by hand needs a password; somebody unknown who asked for a magic link has none. */
async function passwordOf(
  ctx: Context,
  type: LinkType,
  { order, found }: { order: LinkOrder; found: User | null },
): Promise<string | null> {
  if (found !== null || order.type !== 'signup' || type !== 'signup') return null
  if (order.password === '') throw new Fault('password_required')
  await checkPasswordRules(ctx, order.password)
  return hashPassword(ctx, order.password)
}

function eventOf(ctx: Tx, type: LinkType, user: User): NewEvent {
  const common = { userId: user.id, details: { link: type } }
  switch (type) {
    case 'invite':
      return {
        ...common,
        type: 'user.invited',
        audit: {
          action: 'user_invited',
          logType: 'team',
          actor: adminActor(ctx),
          traits: { user_id: user.id, user_email: user.email ?? '' },
        },
      }
    case 'magiclink':
    case 'recovery':
      return {
        ...common,
        type: 'recovery.requested',
        audit: { action: 'user_recovery_requested', logType: 'user', actor: auditActorOf(user) },
      }
    default:
      return { ...common, type: 'confirmation.requested' }
  }
}
