import { type Context, transaction } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { isUniqueViolation } from '../base/sql-error.ts'
import { adminActor } from '../model/audit.ts'
import { record } from '../model/event.ts'
import { markInvited } from '../model/one-time-token.ts'
import { emptyShell } from '../model/shell.ts'
import { findUser, findUserByEmail, type Json, type User } from '../model/user.ts'
import { type Approval, withApproval } from './hooks/new-user.ts'
import { prepareMail, sendMails } from './mail-token.ts'
import { createEmailAccount } from './sign-up.ts'
import { checkEmail } from './sign-up-checks.ts'

/** Makes an account for an address and mails a link that confirms it; who was invited and has not come is again. */
export function invite(ctx: Context, request: Invitation): Promise<User> {
  return withApproval(ctx, (approval) => inviteOnce(ctx, request, approval))
}

export interface Invitation {
  email: string
  data: Json
  redirectTo: string
}

async function inviteOnce(ctx: Context, request: Invitation, approval: Approval): Promise<User> {
  const email = checkEmail(request.email)
  const { redirectTo, data } = request
  const found = await findUserByEmail(ctx, email)
  if (found?.emailVerifiedAt) throw new Fault('email_exists')
  const { user, mail } = await transaction(ctx, async (ctx) => {
    const account =
      found ??
      (await createEmailAccount(ctx, {
        email,
        data,
        passwordHash: null,
        isConfirmed: false,
        isByAdmin: true,
        approval,
      }))
    // Whoever signed up with the address before has not proved it, and is not the one who is invited.
    if (found !== null && found.phoneVerifiedAt === null) await emptyShell(ctx, account.id)
    await markInvited(ctx, account.id)
    await record(ctx, {
      type: 'user.invited',
      userId: account.id,
      details: { email },
      audit: {
        action: 'user_invited',
        logType: 'team',
        actor: adminActor(ctx),
        traits: { user_id: account.id, user_email: email },
      },
    })
    const mail = await prepareMail(ctx, account, { letter: 'invite', redirectTo, every: 0 })
    return { user: await findUser(ctx, account.id), mail }
  }).catch((error: unknown) => {
    if (isUniqueViolation(error)) throw new Fault('email_exists', {}, { cause: error })
    throw error
  })
  await sendMails(ctx, [mail])
  if (user === null) throw new Fault('user_not_found')
  return user
}
