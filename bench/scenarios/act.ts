import type { Answer, Asked, Client } from '../load/client.ts'
import { type Kind, kindOf, type Operation } from '../load/load.ts'

/** Asks a server, or the app within this process. */
export type Ask = (asked: Asked) => Promise<Answer>

/** What is done again and again. */
export interface Act {
  operation: Operation
  /** Makes so many of what an operation uses up. Absent where nothing is. */
  restock?(count: number): Promise<void>
  /** So many at a time are enough to keep its server busy, where more would only wait for seconds. */
  atOnce?: number
}

export type Prepare = (ask: Ask) => Promise<Act>

/** What became of an operation whose answer should have this status; a good answer of another sort is a wrong one. */
export function checked(answer: Answer, status: number, isRight = true): Kind {
  const kind = kindOf(answer)
  if (answer.status === status && isRight) return kind
  if (answer.status >= 400) return kind
  throw new Error(`${answer.status} ${answer.text.slice(0, 300)}`)
}

/** For what must succeed before anything can be measured. */
export async function must(answering: Promise<Answer>, status: number): Promise<Answer> {
  const answer = await answering
  if (answer.status === status) return answer
  throw new Error(`Not ${status} but ${answer.status}: ${answer.text.slice(0, 300)}`)
}

export function askOver(client: Client): Ask {
  return (asked) => client.ask(asked)
}

interface Page {
  request(path: string, init: RequestInit): Response | Promise<Response>
}

export function askWithin(page: Page): Ask {
  return async ({ path, method, headers, body }) => {
    const answer = await page.request(path, {
      ...{ method, headers: headers ?? {} },
      ...(body !== undefined && { body }),
    })
    return {
      status: answer.status,
      text: await answer.text(),
      header: (name) => answer.headers.get(name),
      headers: (name) =>
        name === 'set-cookie'
          ? answer.headers.getSetCookie()
          : [answer.headers.get(name) ?? []].flat(),
    }
  }
}

/** Does it so many times, eight at once. */
export async function times(count: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0
  const worker = async () => {
    for (let index = next++; index < count; index = next++) await work(index)
  }
  await Promise.all(Array.from({ length: 8 }, worker))
}

export const json = { 'content-type': 'application/json' }
export const form = { 'content-type': 'application/x-www-form-urlencoded' }

/** Nobody's flood: as proxies do, each request names another client, so that limits by address count for none. */
export function someClient(index: number): Record<string, string> {
  const [b, c, d] = [(index >> 16) & 255, (index >> 8) & 255, index & 255]
  return { 'x-forwarded-for': `10.${b}.${c}.${d}` }
}

/** Things that one at a time may use, and gives back. Who finds none waits: its latency says for how long. */
export interface Row<Item> {
  take(): Promise<Item>
  put(item: Item): void
  readonly length: number
}

export function createRow<Item>(items: readonly Item[] = []): Row<Item> {
  const free = [...items]
  const waiting: ((item: Item) => void)[] = []
  let length = free.length
  let lent = 0
  return {
    take() {
      lent += 1
      const item = free.shift()
      return item === undefined
        ? new Promise((resolve) => waiting.push(resolve))
        : Promise.resolve(item)
    },
    put(item) {
      if (lent > 0) lent -= 1
      else length += 1
      const next = waiting.shift()
      if (next === undefined) free.push(item)
      else next(item)
    },
    get length() {
      return length
    },
  }
}
