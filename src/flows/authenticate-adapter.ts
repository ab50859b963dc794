import { actingAs, type Context } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { isPublic } from '../model/application.ts'
import { authenticateApplication, type Credentials } from './authenticate-application.ts'

/**
 * The context of an application that may do all that the Auth.js adapter does; throws as `authenticateApplication`, and
 * `access_denied` to one without that right. What it does is not done from where its server stands: events name no client.
 */
export async function authenticateAdapter(
  ctx: Context,
  credentials: Credentials,
): Promise<Context> {
  const application = await authenticateApplication(ctx, credentials)
  const { isAuthjsAdapter = false } = application.customClientMetadata
  if (isPublic(application) || application.isThirdParty || !isAuthjsAdapter) {
    throw new Fault('access_denied', { problem: 'no-adapter' })
  }
  const actor = { kind: 'application', applicationId: application.id } as const
  return actingAs({ ...ctx, client: { ip: null, userAgent: null } }, actor)
}
