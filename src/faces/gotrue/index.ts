import { Hono, type Context as HonoContext } from 'hono'
import type { Env } from '../../base/http.ts'
import { changeUser, logOut, showUser } from './account.ts'
import * as admin from './admin.ts'
import { answerError } from './answer.ts'
import { checkCaptcha } from './captcha.ts'
import * as custom from './custom-providers.ts'
import { authorize, callback } from './external.ts'
import { factorRoutes } from './factors.ts'
import { linkByProvider, unlink } from './identities.ts'
import { bucketOf, limit } from './limits.ts'
import { invite, magicLink, otp, reauthenticate, recover, resend } from './mails.ts'
import { authorizationServer, discovery, health, jwks, settings } from './meta.ts'
import { oauthServerRoutes } from './oauth-server.ts'
import { clientRoutes } from './oauth-server-clients.ts'
import { oauthTokenRoutes } from './oauth-server-tokens.ts'
import { passkeyRoutes } from './passkeys.ts'
import { receive } from './receive.ts'
import { scimRoutes } from './scim.ts'
import { register } from './sign-up.ts'
import { ssoRoutes } from './sso.ts'
import { token } from './token.ts'
import { speakToFirstVersion } from './v1.ts'
import { type LinkPages, openLink, verify } from './verify.ts'

type Handler = (c: HonoContext<Env>) => Response | Promise<Response>

const routes: readonly (readonly [string, string, Handler])[] = [
  ['GET', '/health', health],
  ['GET', '/settings', settings],
  ['GET', '/.well-known/jwks.json', jwks],
  ['GET', '/.well-known/openid-configuration', discovery],
  ['GET', '/.well-known/oauth-authorization-server', authorizationServer],
  ['POST', '/signup', register],
  ['POST', '/token', token],
  ['POST', '/otp', otp],
  ['POST', '/magiclink', magicLink],
  ['POST', '/recover', recover],
  ['POST', '/resend', resend],
  ['GET', '/user', showUser],
  ['PUT', '/user', changeUser],
  ['GET', '/user/identities/authorize', linkByProvider],
  ['DELETE', '/user/identities/:id', unlink],
  ['GET', '/authorize', authorize],
  ['GET', '/callback', callback],
  ['POST', '/callback', callback],
  ['GET', '/reauthenticate', reauthenticate],
  ['POST', '/logout', logOut],
  ['POST', '/invite', invite],
  ['GET', '/admin/users', admin.listUsers],
  ['POST', '/admin/users', admin.createUser],
  ['GET', '/admin/users/:id', admin.showUser],
  ['PUT', '/admin/users/:id', admin.changeUser],
  ['DELETE', '/admin/users/:id', admin.deleteUser],
  ['GET', '/admin/users/:id/factors', admin.listFactors],
  ['POST', '/admin/generate_link', admin.makeLink],
  ['GET', '/admin/audit', admin.listAudit],
  ['GET', '/admin/custom-providers', custom.listProviders],
  ['POST', '/admin/custom-providers', custom.createProvider],
  ['GET', '/admin/custom-providers/:identifier', custom.showProvider],
  ['PUT', '/admin/custom-providers/:identifier', custom.changeProvider],
  ['DELETE', '/admin/custom-providers/:identifier', custom.deleteProvider],
  ...factorRoutes,
  ...passkeyRoutes,
  ...clientRoutes,
  ...oauthServerRoutes,
  ...oauthTokenRoutes,
  ...scimRoutes,
  ...ssoRoutes,
]

/** Supabase Auth's REST interface (GoTrue), to be mounted at `/auth/v1`. */
export function gotrue(pages: LinkPages): Hono<Env> {
  const app = new Hono<Env>()
  const all: typeof routes = [
    ...routes,
    ['GET', '/verify', (c) => openLink(c, pages)],
    ['POST', '/verify', verify],
  ]
  app.onError(answerError)
  app.use(crossOrigin)
  app.use(speakToFirstVersion)
  app.use(receive)
  app.use(async (c, next) => {
    c.header('Cache-Control', 'no-store')
    // Hono would answer HEAD by GET, and a scanner of mails would use up a link.
    return c.req.method === 'HEAD' ? c.body(null, 405) : next()
  })
  for (const [method, path, handler] of all) {
    for (const one of spellings(path)) app.on(method, one, guarded(method, path, handler))
  }
  for (const path of new Set(all.flatMap(([, path]) => spellings(path)))) {
    app.all(path, (c) => c.body(null, 405))
  }
  app.all('*', (c) => c.text('404 page not found\n', 404))
  return app
}

/** What stands before a route: how often somebody may come, and whether it is a person. */
function guarded(method: string, path: string, handler: Handler): Handler {
  return async (c) => {
    const bucket = bucketOf(method, path, c)
    if (bucket !== null) await limit(c, bucket)
    await checkCaptcha(c, method, path)
    return handler(c)
  }
}

/** GoTrue's groups of routes answer with a slash at the end too; its single routes do not. */
const groups = [
  ...['/signup', '/verify', '/callback', '/reauthenticate', '/user', '/user/oauth/grants'],
  ...['/factors', '/factors/:id', '/sso', '/passkeys', '/passkeys/:passkey'],
]
const singles = ['/admin/generate_link', '/admin/oauth/clients/:id/regenerate_secret']

function spellings(path: string): string[] {
  const isGroup = groups.includes(path) || (path.startsWith('/admin/') && !singles.includes(path))
  return isGroup ? [path, `${path}/`] : [path]
}

const allowedHeaders = [
  'Accept',
  'Authorization',
  'Content-Type',
  'X-Client-IP',
  'X-Client-Info',
  'X-JWT-AUD',
  'x-use-cookie',
  'X-Supabase-Api-Version',
  // Every Supabase client sends it; in front of GoTrue the gateway allows it.
  'apikey',
]

/** Tokens travel in headers and bodies, never in cookies: any origin may ask. */
async function crossOrigin(
  c: HonoContext<Env>,
  next: () => Promise<void>,
): Promise<Response | undefined> {
  const { corsAllowedHeaders } = c.get('ctx').config.gotrue
  if (c.req.header('origin') !== undefined) {
    c.header('Access-Control-Allow-Origin', '*')
    c.header('Access-Control-Allow-Credentials', 'true')
    c.header('Access-Control-Expose-Headers', 'X-Total-Count, Link, X-Supabase-Api-Version')
    c.header('Vary', 'Origin', { append: true })
  }
  if (c.req.method === 'OPTIONS' && c.req.header('access-control-request-method') !== undefined) {
    c.header('Access-Control-Allow-Methods', 'GET, POST, PUT, PATCH, DELETE')
    c.header('Access-Control-Allow-Headers', [...allowedHeaders, ...corsAllowedHeaders].join(', '))
    c.header('Access-Control-Max-Age', '600')
    return c.body(null, 204)
  }
  await next()
  return undefined
}
