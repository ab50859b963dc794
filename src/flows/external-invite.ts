import type { Context, Tx } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { record } from '../model/event.ts'
import { createIdentity, findIdentity, updateProviders } from '../model/identity.ts'
import { spendHash } from '../model/one-time-token.ts'
import { emptyShellFor } from '../model/shell.ts'
import { auditActorOf, findUser, type User, updateUser } from '../model/user.ts'
import { settleOnce } from './external-account.ts'
import type { External } from './external-claims.ts'

/** Somebody who was invited comes by a provider: the invitation shows that the address is theirs. */
export async function acceptInvite<T>(
  ctx: Context,
  { external, token }: { external: External; token: string },
  settle: (ctx: Tx, user: User) => Promise<T>,
): Promise<T> {
  return settleOnce(ctx, external.provider, async (ctx) => {
    const user = await accept(ctx, external, token)
    return { outcome: 'in', result: await settle(ctx, user) }
  })
}

async function accept(ctx: Tx, external: External, token: string): Promise<User> {
  const { provider, subject, data, emails } = external
  const spent = await spendHash(ctx, token, ['confirmation_token'])
  const invited = spent === null ? null : await findUser(ctx, spent.userId)
  if (invited === null) throw new Fault('invite_not_found')
  if (!emails.some(({ address }) => address === invited.email)) {
    throw new Fault('invite_email_mismatch')
  }
  const known = await findIdentity(ctx, { provider, subject })
  if (known !== null) {
    throw new Fault('identity_exists', { at: known.userId === invited.id ? 'same' : 'other' })
  }
  const identity = await createIdentity(ctx, { userId: invited.id, provider, subject, data })
  // Whoever invited them, or followed the link before, may have left a password.
  await emptyShellFor(ctx, invited.id, identity.id)
  await updateProviders(ctx, invited.id)
  await updateUser(ctx, invited.id, {
    emailVerified: true,
    metadata: { own: { ...invited.metadata.own, ...data } },
  })
  const user = await findUser(ctx, invited.id)
  if (user === null) throw new Fault('user_not_found')
  await record(ctx, {
    type: 'user.invite-accepted',
    userId: user.id,
    details: { provider },
    audit: {
      action: 'invite_accepted',
      logType: 'account',
      actor: auditActorOf(user),
      traits: { provider },
    },
  })
  return user
}
