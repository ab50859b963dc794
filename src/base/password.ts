import { availableParallelism } from 'node:os'
import { networkOf } from './client-ip.ts'
import type { Tx } from './context.ts'
import { costOf, parameters } from './password-cost.ts'
import { createPool, type Outcome, type PoolFigures, type Work } from './password-pool.ts'

/** Who wants to know: clients take turns, and nothing is hashed for one who is gone. */
export type Asker = Pick<Tx, 'client'>

/**
 * One pool for the whole process, with a core left for everything else: more hashes at once than cores are slower (measured),
 * and libuv's shared pool would starve every signature.
 */
const pool = createPool({
  program: new URL(
    `./password-worker.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`,
    import.meta.url,
  ),
  size: Math.max(1, availableParallelism() - 1),
})

/** An argon2id hash in PHC form, salted. Throws `overloaded` when too many wait. */
export async function hashPassword(asker: Asker, password: string): Promise<string> {
  const outcome = await ask(asker, { kind: 'hash', password }, 1)
  if (!('hash' in outcome)) throw new Error('The password worker gave no hash.')
  return outcome.hash
}

/**
 * Whether the password is the one that was hashed (argon2id, argon2i, bcrypt, Firebase's scrypt). Without a hash it costs as
 * much time and answers false, so that an unknown account looks like a wrong password. Throws `overloaded` when too many wait.
 */
export async function passwordMatches(
  asker: Asker,
  password: string,
  hash: string | null,
): Promise<boolean> {
  const cost = costOf(hash || decoy)
  const known = cost === null ? decoy : hash || decoy
  const outcome = await ask(asker, { kind: 'verify', password, hash: known }, cost ?? 1)
  return 'matches' in outcome && outcome.matches && known === hash
}

/** Throws `overloaded` where a password would be refused anyway: before anything else is done for it. */
export function refuseWhenHashingIsBusy({ client }: Asker): void {
  pool.refuseWhenBusy(networkOf(client.ip), 1)
}

async function ask({ client }: Asker, work: Work, cost: number): Promise<Outcome> {
  const outcome = await pool.run({ work, key: networkOf(client.ip), cost, client })
  if ('error' in outcome) throw new Error(`The password worker failed: ${outcome.error}`)
  return outcome
}

/** Whether a hash should be replaced at the next sign-in: it was made by another scheme or with other costs. */
export function isOutdated(hash: string): boolean {
  const { memoryCost, timeCost, parallelism } = parameters
  return !hash.startsWith(`$argon2id$v=19$m=${memoryCost},t=${timeCost},p=${parallelism}$`)
}

/** Whether we can verify a hash of this form, and would: what costs too much is never tried. */
export function isKnownHash(hash: string): boolean {
  return costOf(hash) !== null
}

/** What waits and what was refused, for the metrics. */
export function passwordQueue(): PoolFigures {
  return pool.figures()
}

// An argon2id hash of a random value that nobody knows, with the current parameters.
const decoy =
  '$argon2id$v=19$m=19456,t=2,p=1$Y2hlY2twb2ludHNvZm9sZA$gbeoeXEpF+YFlxoaxpOlbFGXGJDZfyNmRLBKe0+1/OM'
