import type { Config } from '../base/config.ts'
import { Fault } from '../base/fault.ts'

/** GoTrue's limit, from bcrypt's days. */
export const maxPasswordBytes = 72

/** Why a password is weak by `GOTRUE_PASSWORD_*`; `sets` are the characters of which one each is required. */
export interface Weakness {
  reasons: ('length' | 'characters')[]
  min: number
  sets: string[]
}

export function weaknessOf(config: Config, password: string): Weakness | null {
  const { passwordMinLength: min, passwordRequiredCharacters } = config.gotrue
  const sets = characterSets(passwordRequiredCharacters)
  const isShort = Buffer.byteLength(password) < min
  const lacksSome = sets.some((set) => ![...set].some((character) => password.includes(character)))
  if (!isShort && !lacksSome) return null
  const reasons: Weakness['reasons'] = []
  if (isShort) reasons.push('length')
  if (lacksSome) reasons.push('characters')
  return { reasons, min, sets }
}

/** What applications ask of a new password. Throws `password_too_long` or `weak_password`. */
export function checkPasswordRules(config: Config, password: string): void {
  if (Buffer.byteLength(password) > maxPasswordBytes) {
    throw new Fault('password_too_long', { max: maxPasswordBytes })
  }
  const weakness = weaknessOf(config, password)
  if (weakness !== null) throw new Fault('weak_password', { ...weakness })
}

/** Sets are separated by `:`; a colon that is meant is written `\:`. */
function characterSets(text: string): string[] {
  return text
    .split(/(?<!\\):/)
    .map((set) => set.replaceAll('\\:', ':'))
    .filter((set) => set !== '')
}
