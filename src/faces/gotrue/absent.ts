import type { Context as HonoContext } from 'hono'
import type { Env } from '../../base/http.ts'
import { adminOf } from './bearer.ts'
import { refused } from './errors.ts'

type Handler = (c: HonoContext<Env>) => Promise<Response>
type Guard = (c: HonoContext<Env>) => Promise<unknown>

const nobody: Guard = async () => {}

/** Answers as GoTrue does where a feature is switched off: this version has no more than the switch. */
function off(
  guard: Guard,
  message: string,
  change: { status?: 400 | 404 | 422; code: string },
): Handler {
  return async (c) => {
    await guard(c)
    throw refused(message, { status: 404, ...change })
  }
}

const saml = off(nobody, 'SAML 2.0 is disabled', { code: 'saml_provider_disabled' })
const adminSaml = off(adminOf, 'SAML 2.0 is disabled', { code: 'saml_provider_disabled' })

/** Method, path and answer of what later versions bring. */
export const absentRoutes: readonly (readonly [string, string, Handler])[] = [
  ['POST', '/sso', saml],
  ['GET', '/sso/saml/metadata', saml],
  ['POST', '/sso/saml/acs', saml],
  ['GET', '/admin/sso/providers', adminSaml],
  ['POST', '/admin/sso/providers', adminSaml],
]
