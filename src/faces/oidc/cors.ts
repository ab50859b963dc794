import type { Context as HonoContext, MiddlewareHandler } from 'hono'
import type { Env } from '../../base/http.ts'
import { type Application, allowsOrigin, listOrigins } from '../../model/application.ts'

/** This face's requests; `application` is who asks, once that is known. */
export interface OidcEnv extends Env {
  Variables: Env['Variables'] & { application?: Application }
}

export type Call = HonoContext<OidcEnv>

/** Discovery, keys and registration are for everybody; what takes JSON or a header of its own is asked for first. */
export const openToAll: MiddlewareHandler<OidcEnv> = async (c, next) => {
  if (c.req.method === 'OPTIONS') {
    c.header('access-control-allow-origin', '*')
    c.header('access-control-allow-methods', 'GET, POST, PUT, DELETE')
    const asked = c.req.header('access-control-request-headers')
    c.header('access-control-allow-headers', asked ?? 'Authorization, Content-Type')
    c.header('access-control-max-age', '3600')
    return c.body(null, 204)
  }
  await next()
  // Not by `c.header`: once there is an answer, that one makes a second of it, with its body read as a stream.
  c.res.headers.set('access-control-allow-origin', '*')
}

/**
 * Scripts may call from the origins of the application that asks; before that is known (a preflight, an error), from
 * those of any. Credentials of the browser play no part here, so none are allowed.
 */
export const openToApplications: MiddlewareHandler<OidcEnv> = async (c, next) => {
  const origin = c.req.header('origin')
  if (c.req.method === 'OPTIONS') return preflight(c, origin)
  await next()
  if (origin === undefined) return
  const { headers } = c.res
  headers.append('vary', 'Origin')
  if (!(await isAllowed(c, origin))) return
  headers.set('access-control-allow-origin', origin)
  headers.set('access-control-expose-headers', 'WWW-Authenticate, Retry-After, DPoP-Nonce')
}

async function preflight(c: Call, origin: string | undefined): Promise<Response> {
  c.header('vary', 'Origin')
  if (origin !== undefined && (await isAllowed(c, origin))) {
    c.header('access-control-allow-origin', origin)
    c.header('access-control-allow-methods', 'GET, POST')
    // Logto's SDKs send no others; what a newer one adds must not break it.
    const asked = c.req.header('access-control-request-headers')
    c.header('access-control-allow-headers', asked ?? 'Authorization, Content-Type')
    c.header('access-control-max-age', '3600')
  }
  return c.body(null, 204)
}

async function isAllowed(c: Call, origin: string): Promise<boolean> {
  const application = c.get('application')
  if (application !== undefined) return allowsOrigin(application, origin)
  return (await listOrigins(c.get('ctx'))).has(origin)
}
