import type { Context } from '../base/context.ts'
import { signJwt } from '../base/jwt.ts'
import { askOutside } from '../base/outgoing.ts'
import { unixSeconds } from '../base/time.ts'
import { type Application, findApplication } from '../model/application.ts'
import type { Delivery } from '../model/delivery.ts'
import { defaultAlgorithm, signingKeyFor } from '../model/key.ts'
import { issuerOf } from './authorize.ts'
import type { Sent } from './outbox.ts'

/**
 * Tells an application that a session is over (OpenID Connect Back-Channel Logout 1.0 § 2.5). Every try has a token of
 * its own: an application may refuse a `jti` that it has seen, though its answer never reached us.
 */
export async function sendLogout(ctx: Context, { details }: Delivery): Promise<Sent> {
  const { applicationId, userId, sessionId } = details
  const about = {
    applicationId: String(applicationId),
    userId: String(userId),
    sessionId: String(sessionId),
  }
  const application = await findApplication(ctx, about.applicationId)
  const uri = application?.oidcClientMetadata.backchannelLogoutUri ?? null
  if (application === null || uri === null) return { outcome: 'pointless' }
  const answer = await askOutside(ctx, uri, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({
      logout_token: await logoutToken(ctx, application, about),
    }).toString(),
  })
  if (answer.outcome === 'answered' && answer.status >= 200 && answer.status < 300) {
    return { outcome: 'delivered', event: { type: 'logout.delivered', ...about } }
  }
  const why = answer.outcome === 'answered' ? `status ${answer.status}` : answer.outcome
  return { outcome: 'failed', event: { type: 'logout.failed', ...about, details: { why } } }
}

/** § 2.4: what it is for says its type and its event; a nonce must not be in it. Signed as the ID tokens are. */
async function logoutToken(
  ctx: Context,
  { id, oidcClientMetadata }: Application,
  { userId, sessionId }: { userId: string; sessionId: string },
): Promise<string> {
  const now = unixSeconds(ctx.now())
  const algorithm = oidcClientMetadata.idTokenSignedResponseAlg ?? defaultAlgorithm.oidc
  const claims = {
    iss: issuerOf(ctx),
    sub: userId,
    aud: id,
    iat: now,
    // § 2.4 recommends two minutes at most.
    exp: now + 120,
    jti: ctx.random.uuid(),
    sid: sessionId,
    events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
  }
  return signJwt(await signingKeyFor(ctx, 'oidc', algorithm), claims, 'logout+jwt')
}
