import type { RawBuilder } from 'kysely'
import { sql } from '../base/sql.ts'

/** A column of 32 bytes in base64url as a key; null for what is none. */
function keyBits(column: RawBuilder<string | null>): RawBuilder<unknown> {
  return sql`case when ${column} ~ '^[A-Za-z0-9_-]{43}$' then
    ('x' || encode(decode(translate(${column}, '-_', '+/') || '=', 'base64'), 'hex'))::bit(256) end`
}

/** Four bytes of length stand before the bits. Whatever the key leaves of the block of 64 bytes is filled up. */
function padded(byte: '36' | '5c'): RawBuilder<unknown> {
  const bits = Number.parseInt(byte, 16).toString(2).padStart(8, '0')
  return sql.raw(`substring(bit_send(k.bits # '${bits.repeat(32)}'::bit(256)) from 5)
    || decode('${byte.repeat(32)}', 'hex')`)
}

const inner = padded('36')
const outer = padded('5c')

/**
 * HMAC-SHA256 (RFC 2104) by the database, for a statement that has to judge what was signed with a key of its own rows.
 * Null where the column holds no key.
 */
export function hmacSql(
  column: RawBuilder<string | null>,
  message: Uint8Array,
): RawBuilder<Buffer | null> {
  return sql<Buffer | null>`(
    select sha256(${outer} || sha256(${inner} || ${message}::bytea))
    from (select ${keyBits(column)} as bits offset 0) k)`
}
