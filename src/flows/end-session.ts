import { actingAs, type Context } from '../base/context.ts'
import { seal, secretOf, unseal } from '../base/crypto.ts'
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
  state: string | null
}

/** A checked request to end the browser's session (OpenID Connect RP-Initiated Logout 1.0). */
export interface SessionEnd {
  /** Null when nobody can say which application asks: then the person is asked. */
  application: Application | null
  /** Registered by the application; null where none was named. */
  returnTo: string | null
  state: string | null
  /** Whom the hint named. */
  subject: string | null
}

/** Throws `invalid_client` or `invalid_request` on what cannot be trusted; nothing was ended then. */
export async function checkEndSession(
  ctx: Context,
  { clientId, idTokenHint, postLogoutRedirectUri, state }: EndSessionRequest,
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
  return { application, returnTo: postLogoutRedirectUri, state, subject }
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

/**
 * Whether the person must be asked first: always, unless an ID token of theirs comes along, since any site may link here
 * (RP-Initiated Logout 1.0 § 2).
 */
export function mustConfirm({ subject }: SessionEnd, session: Session): boolean {
  return subject !== session.userId
}

/**
 * Whether the question may answer itself, as Logto's does: its SDKs send no ID token, and their users have pressed
 * "sign out" already. Only for an application of the house that says where it goes on, so that a stranger's link to us
 * leads people nowhere but to the house.
 */
export function isAnsweredAlready({ application, returnTo }: SessionEnd): boolean {
  return application !== null && !application.isThirdParty && returnTo !== null
}

/** Where the application wants the person to go, with its state; null where it named no place. */
export function returnAddress({
  returnTo,
  state,
}: Pick<SessionEnd, 'returnTo' | 'state'>): string | null {
  if (returnTo === null || state === null) return returnTo
  return `${returnTo}${returnTo.includes('?') ? '&' : '?'}${new URLSearchParams({ state })}`
}

/** What the question's form carries: what was checked before, and the proof that we asked this very browser. */
export interface SignOutQuestion {
  applicationId: string | null
  returnTo: string | null
}

export function sealQuestion(ctx: Context, session: Session, question: SignOutQuestion): string {
  return seal(secretOf(ctx.config), placeOf(session), JSON.stringify(question))
}

/** Null for what we did not ask in this session: a form that somebody else made. */
export function openQuestion(
  ctx: Context,
  session: Session,
  sealed: string,
): SignOutQuestion | null {
  try {
    return JSON.parse(unseal(secretOf(ctx.config), placeOf(session), sealed)) as SignOutQuestion
  } catch {
    return null
  }
}

function placeOf({ id }: Session): string {
  return `sign-out:${id}`
}

/** Ends the browser's session for an application: with it fall the tokens of every application in it. */
export async function endBrowserSession(
  ctx: Context,
  session: Session,
  applicationId: string | null,
): Promise<void> {
  const user = await findUser(ctx, session.userId)
  if (user === null) return
  const actor =
    applicationId === null
      ? ({ kind: 'user', userId: user.id, sessionId: session.id } as const)
      : ({ kind: 'application', applicationId } as const)
  await signOut(actingAs(ctx, actor), user, { scope: 'local', sessionId: session.id })
}
