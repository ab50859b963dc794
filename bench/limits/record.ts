import { PGlite, type QueryOptions, type Results } from '@electric-sql/pglite'
import pg from 'pg'
import type { Operation } from '../load/load.ts'

/** One statement of an operation, its values as text; null where SQL says null. */
export interface Statement {
  text: string
  values: (string | null)[]
}

type Tell = (text: string, values: readonly unknown[]) => void

/** What one operation after the other says to its database. */
export async function record(
  operation: Operation,
  count: number,
  kind: 'postgres' | 'embedded',
): Promise<Statement[][]> {
  const recorded: Statement[][] = []
  let statements: Statement[] = []
  const listen = kind === 'postgres' ? listenToDriver : listenToPGlite
  const stop = listen((text, values) => {
    statements.push({ text, values: values.map(asText) })
  })
  try {
    for (let one = 0; one < count; one += 1) {
      statements = []
      const kind = await operation()
      if (kind !== 'success' && kind !== 'redirect') throw new Error(`A recording was ${kind}.`)
      recorded.push(statements)
    }
  } finally {
    stop()
  }
  return alike(recorded)
}

function listenToDriver(tell: Tell): () => void {
  const { query } = pg.Client.prototype
  // biome-ignore lint/suspicious/noExplicitAny: the driver's method has a dozen signatures.
  pg.Client.prototype.query = function (this: pg.Client, first: any, ...rest: any[]): any {
    const { text = first, values = rest[0] ?? [] } = first
    tell(text, values)
    return Reflect.apply(query, this, [first, ...rest])
  }
  return () => {
    pg.Client.prototype.query = query
  }
}

type Rest = [values?: unknown[], options?: QueryOptions]

function listenToPGlite(tell: Tell): () => void {
  const { query, transaction } = PGlite.prototype
  const listening = (send: PGlite['query']): PGlite['query'] => {
    return function <T>(this: unknown, text: string, ...rest: Rest): Promise<Results<T>> {
      tell(text, rest[0] ?? [])
      return send.call<unknown, [string, ...Rest], Promise<Results<T>>>(this, text, ...rest)
    }
  }
  PGlite.prototype.query = listening(query)
  PGlite.prototype.transaction = async function (this: PGlite, work) {
    tell('begin', [])
    const result = await transaction.call(this, (tx) => work({ ...tx, query: listening(tx.query) }))
    tell('commit', [])
    return result as Awaited<ReturnType<typeof work>>
  }
  return () => {
    Object.assign(PGlite.prototype, { query, transaction })
  }
}

/** Now and then a request reads settings or keys anew: what only some of them say is left out. */
function alike(recorded: Statement[][]): Statement[][] {
  const texts = recorded.map((statements) => statements.map(({ text }) => text))
  const shapes = new Map<string, number>()
  for (const one of texts) shapes.set(keyOf(one), (shapes.get(keyOf(one)) ?? 0) + 1)
  const [usual = ''] = [...shapes].sort(([, a], [, b]) => b - a)[0] ?? []
  const known = new Set(texts.find((one) => keyOf(one) === usual))
  return recorded.map((statements) => {
    const kept = statements.filter(({ text }) => known.has(text))
    if (keyOf(kept.map(({ text }) => text)) !== usual) {
      throw new Error('Requests of one kind do not say the same to the database.')
    }
    return kept
  })
}

function keyOf(texts: readonly string[]): string {
  return texts.join('\n;\n')
}

/** Our model hands all values over as text but for byte strings. */
function asText(value: unknown): string | null {
  if (value === null || value === undefined) return null
  if (Buffer.isBuffer(value)) return `\\x${value.toString('hex')}`
  if (typeof value === 'object') throw new Error('A value is no text.')
  return String(value)
}
