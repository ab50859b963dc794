import type { Config } from '../base/config.ts'
import type { Context } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { isLeaked } from './protection/leaked-password.ts'

/** GoTrue's limit, from bcrypt's days. */
export const maxPasswordBytes = 72

/** Why a password is weak by `GOTRUE_PASSWORD_*`; `sets` are the characters of which one each is required. */
export interface Weakness {
  reasons: ('length' | 'characters' | 'pwned')[]
  min: number
  sets: string[]
}

/** Why a password is weak, or null. It says no more of one that could not be looked up than that it may be used. */
export async function weaknessOf(ctx: Context, password: string): Promise<Weakness | null> {
  const { hibpEnabled } = ctx.config.gotrue
  return judged(ctx.config, password, hibpEnabled ? await isLeaked(ctx, password) : false)
}

function judged(config: Config, password: string, leaked: boolean | null): Weakness | null {
  const { passwordMinLength: min, passwordRequiredCharacters } = config.gotrue
  const sets = characterSets(passwordRequiredCharacters)
  const isShort = Buffer.byteLength(password) < min
  const lacksSome = sets.some((set) => ![...set].some((character) => password.includes(character)))
  if (!isShort && !lacksSome && !leaked) return null
  const reasons: Weakness['reasons'] = []
  if (isShort) reasons.push('length')
  if (lacksSome) reasons.push('characters')
  if (leaked) reasons.push('pwned')
  return { reasons, min, sets }
}

/**
 * What applications ask of a new password. Throws `password_too_long` or `weak_password`; `unavailable` where leaked ones
 * must be known as such and nobody can be asked. It asks the network: call it before the transaction.
 */
export async function checkPasswordRules(ctx: Context, password: string): Promise<void> {
  if (Buffer.byteLength(password) > maxPasswordBytes) {
    throw new Fault('password_too_long', { max: maxPasswordBytes })
  }
  const { hibpEnabled, hibpFailClosed } = ctx.config.gotrue
  const leaked = hibpEnabled ? await isLeaked(ctx, password) : false
  if (leaked === null && hibpFailClosed)
    throw new Fault('unavailable', { what: 'leaked-passwords' })
  const weakness = judged(ctx.config, password, leaked)
  if (weakness !== null) throw new Fault('weak_password', { ...weakness })
}

/** Sets are separated by `:`; a colon that is meant is written `\:`. */
function characterSets(text: string): string[] {
  return text
    .split(/(?<!\\):/)
    .map((set) => set.replaceAll('\\:', ':'))
    .filter((set) => set !== '')
}
