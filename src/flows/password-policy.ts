import { Fault } from '../base/fault.ts'

/** What the hosted pages ask of a new password (NIST SP 800-63B-4 § 3.1.1.2): length, and nothing guessed first. */
export const passwordLength = { min: 8, max: 256 }

/** Throws `weak_password` (`details.reason`: `length` or `guessable`) or `password_too_long`. */
export function checkNewPassword(
  config: { gotrue: { passwordMinLength: number } },
  password: string,
  email: string,
): void {
  const length = [...password].length
  const min = minimumLength(config)
  if (length < min) throw new Fault('weak_password', { reason: 'length', min })
  if (length > passwordLength.max) {
    throw new Fault('password_too_long', { max: passwordLength.max })
  }
  if (isGuessable(password, email)) throw new Fault('weak_password', { reason: 'guessable' })
}

export function minimumLength(config: { gotrue: { passwordMinLength: number } }): number {
  return Math.max(passwordLength.min, config.gotrue.passwordMinLength)
}

/** One character again and again, a row of keys or digits, a word from the top of every list, the address itself. */
function isGuessable(password: string, email: string): boolean {
  const plain = password.normalize('NFKC').toLowerCase()
  const [name = ''] = email.toLowerCase().split('@')
  const letters = plain.replace(/[^a-z]/g, '')
  return (
    new Set(plain).size <= 2 ||
    rows.some((row) => row.includes(plain)) ||
    commonWords.has(letters) ||
    plain === email.toLowerCase() ||
    (name.length >= 4 && letters.length > 0 && plain.replace(name, '').length < 4)
  )
}

const digits = '0123456789'
const rows = ['abcdefghijklmnopqrstuvwxyz', 'qwertyuiopasdfghjklzxcvbnm', digits.repeat(3)].flatMap(
  (row) => [row, [...row].reverse().join('')],
)

const commonWords = new Set([
  'password',
  'passwort',
  'passw',
  'pass',
  'qwerty',
  'qwertyuiop',
  'letmein',
  'welcome',
  'admin',
  'administrator',
  'iloveyou',
  'sunshine',
  'princess',
  'football',
  'baseball',
  'dragon',
  'monkey',
  'master',
  'abc',
  'abcd',
  'changeme',
  'secret',
  'test',
])
