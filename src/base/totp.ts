import { Secret, TOTP } from 'otpauth'
import { second } from './time.ts'

/** Codes of an authenticator app (RFC 6238): SHA-1, six digits, thirty seconds, as every app takes them. */
const shape = { algorithm: 'SHA1', digits: 6, period: 30 } as const

/** How many steps a code may come early or late: clocks differ, and people type slowly. */
const skew = 1

/** The secret as people type it: base32 without padding. */
export function totpSecret(bytes: Uint8Array): string {
  return new Secret({ buffer: new Uint8Array(bytes).buffer }).base32
}

/** What an app reads from the QR code. */
export function totpUri({
  secret,
  issuer,
  account,
}: {
  secret: string
  issuer: string
  account: string
}): string {
  const query = [
    `algorithm=${shape.algorithm}`,
    `digits=${shape.digits}`,
    `issuer=${encodeURIComponent(issuer)}`,
    `period=${shape.period}`,
    `secret=${secret}`,
  ]
  return `otpauth://totp/${inPath(issuer)}:${inPath(account)}?${query.join('&')}`
}

/** As Go escapes a path: `localhost:3000:ann@example.com` stays as it is. */
function inPath(text: string): string {
  return encodeURIComponent(text).replaceAll('%40', '@').replaceAll('%3A', ':')
}

/** The step that a code belongs to, or null where it is wrong; a step may be accepted once. */
export function totpStep(secret: string, code: string, now: Date): number | null {
  const token = code.trim()
  if (!/^\d{6}$/.test(token)) return null
  const totp = new TOTP({ ...shape, secret: Secret.fromBase32(secret) })
  const delta = totp.validate({ token, timestamp: now.getTime(), window: skew })
  return delta === null ? null : Math.floor(now.getTime() / (shape.period * second)) + delta
}
