import type { Context } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { minute } from '../base/time.ts'
import { type Application, findApplication, isPublic, isSecretOf } from '../model/application.ts'
import { refusedFor, take } from '../model/limit.ts'

/** How an application says who it is. */
export interface Credentials {
  id: string
  /** Empty where none came. More than one where what was sent can be read in two ways. */
  secrets: readonly string[]
}

const wrongSecrets = { limit: 20, window: 10 * minute }

/**
 * The application that asks. Its id alone suffices for one that can keep no secret; throws `invalid_client` else, and
 * `over_request_rate_limit` to who guesses secrets from one place.
 */
export async function authenticateApplication(
  ctx: Context,
  { id, secrets }: Credentials,
): Promise<Application> {
  const application = await findApplication(ctx, id)
  if (application === null) throw new Fault('invalid_client', { problem: 'unknown' })
  if (isPublic(application)) {
    if (secrets.length > 0) throw new Fault('invalid_client', { problem: 'keeps-no-secret' })
    return application
  }
  if (secrets.length === 0) throw new Fault('invalid_client', { problem: 'secret-missing' })
  const key = `client-secret:${id}:${ctx.client.ip ?? 'nowhere'}`
  const wait = refusedFor(ctx, key)
  if (wait > 0) throw new Fault('over_request_rate_limit', { retryAfter: wait })
  for (const secret of secrets) {
    if (await isSecretOf(ctx, application, secret)) return application
  }
  const taken = await take(ctx, key, wrongSecrets)
  if (!taken.allowed) throw new Fault('over_request_rate_limit', { retryAfter: taken.retryAfter })
  throw new Fault('invalid_client', { problem: 'secret-wrong' })
}
