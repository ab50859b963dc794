import { setTimeout as pause } from 'node:timers/promises'
import { type Deed, digest, type Outcome, type Recorder } from '../history.ts'
import type { MailServer } from '../lab/mail.ts'
import type { Chance } from './chance.ts'
import type { Person } from './people.ts'
import type { Reply, Request, Wire } from './wire.ts'

/** What everybody's deeds need. */
export interface World {
  wire: Wire
  recorder: Recorder
  mail: MailServer
  serviceRoleKey: string
  origins: readonly string[]
  /** A node to ask: one that says it is ready and is another than `except`, or now and then any. */
  pick(chance: Chance, except?: number): number
  /** Whether nobody shall begin anything new. */
  isOver(): boolean
}

export type Answer = Extract<Reply, { kind: 'answer' }>

/** One request, what the history is to know of it, and how its answer is read. */
export interface Order<T> {
  deed: Deed
  person: Person
  node: number
  request: Request
  sent?: Record<string, string>
  /** Null for an answer that is no success after all. */
  read(answer: Answer): { value: T; got?: Record<string, string> } | null
}

export type Done<T> =
  | { outcome: 'ok'; value: T }
  | { outcome: 'fail' | 'info'; value: null; code: string | null; mayRetry: boolean }

/** Asks once, and writes down what came of it. */
export async function perform<T>(world: World, order: Order<T>): Promise<Done<T>> {
  const { deed, person, node, request, sent = {}, read } = order
  const over = world.recorder.begin({ deed, person: person.name, node, sent })
  const headers = { 'x-forwarded-for': person.address, ...request.headers }
  const reply = await world.wire.ask(node, { ...request, headers })
  if (reply.kind !== 'answer') {
    const outcome: Outcome = reply.kind === 'refused' ? 'fail' : 'info'
    const code = reply.kind === 'refused' ? 'refused' : reply.why
    over({ ...nothing, outcome, code })
    return { outcome, value: null, code, mayRetry: true }
  }
  const { status } = reply
  const told = {
    ...nothing,
    status,
    retryAfter: reply.header('retry-after') !== null,
    request: reply.header('x-request-id'),
  }
  const good = status < 400 ? read(reply) : null
  if (good !== null) {
    over({ ...told, outcome: 'ok', got: good.got ?? {} })
    return { outcome: 'ok', value: good.value }
  }
  // Whether an answer of this kind comes before or after the commit, only the server knows.
  const outcome = status >= 500 ? 'info' : 'fail'
  const code = codeOf(reply)
  over({ ...told, outcome, code })
  return { outcome, value: null, code, mayRetry: status >= 500 || status === 429 }
}

const nothing = { status: null, code: null, retryAfter: false, request: null, got: {} }

function codeOf({ text, header }: Answer): string | null {
  const location = header('location')
  if (location !== null) return new URL(location, 'http://nowhere').searchParams.get('error')
  const body = jsonOf(text)
  for (const name of ['error_code', 'error', 'code']) {
    const value = body[name]
    if (typeof value === 'string') return value
  }
  return null
}

export function jsonOf(text: string): Record<string, unknown> {
  try {
    const read: unknown = JSON.parse(text)
    return typeof read === 'object' && read !== null ? (read as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

/** Tries on other nodes while nobody said yes or no; what a careful client does. */
export async function insist<T>(
  world: World,
  chance: Chance,
  attempt: (node: number) => Promise<Done<T>>,
): Promise<Done<T>> {
  let done = await attempt(world.pick(chance))
  for (let tries = 1; tries < 60 && done.outcome !== 'ok' && done.mayRetry; tries += 1) {
    await pause(40 + 40 * Math.min(tries, 10) * chance.draw())
    if (world.isOver() && tries > 20) break
    done = await attempt(world.pick(chance))
  }
  return done
}

/** The history knows values by their digest. */
export function digests(values: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, digest(value)]))
}
