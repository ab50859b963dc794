import { actingAs, type Context } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { type Application, findApplication } from '../model/application.ts'
import type { Session } from '../model/session.ts'
import { findUser } from '../model/user.ts'
import { subjectOf } from './authorize.ts'
import { signOut } from './sign-out.ts'

export interface EndSessionRequest {
  clientId: string | null
  idTokenHint: string | null
  postLogoutRedirectUri: string | null
}

/** A checked request to end the browser's session (OpenID Connect RP-Initiated Logout 1.0). */
export interface SessionEnd {
  /** Null when nobody can say which application asks: then the person is asked. */
  application: Application | null
  /** Registered by the application; null where none was named. */
  returnTo: string | null
  /** Whom the hint named. */
  subject: string | null
}

/** Throws `invalid_client` or `invalid_request` on what cannot be trusted; nothing was ended then. */
export async function checkEndSession(
  ctx: Context,
  { clientId, idTokenHint, postLogoutRedirectUri }: EndSessionRequest,
): Promise<SessionEnd> {
  const named = clientId ?? (idTokenHint === null ? null : audienceOf(idTokenHint))
  const application = named === null ? null : await findApplication(ctx, named)
  if (named !== null && application === null) {
    throw new Fault('invalid_client', { problem: 'unknown' })
  }
  const subject = idTokenHint === null ? null : await subjectOf(ctx, idTokenHint, named)
  if (subject === 'unreadable') {
    throw new Fault('invalid_request', { parameter: 'id_token_hint', problem: 'malformed' })
  }
  const isRegistered =
    postLogoutRedirectUri === null ||
    application?.oidcClientMetadata.postLogoutRedirectUris.includes(postLogoutRedirectUri)
  if (!isRegistered) {
    const parameter = 'post_logout_redirect_uri'
    throw new Fault('invalid_request', { parameter, problem: 'unregistered' })
  }
  return { application, returnTo: postLogoutRedirectUri, subject }
}

/** The audience as the token says it; whether the token is ours, `subjectOf` decides with it. */
function audienceOf(idToken: string): string {
  try {
    const { aud } = JSON.parse(Buffer.from(idToken.split('.')[1] ?? '', 'base64url').toString())
    if (typeof aud === 'string') return aud
  } catch {
    // Told below, as every token that is not ours.
  }
  throw new Fault('invalid_request', { parameter: 'id_token_hint', problem: 'malformed' })
}

/** Whether the person must be asked first: nobody known asks, or it is about somebody else than who is signed in. */
export function mustConfirm(
  { application, subject }: SessionEnd,
  session: Session | null,
): boolean {
  if (session === null) return false
  return application === null || (subject !== null && subject !== session.userId)
}

/** Ends the browser's session for an application: with it fall the tokens of every application in it. */
export async function endBrowserSession(
  ctx: Context,
  session: Session,
  application: Application | null,
): Promise<void> {
  const user = await findUser(ctx, session.userId)
  if (user === null) return
  const acting =
    application === null
      ? ctx
      : actingAs(ctx, { kind: 'application', applicationId: application.id })
  await signOut(acting, user, { scope: 'local', sessionId: session.id })
}
