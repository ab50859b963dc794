import { type RawBuilder, sql } from 'kysely'

const half = (byte: string) => sql.lit(byte.repeat(32))

/** A column of 32 bytes in base64url as a key; null for what is none. */
function keyBits(column: RawBuilder<string | null>): RawBuilder<unknown> {
  return sql`case when ${column} ~ '^[A-Za-z0-9_-]{43}$' then
    ('x' || encode(decode(translate(${column}, '-_', '+/') || '=', 'base64'), 'hex'))::bit(256) end`
}

/**
 * HMAC-SHA256 (RFC 2104) by the database, for a statement that has to judge what was signed with a key of its own rows.
 * Null where the column holds no key.
 */
export function hmacSql(
  column: RawBuilder<string | null>,
  message: Uint8Array,
): RawBuilder<Buffer | null> {
  // Four bytes of length stand before the bits. Whatever the key leaves of the block of 64 bytes is filled up.
  const padded = (bits: string, byte: string) =>
    sql`substring(bit_send(k.bits # ${sql.lit(bits.repeat(32))}::bit(256)) from 5) || decode(${half(byte)}, 'hex')`
  return sql<Buffer | null>`(
    select sha256(${padded('01011100', '5c')} || sha256(${padded('00110110', '36')} || ${message}::bytea))
    from (select ${keyBits(column)} as bits offset 0) k)`
}
