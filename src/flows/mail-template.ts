import type { Cache } from '../base/cache.ts'
import type { Context } from '../base/context.ts'
import { type Kind, renderTemplate, TemplateError, type Value } from '../base/go-template.ts'
import { second } from '../base/time.ts'
import type { MessageContent } from '../connectors/index.ts'
import type { Letter, Notice } from './letters.ts'

/** What a template may say: GoTrue's names, such as `ConfirmationURL`. */
export type Variables = Readonly<Record<string, Value>>

/** By this name templates are fetched; our own pages are no templates, so we refuse ourselves. */
export const templateReader = 'sekisho-mail-templates'

/** The mail as the operator's templates say it; where there is none, or it cannot be read, as we do. */
export async function written(
  ctx: Context,
  letter: Letter | Notice,
  { variables, ours }: { variables: Variables; ours: MessageContent },
): Promise<MessageContent> {
  const { subject, template } = settingsOf(ctx, letter)
  const source = template === null ? null : await sourceOf(ctx, template)
  const html = source === null ? null : rendered(ctx, letter, { source, variables, kind: 'html' })
  const line =
    subject === null
      ? null
      : rendered(ctx, letter, { source: subject, variables, kind: 'text' })?.slice(0, 998)
  return {
    ...(html === null ? ours : { html }),
    subject: line ? oneLine(line) : ours.subject,
  }
}

function settingsOf(ctx: Context, letter: Letter | Notice) {
  const name = `${letter[0]?.toUpperCase()}${letter.slice(1)}` as Capitalize<Letter | Notice>
  const { gotrue } = ctx.config
  return { subject: gotrue[`subject${name}`], template: gotrue[`template${name}`] }
}

function rendered(
  ctx: Context,
  letter: Letter | Notice,
  { source, variables, kind }: { source: string; variables: Variables; kind: Kind },
): string | null {
  try {
    return renderTemplate(source, variables, kind)
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error
    ctx.log.warn({ letter, kind, why: error.message }, 'A mail template cannot be used.')
    return null
  }
}

/** A name with a line break in it must not become a second header field. */
function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is taken out.
  return text.replace(/[\u0000-\u001f\u007f\u0085\u2028\u2029]+/g, ' ').trim()
}

interface Fetched {
  source: string | null
  fetchedAt: number
  triedAt: number
}

/** What each node has fetched. */
const fetched = new WeakMap<Cache, Map<string, Fetched>>()

/** The template itself, or what is at its address; null where that cannot be had now. */
async function sourceOf(ctx: Context, template: string): Promise<string | null> {
  const url = addressOf(ctx, template)
  if (url === null) return template
  const { templateMaxAge, templateRetryInterval } = ctx.config.gotrue
  const known = fetched.get(ctx.cache) ?? new Map<string, Fetched>()
  fetched.set(ctx.cache, known)
  const now = ctx.now().getTime()
  const found = known.get(url)
  if (found?.source != null && now - found.fetchedAt < templateMaxAge) return found.source
  if (found !== undefined && now - found.triedAt < templateRetryInterval) return found.source
  const source = await fetchSource(ctx, url)
  const last = found ?? { source: null, fetchedAt: 0 }
  known.set(url, { ...(source === null ? last : { source, fetchedAt: now }), triedAt: now })
  // An old one is better than ours, which nobody expects.
  return source ?? last.source
}

/** A URL, or a path below the site; null for a template that stands in the variable itself. */
function addressOf(ctx: Context, template: string): string | null {
  if (/^https?:\/\//i.test(template)) return template
  if (/[{<\s]/.test(template)) return null
  const site = ctx.config.gotrue.siteUrl
  return URL.canParse(template, site) ? new URL(template, site).href : null
}

async function fetchSource(ctx: Context, url: string): Promise<string | null> {
  try {
    const answer = await ctx.fetch(url, {
      headers: { 'user-agent': templateReader, accept: 'text/html, text/plain' },
      signal: AbortSignal.timeout(10 * second),
    })
    if (answer.status !== 200) throw new Error(`it was answered with ${answer.status}`)
    return await bounded(answer, ctx.config.gotrue.templateMaxSize)
  } catch (error) {
    const why = error instanceof Error ? error.message : 'unknown'
    ctx.log.warn({ url: new URL(url).origin, why }, 'A mail template could not be fetched.')
    return null
  }
}

async function bounded(answer: Response, largest: number): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of answer.body ?? []) {
    size += chunk.byteLength
    if (size > largest) throw new Error('it is too large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
