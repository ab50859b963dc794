import { type Context, transaction } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { isUniqueViolation } from '../base/sql-error.ts'
import { adminActor } from '../model/audit.ts'
import { deleteFactor, updateFactor } from '../model/factor.ts'
import { deletePasskeyByAdmin } from '../model/passkey.ts'
import { isPhone, normalPhone } from '../model/phone.ts'
import { type Factor, lockUser, type User } from '../model/user.ts'
import { checkFactorName, factorEvent } from './factor.ts'

/** What is empty stays. Throws `factor_not_found`, `factor_name_taken`, `phone_invalid`. */
export async function updateFactorByAdmin(
  ctx: Context,
  user: User,
  { factor, friendlyName, phone }: { factor: Factor; friendlyName: string; phone: string },
): Promise<Factor> {
  checkFactorName(friendlyName)
  const isPhoneGiven = phone !== '' && factor.type === 'phone'
  const number = isPhoneGiven ? normalPhone(phone) : null
  if (number !== null && !isPhone(number)) throw new Fault('phone_invalid')
  const event = factorEvent(ctx, user, {
    type: 'factor.updated',
    action: 'factor_updated',
    factor,
    actor: adminActor(ctx),
    traits: { user_id: user.id, factor_id: factor.id, factor_type: factor.type },
  })
  const change = { friendlyName: friendlyName === '' ? null : friendlyName, phone: number, event }
  try {
    const updated = await updateFactor(ctx, { id: factor.id, userId: user.id }, change)
    if (updated === null) throw new Fault('factor_not_found')
    return updated
  } catch (error) {
    if (isUniqueViolation(error, 'unique_phone_factor_per_user')) {
      throw new Fault('factor_exists', {}, { cause: error })
    }
    if (!isUniqueViolation(error)) throw error
    throw new Fault('factor_name_taken', { name: friendlyName }, { cause: error })
  }
}

/** Throws `factor_not_found`. */
export async function deleteFactorByAdmin(ctx: Context, user: User, factor: Factor): Promise<void> {
  const event = factorEvent(ctx, user, {
    type: 'factor.deleted',
    action: 'factor_deleted',
    factor,
    actor: adminActor(ctx),
    traits: { user_id: user.id, factor_id: factor.id },
  })
  const isDeleted = await transaction(ctx, async (ctx) => {
    // As in `unenrollFactor`.
    await lockUser(ctx, user.id)
    return deleteFactor(ctx, { ...factor, userId: user.id }, { only: 'any', events: [event] })
  })
  if (!isDeleted) throw new Fault('factor_not_found')
}

/** Whether there was one. */
export function removePasskeyByAdmin(ctx: Context, user: User, id: string): Promise<boolean> {
  return transaction(ctx, (ctx) => deletePasskeyByAdmin(ctx, { user, id, actor: adminActor(ctx) }))
}
