import { Worker } from 'node:worker_threads'
import { Fault } from './fault.ts'
import { isFirebaseScrypt } from './firebase-scrypt.ts'

export type PasswordJob =
  | { id: number; kind: 'hash'; password: string }
  | { id: number; kind: 'verify'; password: string; hash: string }

export type PasswordAnswer =
  | { id: number; hash: string }
  | { id: number; matches: boolean }
  | { id: number; error: string }

/** Beyond this many waiting jobs (about a second of work) a sign-in is refused, so that a flood cannot pile up. */
const queueLimit = 128

/**
 * One worker thread hashes for the whole process, one job at a time: more at once is slower (measured), and libuv's
 * shared pool would starve every signature. Started with the first password, it does not keep the process alive.
 */
let worker: Worker | null = null
const waiting = new Map<
  number,
  { resolve(answer: PasswordAnswer): void; reject(error: Error): void }
>()
let nextId = 1

function startedWorker(): Worker {
  if (worker !== null) return worker
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const started = new Worker(new URL(`./password-worker.${extension}`, import.meta.url))
  started.unref()
  started.on('message', (answer: PasswordAnswer) => {
    waiting.get(answer.id)?.resolve(answer)
    waiting.delete(answer.id)
    if (waiting.size === 0) started.unref()
  })
  started.on('error', (error) => {
    worker = null
    for (const { reject } of waiting.values()) reject(error)
    waiting.clear()
  })
  worker = started
  return started
}

type Work = { kind: 'hash'; password: string } | { kind: 'verify'; password: string; hash: string }

async function ask(work: Work): Promise<PasswordAnswer> {
  if (waiting.size >= queueLimit) throw new Fault('overloaded', { retryAfterSeconds: 1 })
  const thread = startedWorker()
  thread.ref()
  const id = nextId++
  const answer = await new Promise<PasswordAnswer>((resolve, reject) => {
    waiting.set(id, { resolve, reject })
    thread.postMessage({ id, ...work } satisfies PasswordJob)
  })
  if ('error' in answer) throw new Error(`The password worker failed: ${answer.error}`)
  return answer
}

/** An argon2id hash in PHC form, salted. Throws `overloaded` when too many wait. */
export async function hashPassword(password: string): Promise<string> {
  const answer = await ask({ kind: 'hash', password })
  if (!('hash' in answer)) throw new Error('The password worker gave no hash.')
  return answer.hash
}

/**
 * Whether the password is the one that was hashed (argon2id, argon2i, bcrypt, Firebase's scrypt). Without a hash it costs as
 * much time and answers false, so that an unknown account looks like a wrong password.
 */
export async function passwordMatches(password: string, hash: string | null): Promise<boolean> {
  const answer = await ask({ kind: 'verify', password, hash: hash || decoy })
  return 'matches' in answer && answer.matches && Boolean(hash)
}

/** Whether a hash should be replaced at the next sign-in: it was made by another scheme or with other costs. */
export function isOutdated(hash: string): boolean {
  return !/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/.test(hash)
}

/** Whether we can verify a hash of this form at all. */
export function isKnownHash(hash: string): boolean {
  return (
    /^\$argon2(id|i)\$v=\d+\$/.test(hash) ||
    /^\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$/.test(hash) ||
    isFirebaseScrypt(hash)
  )
}

// An argon2id hash of a random value that nobody knows, with the current parameters.
const decoy =
  '$argon2id$v=19$m=19456,t=2,p=1$Y2hlY2twb2ludHNvZm9sZA$gbeoeXEpF+YFlxoaxpOlbFGXGJDZfyNmRLBKe0+1/OM'
