import type { RawBuilder } from 'kysely'
import type { Tx } from '../base/context.ts'
import { hmacSha256, sameSecret, secretOf, sha256 } from '../base/crypto.ts'
import { sql } from '../base/sql.ts'
import { sqlAfter, sqlNow } from './clock.ts'
import type { Issue } from './token-row.ts'
import { wideSecret } from './wide-secret.ts'

/** A refresh token: its family, whose row has this hash, and how often it has been exchanged. */
export interface RefreshValue {
  family: Buffer
  hash: Buffer
  generation: number
}

// 16 bytes of chance, 4 of generation, 12 of a mark by a key of ours: nobody makes the next generation themselves.
const familyLength = 16
const markedLength = familyLength + 4
const length = markedLength + 12

/** A family that nobody knows yet, at its first generation; `isWide` where its tokens may tell of roles or organizations. */
export function newFamily(ctx: Tx, isWide: boolean): RefreshValue {
  return refreshValue(wideSecret(ctx, familyLength, isWide), 0)
}

export function childOf({ family, hash, generation }: RefreshValue): RefreshValue {
  return { family, hash, generation: generation + 1 }
}

/** The token as a client gets it: 43 characters. */
export function writeRefreshValue(ctx: Tx, { family, generation }: RefreshValue): string {
  const bytes = Buffer.alloc(length)
  family.copy(bytes)
  bytes.writeUInt32BE(generation, familyLength)
  markOf(ctx, bytes.subarray(0, markedLength)).copy(bytes, markedLength)
  return bytes.toString('base64url')
}

/** Null for what we did not write, so that it costs no round trip. */
export function readRefreshValue(ctx: Tx, token: string): RefreshValue | null {
  const bytes = Buffer.from(token, 'base64url')
  if (bytes.length !== length || bytes.toString('base64url') !== token) return null
  const marked = bytes.subarray(0, markedLength)
  if (!sameSecret(bytes.subarray(markedLength), markOf(ctx, marked))) return null
  return refreshValue(bytes.subarray(0, familyLength), bytes.readUInt32BE(familyLength))
}

function refreshValue(family: Buffer, generation: number): RefreshValue {
  return { family, hash: sha256(family), generation }
}

function markOf(ctx: Tx, bytes: Uint8Array): Buffer {
  const mark = hmacSha256(secretOf(ctx.config).key('oidc-refresh'), bytes)
  return mark.subarray(0, length - markedLength)
}

/** The row of a family that begins with the rows of `from`. */
export function newRefreshToken(
  ctx: Tx,
  { value, from, issue }: { value: RefreshValue; from: string; issue: Issue },
): RawBuilder<unknown> {
  const bound = issue.bindsRefresh && issue.cnf !== null ? { jkt: issue.cnf.jkt } : {}
  return sql`
    insert into idp.tokens (hash, kind, grant_id, application_id, scope, details, created_at, good_until, expires_at)
    select ${value.hash}::bytea, 'refresh', grant_id, application_id, scope,
      token_details - 'redirectUri' - 'challenge' - 'nonce' - 'jkt' || ${JSON.stringify(bound)}::text::jsonb,
      ${sqlNow(ctx)}, ${sqlAfter(ctx, issue.refreshLifetime)}, ${stepOf(ctx, issue)} from ${sql.ref(from)}`
}

/** Until when a row is kept: a good eighth longer than it is good, so that most refreshes leave its index alone. */
export function stepOf(ctx: Tx, { refreshLifetime }: Issue): RawBuilder<Date> {
  return sqlAfter(ctx, refreshLifetime * 1.125)
}
