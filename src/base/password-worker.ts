import { parentPort } from 'node:worker_threads'
import { hashSync as argonHash, verifySync as argonVerify } from '@node-rs/argon2'
import { compareSync as bcryptVerify } from 'bcryptjs'
import { firebaseScryptMatches, isFirebaseScrypt } from './firebase-scrypt.ts'
import type { PasswordAnswer, PasswordJob } from './password.ts'

// 2 is argon2id. OWASP's first choice: 19 MiB, two passes, one lane; 8–10 ms on one core.
const parameters = { algorithm: 2, memoryCost: 19_456, timeCost: 2, parallelism: 1 }

parentPort?.on('message', (job: PasswordJob) => {
  parentPort?.postMessage(answer(job) satisfies PasswordAnswer)
})

function answer(job: PasswordJob): PasswordAnswer {
  try {
    if (job.kind === 'hash') return { id: job.id, hash: argonHash(job.password, parameters) }
    return { id: job.id, matches: matches(job.password, job.hash) }
  } catch (error) {
    return { id: job.id, error: error instanceof Error ? error.message : String(error) }
  }
}

function matches(password: string, hash: string): boolean {
  if (/^\$argon2(id|i)\$/.test(hash)) return withinCeilings(hash) && argonVerify(hash, password)
  if (isFirebaseScrypt(hash)) return firebaseScryptMatches(password, hash)
  // The broken `$2x$` variant is refused; `$2y$` is PHP's name for `$2b$`.
  const bcrypt = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/.exec(hash)
  return bcrypt !== null && Number(bcrypt[1]) <= 14 && bcryptVerify(password, hash)
}

/** A hash may come from an import: its cost is bounded before any work is done. */
function withinCeilings(hash: string): boolean {
  const cost = (name: string) =>
    Number(new RegExp(`[$,]${name}=(\\d+)`).exec(hash)?.[1] ?? Number.NaN)
  return cost('m') <= 131_072 && cost('t') <= 16 && cost('p') <= 8
}
