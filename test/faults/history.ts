import { createHash } from 'node:crypto'
import { createWriteStream, readFileSync } from 'node:fs'

// What the clients asked and were told, as lines of JSON: one when a request goes out, one when it is over.

/** What one request is about. */
export type Deed =
  | 'ask-code'
  | 'sign-up'
  | 'sign-up-anonymous'
  | 'verify-code'
  | 'sign-in'
  | 'make-link'
  | 'use-link'
  | 'refresh'
  | 'user'
  | 'me'
  | 'browser-sign-in'
  | 'code'
  | 'redeem'
  | 'revoke'
  | 'change-password'
  | 'enrol-factor'
  | 'challenge-factor'
  | 'verify-factor'
  | 'unenrol-factor'
  | 'ban'
  | 'lift-ban'
  | 'sign-out'

/** `info`: nobody knows whether it was done. */
export type Outcome = 'ok' | 'fail' | 'info'

export interface Operation {
  id: number
  deed: Deed
  /** Each person is one user, and goes by one name. */
  person: string
  /** Null for a deed of several requests, each of which may have met another node. */
  node: number | null
  /** `closing`: after all faults, to see what is left. */
  phase: 'run' | 'closing'
  /** Milliseconds of one clock that only goes forward. */
  start: number
  end: number
  outcome: Outcome
  /** Null where no answer came. */
  status: number | null
  /** The protocol's word for what went wrong, or ours: `refused`, `reset`, `timeout`. */
  code: string | null
  retryAfter: boolean
  /** The server's own number of the request. */
  request: string | null
  /** What was sent and what was given, as far as the checks need it; secrets as digests. */
  sent: Record<string, string>
  got: Record<string, string>
}

/** What was done to the system, and when. */
export interface Mark {
  at: number
  what: 'inject' | 'heal'
  fault: string
  /** Whom it befell; null for everybody. */
  node: number | null
  /** A node that was stopped cannot answer in time. */
  isFrozen: boolean
}

export interface History {
  operations: Operation[]
  marks: Mark[]
}

type Begun = Pick<Operation, 'id' | 'deed' | 'person' | 'node' | 'phase' | 'start' | 'sent'>
type Over = Omit<Operation, keyof Begun>
type Line =
  | { type: 'invoke'; begun: Begun }
  | { type: Outcome; id: number; over: Over }
  | { type: 'mark'; mark: Mark }

export interface Recorder {
  /** Notes that a request goes out; call what is returned when it is over. */
  begin(begun: Omit<Begun, 'id' | 'start' | 'phase'>): (over: Omit<Over, 'end'>) => Over
  mark(mark: Omit<Mark, 'at'>): void
  /** From now on, whatever begins is of the end. */
  close(): void
  /** Acknowledged so far. */
  acknowledged(): number
  counts(): Readonly<Record<Outcome, number>>
  end(): Promise<void>
}

export function openRecorder(file: string): Recorder {
  const stream = createWriteStream(file)
  const counts: Record<Outcome, number> = { ok: 0, fail: 0, info: 0 }
  let phase: Operation['phase'] = 'run'
  let id = 0
  const write = (line: Line) => void stream.write(`${JSON.stringify(line)}\n`)
  return {
    begin(started) {
      id += 1
      const begun = { id, phase, start: performance.now(), ...started }
      write({ type: 'invoke', begun })
      return (ended) => {
        const over = { end: performance.now(), ...ended }
        counts[over.outcome] += 1
        write({ type: over.outcome, id: begun.id, over })
        return over
      }
    },
    mark: (mark) => write({ type: 'mark', mark: { at: performance.now(), ...mark } }),
    close() {
      phase = 'closing'
    },
    acknowledged: () => counts.ok,
    counts: () => counts,
    end: () => new Promise((resolve) => stream.end(resolve)),
  }
}

/** A request that never ended is unknown, for ever. */
export function readHistory(file: string): History {
  const operations = new Map<number, Operation>()
  const marks: Mark[] = []
  for (const text of readFileSync(file, 'utf8').split('\n')) {
    if (text === '') continue
    const line: Line = JSON.parse(text)
    if (line.type === 'mark') marks.push(line.mark)
    else if (line.type === 'invoke') operations.set(line.begun.id, { ...line.begun, ...neverOver })
    else Object.assign(operations.get(line.id) ?? {}, line.over)
  }
  return { operations: [...operations.values()], marks }
}

const neverOver: Over = {
  end: Number.POSITIVE_INFINITY,
  outcome: 'info',
  status: null,
  code: null,
  retryAfter: false,
  request: null,
  got: {},
}

/** How a history names a secret: as the database keeps it, cut short. */
export function digest(secret: string): string {
  return createHash('sha256').update(secret).digest('hex').slice(0, 24)
}
