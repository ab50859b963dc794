import { networkOf } from '../base/client-ip.ts'
import type { Context } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { hasHalfCharacter, isTooDeep } from '../base/json.ts'
import { askOutside } from '../base/outgoing.ts'
import { day, minute, second } from '../base/time.ts'
import { type Application, findApplication } from '../model/application.ts'
import { readIntroduction } from '../model/client-metadata.ts'
import { take } from '../model/limit.ts'
import { documentFreshUntil, saveDocument } from '../model/registration.ts'
import { refusing, understood } from './register-client.ts'

/** As the draft has it: a document that says what an application is needs no more. */
const largest = 5 * 1024
const patience = 5 * second
/** For how long a document counts as read: what it says of itself by Cache-Control, within these bounds. */
const shortest = 1 * minute
const longest = 1 * day
const usual = 10 * minute
/** How many documents one address of a client may have us read. */
const readings = { limit: 30, window: 10 * minute }

/** Whether an id is the address of a document, rather than a name that we gave. */
export function isDocumentAddress(id: string): boolean {
  return /^https?:\/\//i.test(id)
}

/**
 * To be called before an application is looked for, where an authorization begins: reads its document, if its id is the
 * address of one (OAuth Client ID Metadata Document), unless it was read a short while ago. What it says is kept as an
 * application of somebody else. Throws `invalid_client`, `invalid_client_metadata`, `invalid_redirect_uri`.
 */
export async function meetApplication(ctx: Context, id: string | null): Promise<void> {
  if (id === null || !isDocumentAddress(id)) return
  if (!ctx.config.clientDocuments) throw new Fault('invalid_client', { problem: 'unknown' })
  checkAddress(ctx, id)
  const known = await findApplication(ctx, id)
  if (known !== null && (await isFresh(ctx, known))) return
  const taken = await take(ctx, `client-document:${networkOf(ctx.client.ip)}`, readings)
  if (!taken.allowed) throw new Fault('over_request_rate_limit', { retryAfter: taken.retryAfter })
  await readDocument(ctx, id)
}

async function isFresh(ctx: Context, { id }: Application): Promise<boolean> {
  const until = await documentFreshUntil(ctx, id)
  return until !== null && until > ctx.now()
}

/** One spelling per address, and none that two parsers read differently. */
function checkAddress({ config }: Context, id: string): void {
  const url = URL.canParse(id) ? new URL(id) : null
  if (url === null || url.href !== id || id.length > 512) throw wrong('must be a plain address')
  const isInside = config.mode === 'dev' || config.privateHosts.includes(url.hostname)
  if (url.protocol !== 'https:' && !isInside) throw wrong('must begin with https://')
  if (url.pathname === '/') throw wrong('must have a path')
  if (url.username !== '' || url.password !== '' || id.includes('#')) {
    throw wrong('must not have a user name or a fragment')
  }
}

async function readDocument(ctx: Context, id: string): Promise<void> {
  const answer = await askOutside(ctx, id, {
    headers: { accept: 'application/json' },
    timeout: patience,
    limit: largest,
  })
  if (answer.outcome !== 'answered') {
    ctx.log.warn({ address: id, outcome: answer.outcome }, 'A client’s document cannot be read.')
    throw wrong(`names a document that cannot be read (${answer.outcome})`)
  }
  const { status, headers, text } = answer
  if (status !== 200) throw wrong(`names a document that was answered with ${status}`)
  if (!/^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i.test(headers.get('content-type') ?? '')) {
    throw wrong('names a document that is not application/json')
  }
  const introduction = understood(readIntroduction(documentOf(id, text), readingAt(id)))
  if (!['none', 'private_key_jwt'].includes(introduction.method)) {
    throw wrong('names a document with a secret to be shared, which is none')
  }
  await refusing(() => saveDocument(ctx, id, introduction, freshness(headers.get('cache-control'))))
}

/** There is nobody to share a secret with: who names no key proves nothing. */
const readingAt = (id: string) => ({ fallback: 'none', home: new URL(id).host }) as const

function documentOf(id: string, text: string): Record<string, unknown> {
  if (isTooDeep(text)) throw wrong('names a document of too many levels')
  const document = parsed(text)
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    throw wrong('names a document that is no JSON object')
  }
  if (text.includes('\\u0000')) throw wrong('names a document with U+0000')
  if (hasHalfCharacter(document)) throw wrong('names a document with half of a character')
  const said = new Map(Object.entries(document))
  if (said.get('client_id') !== id) throw wrong('names a document with another client_id')
  if (said.has('client_secret') || said.has('client_secret_expires_at')) {
    throw wrong('names a document with a secret, which is none')
  }
  return Object.fromEntries(said)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** RFC 9111 § 5.2.2, as far as we care. */
function freshness(header: string | null): number {
  if (header === null) return usual
  if (/\bno-(?:store|cache)\b/i.test(header)) return shortest
  const [, seconds] =
    /\bs-maxage="?(\d{1,9})/i.exec(header) ?? /\bmax-age="?(\d{1,9})/i.exec(header) ?? []
  if (seconds === undefined) return usual
  return Math.min(longest, Math.max(shortest, Number(seconds) * second))
}

function wrong(problem: string): Fault {
  return new Fault('invalid_client_metadata', { field: 'client_id', problem })
}
