import { firebaseScryptCost } from './firebase-scrypt.ts'

/** argon2id of new hashes. OWASP's first choice: 19 MiB, two passes, one lane; 8–10 ms on one core. */
export const parameters = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }

/**
 * What it costs to verify a hash, in hashes of ours; null for one that we do not even try. A hash may come from an import:
 * its cost is bounded before any work is done, and in the queue it weighs what it costs.
 */
export function costOf(hash: string): number | null {
  return argonCost(hash) ?? bcryptCost(hash) ?? firebaseCost(hash)
}

const argonForm =
  /^\$argon2(?:id|i)\$v=(?:16|19)\$((?:[mtp]=\d{1,7},){2}[mtp]=\d{1,7})\$([A-Za-z0-9+/]{11,64})\$([A-Za-z0-9+/]{16,86})$/

function argonCost(hash: string): number | null {
  const [, written = '', salt = '', tag = ''] = argonForm.exec(hash) ?? []
  if (!(isBase64(salt) && isBase64(tag))) return null
  // The order differs between libraries.
  const costs = new Map(written.split(',').map((cost) => [cost[0], Number(cost.slice(2))]))
  const [memory = 0, passes = 0, lanes = 0] = ['m', 't', 'p'].map((name) => costs.get(name))
  const isBearable = memory <= 131_072 && passes <= 16 && lanes <= 8
  if (!isBearable || passes < 1 || lanes < 1 || memory < 8 * lanes) return null
  return (memory * passes) / (parameters.memoryCost * parameters.timeCost)
}

/** The library throws on what encodes nothing, and on bits that are left over. */
function isBase64(text: string): boolean {
  return Buffer.from(text, 'base64').toString('base64').replace(/=+$/, '') === text
}

/** The broken `$2x$` variant is refused; `$2y$` is PHP's name for `$2b$`. */
function bcryptCost(hash: string): number | null {
  const rounds = Number(/^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/.exec(hash)?.[1] ?? Number.NaN)
  return rounds >= 4 && rounds <= 14 ? 10 * 2 ** (rounds - 10) : null
}

function firebaseCost(hash: string): number | null {
  const cost = firebaseScryptCost(hash)
  return cost === null ? null : (4.5 * (cost.N * cost.r * cost.p)) / (2 ** 14 * 8)
}
