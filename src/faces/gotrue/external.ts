import type { Context as HonoContext } from 'hono'
import { type Env, readForm } from '../../base/http.ts'
import { departTo, findReturn, returnFrom } from '../../flows/external.ts'
import type { ExternalFlow } from '../../model/external-flow.ts'
import { logFailure, sayingOf } from './answer.ts'
import { answerSignedIn } from './carry.ts'
import { readChallenge, redirectOf } from './read.ts'
import { errorNames, sessionFragment, withFragment, withQuery } from './verify.ts'

/** `GET /authorize`: off to the provider. */
export async function authorize(c: HonoContext<Env>): Promise<Response> {
  return c.redirect(await departureOf(c, { linkingUserId: null }), 302)
}

/** Reads where somebody wants to sign in; the rest of the query is for the provider. */
export async function departureOf(
  c: HonoContext<Env>,
  { linkingUserId }: { linkingUserId: string | null },
): Promise<string> {
  const query = new URL(c.req.url).searchParams
  const read = (name: string) => query.get(name) ?? ''
  return departTo(c.get('ctx'), {
    provider: read('provider'),
    scopes: read('scopes'),
    parameters: parametersOf(query),
    challenge: readChallenge({
      code_challenge: read('code_challenge'),
      code_challenge_method: read('code_challenge_method'),
    }),
    inviteToken: read('invite_token'),
    redirectTo: redirectOf(c),
    linkingUserId,
  })
}

/** `provider` is ours, so WorkOS' parameter of that name has to come under another. */
function parametersOf(query: URLSearchParams): [string, string][] {
  return [...query]
    .filter(([name]) => name !== 'provider' && name !== 'scopes')
    .map(([name, value]) => [name === 'workos_provider' ? 'provider' : name, value])
}

/** `GET` and `POST /callback`: back from the provider. Whatever happens, the browser is sent on. */
export async function callback(c: HonoContext<Env>): Promise<Response> {
  const ctx = c.get('ctx')
  const parameters = await parametersBack(c)
  let flow: ExternalFlow
  try {
    flow = await findReturn(ctx, parameters.get('state') ?? '')
  } catch (error) {
    // Nobody knows which app it was; the site is told.
    c.header('location', withQuery(ctx.config.gotrue.siteUrl, errorOf(error, c)))
    const { status, code, message } = sayingOf(error, c.req.path)
    return c.json({ code: status, error_code: code, msg: message }, 303)
  }
  const { externalRedirectUrl, siteUrl } = ctx.config.gotrue
  const target = externalRedirectUrl ?? flow.redirectTo ?? siteUrl
  try {
    return c.redirect(await placeAfter(c, flow, { parameters, target }), 302)
  } catch (error) {
    const query = errorOf(error, c)
    return c.redirect(withFragment(withQuery(target, query), query), 302)
  }
}

/** Apple posts a form; its fields count before those of the address. */
async function parametersBack(c: HonoContext<Env>): Promise<URLSearchParams> {
  const query = new URL(c.req.url).searchParams
  if (c.req.method !== 'POST') return query
  const form = await readForm(c)
  for (const [name, value] of query) if (!form.has(name)) form.append(name, value)
  return form
}

async function placeAfter(
  c: HonoContext<Env>,
  flow: ExternalFlow,
  { parameters, target }: { parameters: URLSearchParams; target: string },
): Promise<string> {
  const ctx = c.get('ctx')
  const returned = await returnFrom(ctx, flow, { parameters, redirectTo: target })
  if (returned.outcome === 'code') return withQuery(target, { code: returned.authCode })
  const json = await answerSignedIn(c, ctx, returned)
  const { accessToken, refreshToken } = returned.tokens
  return withFragment(target, {
    ...sessionFragment(json),
    provider_token: accessToken,
    ...(refreshToken === null ? {} : { provider_refresh_token: refreshToken }),
  })
}

/** Who was refused for good is told so, whatever the status would be elsewhere. */
const denials = new Set(['signup_disabled', 'user_banned', 'provider_email_needs_verification'])
const longestText = 500

export function errorOf(error: unknown, c: HonoContext<Env>): Record<string, string> {
  logFailure(error, c)
  const { status, code, message, isOAuth } = sayingOf(error, c.req.path)
  const description = message.slice(0, longestText)
  // The provider's own words have no code of ours.
  if (isOAuth) return { error: code.slice(0, longestText), error_description: description }
  const name = denials.has(code) ? 'access_denied' : (errorNames[status] ?? 'server_error')
  return { error: name, error_code: code, error_description: description }
}
