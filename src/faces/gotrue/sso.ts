import type { Context as HonoContext } from 'hono'
import { z } from 'zod'
import { type Env, readForm } from '../../base/http.ts'
import { isAllowedRedirect } from '../../base/redirect-glob.ts'
import { ownMetadata, serviceProviderOf } from '../../flows/saml-service.ts'
import { departToSso, returnFromSso } from '../../flows/sso.ts'
import { sayingOf } from './answer.ts'
import { answerSignedIn } from './carry.ts'
import { refused } from './errors.ts'
import { errorOf } from './external.ts'
import { readBody, readChallenge, redirectOf } from './read.ts'
import { ssoAdminRoutes } from './sso-providers.ts'
import { sessionFragment, withFragment, withQuery } from './verify.ts'

type Handler = (c: HonoContext<Env>) => Response | Promise<Response>

const text = z
  .string()
  .nullish()
  .transform((value) => value ?? '')

const ssoBody = z.object({
  provider_id: text,
  domain: text,
  redirect_to: text,
  skip_http_redirect: z.boolean().nullish(),
  code_challenge: text,
  code_challenge_method: text,
})

/** `POST /sso`: off to a company's identity provider. */
async function signInWithSso(c: HonoContext<Env>): Promise<Response> {
  const ctx = c.get('ctx')
  serviceProviderOf(ctx)
  const body = await readBody(c, ssoBody)
  const { provider_id: providerId, domain } = body
  if (providerId !== '' && domain !== '') {
    throw refused('Only one of provider_id or domain supported')
  }
  if (providerId === '' && domain === '') {
    throw refused('A provider_id or domain needs to be provided')
  }
  const url = await departToSso(ctx, providerId === '' ? { domain } : { providerId }, {
    redirectTo: redirectOf(c, body.redirect_to),
    challenge: readChallenge(body),
  })
  return body.skip_http_redirect ? c.json({ url }) : c.redirect(url, 303)
}

/** `GET /sso/saml/metadata`: what an identity provider has to know of us. */
function showMetadata(c: HonoContext<Env>): Response {
  const purpose = c.req.query('download') === 'true' ? 'download' : 'fetch'
  const xml = ownMetadata(c.get('ctx'), { purpose })
  if (purpose === 'download') {
    c.header('Content-Disposition', 'attachment; filename="metadata.xml"')
  }
  c.header('Cache-Control', 'public, max-age=600')
  return c.body(xml, 200, { 'Content-Type': 'application/xml' })
}

/** `POST /sso/saml/acs`: back from there. Whatever happens, the browser is sent on. */
async function consumeAssertion(c: HonoContext<Env>): Promise<Response> {
  const ctx = c.get('ctx')
  serviceProviderOf(ctx)
  try {
    return c.redirect(await placeAfter(c), 302)
  } catch (error) {
    c.header('location', withQuery(ctx.config.gotrue.siteUrl, errorOf(error, c)))
    const { status, code, message } = sayingOf(error, c.req.path)
    return c.json({ code: status, error_code: code, msg: message }, 303)
  }
}

async function placeAfter(c: HonoContext<Env>): Promise<string> {
  const ctx = c.get('ctx')
  const form = await readForm(c)
  const returned = await returnFromSso(ctx, {
    response: form.get('SAMLResponse') ?? '',
    relayState: form.get('RelayState') ?? '',
    artifact: form.get('SAMLart') ?? form.get('SAMLArt') ?? '',
  })
  const { siteUrl, uriAllowList: patterns } = ctx.config.gotrue
  const { redirectTo } = returned
  const isAllowed = redirectTo !== null && isAllowedRedirect(redirectTo, { siteUrl, patterns })
  const target = isAllowed ? redirectTo : siteUrl
  if (returned.outcome === 'code') return withQuery(target, { code: returned.authCode })
  const json = await answerSignedIn(c, ctx, returned)
  return withFragment(target, sessionFragment(json))
}

export const ssoRoutes: readonly (readonly [string, string, Handler])[] = [
  ['POST', '/sso', signInWithSso],
  ['GET', '/sso/saml/metadata', showMetadata],
  ['POST', '/sso/saml/acs', consumeAssertion],
  ...ssoAdminRoutes,
]
