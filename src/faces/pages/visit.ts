import type { Context as HonoContext } from 'hono'
import { getCookie, setCookie } from 'hono/cookie'
import type { Context } from '../../base/context.ts'
import { browserCookies } from '../../base/cookies.ts'
import type { Env } from '../../base/http.ts'
import { day } from '../../base/time.ts'
import { policyOf, type SignInPolicy } from '../../flows/sign-in-policy.ts'
import { type Application, findApplication } from '../../model/application.ts'
import {
  findInteraction,
  findLastInteraction,
  type Interaction,
  renewInteraction,
} from '../../model/interaction.ts'
import { findSettings, type SignInExperience, signInExperience } from '../../model/settings.ts'
import { negotiate } from '../../words/words.ts'
import { brandOf } from './brand.ts'
import { securityHeaders } from './headers.ts'
import { type Frame, type Html, href } from './layout.ts'

export type Page = HonoContext<Env>

/** Somebody at one of our pages: what they are doing, and how to speak to them. */
export interface Visit {
  c: Page
  ctx: Context
  frame: Frame
  policy: SignInPolicy
  /** Null where no sign-in is under way, or it has ended. */
  interaction: Interaction | null
  /** The page stood open so long that its sign-in began again. */
  isRenewed: boolean
  /** The flow cookie as it came. */
  browser: string | null
}

/** Finds out who comes: `flow` is the id that the page's link or form named. */
export async function visit(c: Page, flow: string | null): Promise<Visit> {
  const ctx = c.get('ctx')
  const cookies = browserCookies(ctx.config)
  const browser = getCookie(c, cookies.flow) ?? null
  const found = await findVisited(ctx, flow, browser)
  const settings = await findSettings(ctx, 'sign-in-experience')
  const { interaction } = found
  const application = interaction?.applicationId
    ? await findApplication(ctx, interaction.applicationId)
    : null
  return { c, ctx, ...found, browser, ...framed(c, { interaction, application, settings }) }
}

/** The same where the database cannot be asked: in the visitor's own language, without the house's colours. */
export function visitUnasked(c: Page): Visit {
  const ctx = c.get('ctx')
  const settings = signInExperience.parse({})
  return {
    c,
    ctx,
    interaction: null,
    isRenewed: false,
    browser: getCookie(c, browserCookies(ctx.config).flow) ?? null,
    ...framed(c, { interaction: null, application: null, settings }),
  }
}

function framed(
  c: Page,
  found: {
    interaction: Interaction | null
    application: Application | null
    settings: SignInExperience
  },
): Pick<Visit, 'frame' | 'policy'> {
  const { interaction, application, settings } = found
  const { languageInfo } = settings
  const words = negotiate({
    chosen: chosenLanguage(c),
    uiLocales: stringOf(interaction?.request.ui_locales) ?? c.req.query('ui_locales'),
    acceptLanguage: languageInfo.autoDetect ? c.req.header('accept-language') : null,
    fallback: languageInfo.fallbackLanguage,
  })
  return {
    policy: policyOf(settings),
    frame: {
      words,
      brand: brandOf(settings),
      app: application === null ? null : { name: application.name },
      flow: interaction?.id ?? null,
      path: c.req.path,
    },
  }
}

/** Where a page leads in the end, beside the application of the sign-in, and what it shows from elsewhere. */
export interface Leading {
  returnsTo?: string | null
  handsOver?: boolean
  /** Addresses of pictures on it. */
  images?: readonly (string | undefined)[]
}

/** Answers with a page, and with all the headers that a page has to have. */
export function show(
  { c, ctx, frame, interaction }: Visit,
  page: Html,
  status: 200 | 400 | 403 | 404 | 422 | 429 | 500 | 502 | 503 = 200,
  { returnsTo = null, handsOver = false, images = [] }: Leading = {},
): Response | Promise<Response> {
  const request = interaction?.request ?? {}
  const targets = [stringOf(request.redirect_uri), returnsTo]
  const headers = securityHeaders({
    brand: frame.brand,
    returnsTo: targets.filter((address) => address !== null),
    handsOver,
    images: images.filter((address) => address !== undefined),
    https: ctx.config.publicUrl.startsWith('https:'),
    popup: request.display === 'popup',
  })
  for (const [name, value] of Object.entries(headers)) c.header(name, value)
  c.header('content-language', frame.words.language.tag)
  c.header('vary', 'accept-language, cookie')
  return c.html(page, status)
}

/** The next page. 303, so that reloading it sends nothing again. */
export function go(
  { c, frame }: Pick<Visit, 'c' | 'frame'>,
  path: string,
  query: Record<string, string> = {},
): Response {
  c.header('cache-control', 'no-store')
  return c.redirect(href(frame, path, query), 303)
}

export function keepBrowser({ c, ctx }: Pick<Visit, 'c' | 'ctx'>, browser: string): void {
  const { flow, attributes } = browserCookies(ctx.config)
  setCookie(c, flow, browser, { ...attributes, maxAge: (30 * day) / 1000 })
}

async function findVisited(
  ctx: Context,
  flow: string | null,
  browser: string | null,
): Promise<{ interaction: Interaction | null; isRenewed: boolean }> {
  if (browser === null) return { interaction: null, isRenewed: false }
  if (flow === null) {
    return { interaction: await findLastInteraction(ctx, browser), isRenewed: false }
  }
  const interaction = await findInteraction(ctx, flow, browser)
  if (interaction !== null) return { interaction, isRenewed: false }
  const renewed = await renewInteraction(ctx, flow, browser)
  return { interaction: renewed, isRenewed: renewed !== null }
}

/** The language menu leads to the same page with `?lang=`, and the choice is kept. */
function chosenLanguage(c: Page): string | null {
  const asked = c.req.query('lang')
  if (asked === undefined || !/^[a-z]{2,3}$/.test(asked)) return getCookie(c, 'lang') ?? null
  setCookie(c, 'lang', asked, { path: '/', sameSite: 'Lax', maxAge: (365 * day) / 1000 })
  return asked
}

function stringOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}
