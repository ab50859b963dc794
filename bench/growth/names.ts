import { createHash, createHmac } from 'node:crypto'
import type { Context } from '../../src/base/context.ts'
import { writeRefreshValue } from '../../src/model/refresh-value.ts'

// What the seeder derives in SQL (rows.ts), derived again here: so requests can be made as any of the seeded users.

/** What everybody's password is. */
export const password = 'correct horse battery'
export const shop = { id: 'shop', secret: 'the-secret-of-the-shop' }
export const callback = 'https://shop.example.com/callback'

export const emailOf = (user: number) => `user-${user}@mail-${user % 500}.example.com`
export const usernameOf = (user: number) => `user_${user}`
export const userIdOf = (user: number) => uuidOf(`user ${user}`)
export const sessionIdOf = (user: number, session = 0) => uuidOf(`session ${user}/${session}`)
const grantIdOf = (user: number) => uuidOf(`grant ${user}/0/0`)
export const organizationOf = (user: number) => `org-${user % 97}`

/** What carries a user's first session: `user % 3` says which of the three. */
export type Carrier = 'counted' | 'rows' | 'browser'
export const carrierOf = (user: number): Carrier =>
  (['counted', 'rows', 'browser'] as const)[user % 3] ?? 'counted'

/** The user's cookie of the hosted pages. */
export const cookieOf = (user: number) => `cookie-${user}/0`

/** The user's refresh token at the shop: the server's secret marks it. */
export function refreshTokenOf(ctx: Context, user: number): string {
  const grantId = grantIdOf(user)
  return writeRefreshValue(ctx, { grantId, generation: user % 5, isWide: false })
}

/** GoTrue's refresh token of the first kind. */
export function rowTokenOf(user: number, generation = user % 4): string {
  const hash = createHash('sha256').update(`row ${user}/0/${generation}`).digest('base64')
  const plain = { '+': 'a', '/': 'b', '=': 'c' } as const
  return hash
    .toLowerCase()
    .replace(/[+/=]/g, (sign) => plain[sign as keyof typeof plain])
    .slice(0, 12)
}

/** And of the second: version, session, count, their mark by the session's key, and a sum. */
export function countedTokenOf(user: number): string {
  const key = createHash('sha256').update(`key ${user}/0`).digest()
  const id = Buffer.from(sessionIdOf(user).replaceAll('-', ''), 'hex')
  const signed = Buffer.concat([Buffer.of(0), id, Buffer.of(user % 50)])
  const mark = createHmac('sha256', key).update(signed).digest().subarray(0, 16)
  const marked = Buffer.concat([signed, mark])
  const sum = createHash('sha256').update(marked).digest().subarray(0, 4)
  return Buffer.concat([marked, sum]).toString('base64url')
}

function uuidOf(name: string): string {
  const hex = createHash('md5').update(name).digest('hex')
  const parts = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `4${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
  ]
  return [...parts, hex.slice(20)].join('-')
}
