import { createCipheriv, scryptSync, timingSafeEqual } from 'node:crypto'

// Firebase's scrypt as GoTrue writes it down: the project's key and salt separator stand in every hash.
const form =
  /^\$fbscrypt\$v=1,n=(\d{1,2}),r=(\d{1,3}),p=(\d{1,2})(?:,ss=([A-Za-z0-9+/]+=*))?(?:,sk=([A-Za-z0-9+/]+=*))?\$([A-Za-z0-9+/]+=*)\$([A-Za-z0-9+/]+=*)$/

/** A hash may come from an import: its memory and work are bounded before any is used. */
const memoryLimit = 128 * 1024 * 1024

/** What scrypt is told; null for a hash of another form, or one that costs more than we give. */
export function firebaseScryptCost(hash: string): { N: number; r: number; p: number } | null {
  const [, memory, rounds, lanes] = form.exec(hash) ?? []
  const cost = { N: 2 ** Number(memory), r: Number(rounds), p: Number(lanes) }
  const isBearable =
    cost.N > 1 && cost.r > 0 && cost.p > 0 && cost.p <= 4 && 128 * cost.N * cost.r <= memoryLimit
  return isBearable ? cost : null
}

/** Whether the project's key, enciphered under what scrypt makes of the password, is the hash. */
export function firebaseScryptMatches(password: string, hash: string): boolean {
  const cost = firebaseScryptCost(hash)
  if (cost === null) return false
  const [separator = '', key = '', salt = '', wanted = ''] = form.exec(hash)?.slice(4) ?? []
  const salted = Buffer.concat([Buffer.from(salt, 'base64'), Buffer.from(separator, 'base64')])
  const derived = scryptSync(password, salted, 32, { ...cost, maxmem: 2 * memoryLimit })
  const cipher = createCipheriv('aes-256-ctr', derived, Buffer.alloc(16))
  const made = Buffer.concat([cipher.update(Buffer.from(key, 'base64')), cipher.final()])
  const expected = Buffer.from(wanted, 'base64')
  return made.length > 0 && made.length === expected.length && timingSafeEqual(made, expected)
}
