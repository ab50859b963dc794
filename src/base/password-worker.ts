import { platform, setPriority } from 'node:os'
import { parentPort } from 'node:worker_threads'
import { hashSync as argonHash, verifySync as argonVerify } from '@node-rs/argon2'
import { compareSync as bcryptVerify } from 'bcryptjs'
import { firebaseScryptMatches } from './firebase-scrypt.ts'
import { parameters } from './password-cost.ts'
import type { Outcome, PasswordAnswer, PasswordJob } from './password-pool.ts'

/** More of it would let any neighbour on the machine stop the sign-ins. */
const niceness = 5

stepBack()

parentPort?.on('message', (job: PasswordJob) => {
  const began = performance.now()
  const outcome = outcomeOf(job)
  const tookMs = performance.now() - began
  parentPort?.postMessage({ id: job.id, tookMs, ...outcome } satisfies PasswordAnswer)
})

function outcomeOf(job: PasswordJob): Outcome {
  try {
    if (job.kind === 'hash')
      return { hash: argonHash(job.password, { algorithm: 2, ...parameters }) }
    return { matches: matches(job.password, job.hash) }
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) }
  }
}

/** Of a form, and of a cost, that `costOf` knows. */
function matches(password: string, hash: string): boolean {
  if (hash.startsWith('$argon2')) return argonVerify(hash, password)
  if (hash.startsWith('$fbscrypt$')) return firebaseScryptMatches(password, hash)
  return bcryptVerify(password, hash)
}

/** Whoever refreshes does not wait for who signs in. On Linux the number 0 is this thread alone; elsewhere it is the process. */
function stepBack(): void {
  if (platform() === 'linux') setPriority(0, niceness)
}
