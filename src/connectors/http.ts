import { z } from 'zod'
import type { failuresOf } from './failure.ts'
import { patience } from './failure.ts'

/** One of a provider's own origins, or a server on this machine, so that tests and a local relay can stand in. */
export function endpointOf(...origins: readonly [string, ...string[]]): z.ZodType<string> {
  return z.string().refine(
    (text) => {
      const url = URL.parse(text)
      if (!url || url.href !== `${url.origin}/`) return false
      const isLoopback = ['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname)
      return origins.includes(url.origin) || (url.protocol === 'http:' && isLoopback)
    },
    `must be ${origins.join(' or ')}`,
  )
}

/** The header of RFC 7617. */
export function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
}

export interface Form {
  url: URL
  authorization?: string
  fields: Record<string, string> | string[][]
}

/** Posts a form, within the time that a provider has. A redirect would carry the key and the code to another host. */
export async function postForm(
  fetch: typeof globalThis.fetch,
  failed: ReturnType<typeof failuresOf>,
  { url, authorization, fields }: Form,
): Promise<Response> {
  const signal = AbortSignal.timeout(patience)
  try {
    return await fetch(url, {
      method: 'POST',
      headers: {
        ...(authorization === undefined ? {} : { authorization }),
        'content-type': 'application/x-www-form-urlencoded',
        'user-agent': 'Sekisho',
      },
      body: new URLSearchParams(fields).toString(),
      redirect: 'manual',
      signal,
    })
  } catch (error) {
    if (signal.aborted) throw failed('timeout')
    const cause = networkCause(error)
    throw failed('unreachable', cause ? { cause } : {})
  }
}

function networkCause(error: unknown): string | undefined {
  const cause = error instanceof Error ? error.cause : undefined
  if (typeof cause !== 'object' || cause === null || !('code' in cause)) return undefined
  return typeof cause.code === 'string' ? cause.code : undefined
}

/** The answer's body as `schema` reads it; null for anything else. */
export async function readAnswer<Schema extends z.ZodType>(
  response: Response,
  schema: Schema,
): Promise<z.output<Schema> | null> {
  const body = await response.json().catch(() => null)
  const parsed = schema.safeParse(body)
  return parsed.success ? parsed.data : null
}
