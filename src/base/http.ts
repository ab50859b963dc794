import type { Context as HonoContext } from 'hono'
import type { Context } from './context.ts'
import { Fault } from './fault.ts'
import { hasHalfCharacter, hasNullCharacter, isTooDeep } from './json.ts'

/** What every face finds in Hono's context: `c.get('ctx')`, made for this request by `main`. */
export interface Env {
  Variables: { ctx: Context; requestId: string }
  Bindings: { incoming?: { socket?: { remoteAddress?: string } } }
}

/** The largest body that any route reads, in bytes. */
export const bodyLimit = 1024 * 1024

/** Why a body could not be read; a face says it in its own words. */
export type BodyProblem = 'too-large' | 'not-utf8' | 'not-json' | 'null-character'

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** The body's text; throws `input_invalid` with `problem` when it is too large or no UTF-8. */
export async function readText(c: HonoContext): Promise<string> {
  const bytes = await readBytes(c)
  try {
    return utf8.decode(bytes)
  } catch {
    throw unreadable('not-utf8')
  }
}

/** Of a declared length, which Node holds the sender to, a body is read at once: half the work of a stream. */
async function readBytes(c: HonoContext): Promise<Uint8Array> {
  const declared = Number(c.req.header('content-length') ?? Number.NaN)
  if (declared > bodyLimit) throw unreadable('too-large')
  if (declared >= 0) {
    const bytes = new Uint8Array(await c.req.raw.arrayBuffer())
    if (bytes.byteLength > bodyLimit) throw unreadable('too-large')
    return bytes
  }
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of c.req.raw.body ?? []) {
    size += chunk.byteLength
    if (size > bodyLimit) throw unreadable('too-large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** The body as JSON. U+0000 and half of a surrogate pair are refused anywhere in it: Postgres can keep them in no text. */
export async function readJson(c: HonoContext): Promise<unknown> {
  const text = await readText(c)
  if (isTooDeep(text)) throw unreadable('not-json')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw unreadable('not-json')
  }
  if (text.includes('\\u0000') && hasNullCharacter(value)) throw unreadable('null-character')
  if (/\\u[dD][89a-fA-F]/.test(text) && hasHalfCharacter(value)) throw unreadable('not-json')
  return value
}

/** A form's fields, in order; repeated names stay repeated, as OAuth has to notice them. */
export async function readForm(c: HonoContext): Promise<URLSearchParams> {
  const text = await readText(c)
  const form = new URLSearchParams(text)
  if (!text.includes('%00') && !text.includes('\0')) return form
  for (const [name, value] of form) {
    if (name.includes('\0') || value.includes('\0')) throw unreadable('null-character')
  }
  return form
}

function unreadable(problem: BodyProblem): Fault {
  return new Fault('input_invalid', { problem })
}
