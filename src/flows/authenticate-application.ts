import { networkOf } from '../base/client-ip.ts'
import type { Context } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { minute } from '../base/time.ts'
import { type Application, authMethodsOf, findApplication } from '../model/application.ts'
import { isSecretOf } from '../model/application-secret.ts'
import { refusedFor, take } from '../model/limit.ts'
import { assertedClient, isAssertionOf } from './client-assertion.ts'

/** How an application says who it is: by one way at a time. */
export type Credentials =
  | { method: 'none'; id: string }
  | {
      method: 'client_secret_basic' | 'client_secret_post'
      id: string
      /** Empty where none came. More than one where what was sent can be read in two ways. */
      secrets: readonly string[]
    }
  /** `id` is null where the assertion alone names the application. */
  | { method: 'private_key_jwt'; id: string | null; assertion: string }

const wrongProofs = { limit: 20, window: 10 * minute }

/**
 * The application that asks. Its id alone suffices for one that can keep no secret; throws `invalid_client` else, also
 * for a proof by another way than the registered one, and `over_request_rate_limit` to who guesses from one place.
 */
export async function authenticateApplication(
  ctx: Context,
  credentials: Credentials,
): Promise<Application> {
  const { method } = credentials
  const id = credentials.id ?? assertedClient(Reflect.get(credentials, 'assertion')) ?? ''
  const application = await findApplication(ctx, id)
  if (application === null) throw new Fault('invalid_client', { problem: 'unknown' })
  if (!authMethodsOf(application).includes(method)) {
    throw new Fault('invalid_client', { problem: 'other-method' })
  }
  if (method === 'none') return application
  // By address, so that nobody can lock an application out from elsewhere.
  const key = `client-secret:${id}:${networkOf(ctx.client.ip)}`
  const wait = refusedFor(ctx, key)
  if (wait > 0) throw new Fault('over_request_rate_limit', { retryAfter: wait })
  if (await isProved(ctx, application, credentials)) return application
  const taken = await take(ctx, key, wrongProofs)
  if (!taken.allowed) throw new Fault('over_request_rate_limit', { retryAfter: taken.retryAfter })
  throw new Fault('invalid_client', { problem: 'wrong' })
}

async function isProved(
  ctx: Context,
  application: Application,
  credentials: Exclude<Credentials, { method: 'none' }>,
): Promise<boolean> {
  if (credentials.method === 'private_key_jwt') {
    return isAssertionOf(ctx, application, credentials.assertion)
  }
  for (const secret of credentials.secrets) {
    if (await isSecretOf(ctx, application, secret)) return true
  }
  return false
}
