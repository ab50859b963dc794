import type { Context, Tx } from '../base/context.ts'
import { Fault, type FaultCode } from '../base/fault.ts'
import { second } from '../base/time.ts'
import type { BrowserSession } from '../model/browser-session.ts'
import { writeCode } from '../model/code.ts'
import { missingConsent } from '../model/consent.ts'
import type { Giving } from '../model/grant.ts'
import { answerInteraction, deleteInteraction, type Interaction } from '../model/interaction.ts'
import { findUser } from '../model/user.ts'
import { reaches } from './assurance.ts'
import type { Authorization, Back } from './authorize.ts'
import { canStepUp } from './step-up.ts'

/** What a person has to do before there is a code. */
export type Question = 'sign-in' | 'select-account' | 'second-factor' | 'consent'

export type Answer = { outcome: 'code'; code: string } | { outcome: 'ask'; question: Question }

/** What `prompt=none` is told, which never asks anybody. */
const unasked: Record<Question, FaultCode> = {
  'sign-in': 'login_required',
  'select-account': 'account_selection_required',
  'second-factor': 'interaction_required',
  consent: 'consent_required',
}

/** Answers a checked request for the browser's session. Throws where no page may be shown (`prompt=none`). */
export async function authorize(
  ctx: Context,
  authorization: Authorization,
  session: BrowserSession | null,
): Promise<Answer> {
  const question = questionFor(ctx, authorization, session, null)
  if (question === null && session !== null) {
    return { outcome: 'code', code: issueCode(ctx, authorization, session) }
  }
  const { prompt, back } = authorization
  const asked = question ?? 'sign-in'
  if (prompt.includes('none')) throw new Fault(unasked[asked], { back })
  await refuseImpossible(ctx, authorization, { session, question: asked })
  return { outcome: 'ask', question: asked }
}

/**
 * The same when the user comes back from the pages: the interaction ends with its code, or with a refusal. It goes on
 * where the browser's session does not fit the request still.
 */
export async function resumeAuthorization(
  ctx: Context,
  authorization: Authorization,
  asked: { session: BrowserSession | null; interaction: Interaction; browser: string },
): Promise<Answer> {
  const { session, interaction, browser } = asked
  const { back } = authorization
  if (interaction.state.isDenied) {
    await deleteInteraction(ctx, interaction.id, browser)
    throw new Fault('access_denied', { back })
  }
  const question = await questionLeft(ctx, authorization, asked)
  if (question !== null || session === null) {
    return { outcome: 'ask', question: question ?? 'sign-in' }
  }
  const taken = await deleteInteraction(ctx, interaction.id, browser)
  if (taken === null) throw new Fault('interaction_not_found')
  return { outcome: 'code', code: issueCode(ctx, authorization, session) }
}

/** What has to be asked before an interaction may end; null when nothing is, and there is a session. */
export async function questionLeft(
  ctx: Context,
  authorization: Authorization<Back | null>,
  asked: { session: BrowserSession | null; interaction: Interaction; browser: string },
): Promise<Question | null> {
  const { session, interaction, browser } = asked
  const question = questionFor(ctx, authorization, session, interaction)
  if (question === null) return null
  // Somebody has signed in, but this browser's cookie is not theirs: the pages would send it here again.
  if (question === 'sign-in' && interaction.sessionId !== null) {
    throw new Fault('interaction_not_found')
  }
  await refuseImpossible(ctx, authorization, { session, question })
  if (question === 'consent') {
    await answerInteraction(ctx, { id: interaction.id, browser }, { wish: authorization.consent })
  }
  return question
}

/** The first thing that is missing; null when the session is of the right user, and as fresh and sure as was asked. */
function questionFor(
  ctx: Context,
  authorization: Authorization<Back | null>,
  session: BrowserSession | null,
  interaction: Interaction | null,
): Question | null {
  const { prompt, maxAgeSeconds, subject, aal, back } = authorization
  if (session === null) return 'sign-in'
  const at = session.authenticatedAt
  const isNew = interaction !== null && at >= interaction.createdAt
  if (subject !== null && subject !== session.userId) {
    // Who was asked for did not sign in, but somebody else did.
    if (isNew) throw new Fault('login_required', { back })
    return 'sign-in'
  }
  if (!isNew) {
    if (prompt.includes('login') || prompt.includes('create')) return 'sign-in'
    if (!isFresh(ctx, at, maxAgeSeconds)) return 'sign-in'
    const isChosen = interaction?.state.selected === session.id
    const mustChoose = prompt.includes('select_account') || isUnassured(authorization)
    if (mustChoose && !isChosen) return 'select-account'
  }
  if (!reaches(session, aal)) return 'second-factor'
  return mustConsent(authorization, session, interaction) ? 'consent' : null
}

/** The house's own applications need no consent; others once for each thing, and again where they ask for the page. */
function mustConsent(
  { application, prompt, consent }: Authorization<Back | null>,
  session: BrowserSession,
  interaction: Interaction | null,
): boolean {
  if (!application.isThirdParty) return false
  const isAsked = interaction?.state.consented === session.userId
  if (prompt.includes('consent') && !isAsked) return true
  return missingConsent(consent, session.consent) !== null
}

/**
 * Any app on a device may listen where this answer goes: without a page, it would have the user's tokens unseen (RFC 8252
 * § 8.6). An `https` address is the application's own.
 */
function isUnassured({ application, back }: Authorization<Back | null>): boolean {
  if (back === null) return false
  return application.type === 'Native' && !back.redirectUri.startsWith('https:')
}

/** `max_age=0` is `prompt=login` (OpenID Connect Core § 3.1.2.1): nobody has signed in at this very moment. */
function isFresh(ctx: Context, at: Date, maxAgeSeconds: number | null): boolean {
  if (maxAgeSeconds === null) return true
  const age = ctx.now().getTime() - at.getTime()
  return maxAgeSeconds > 0 && age <= maxAgeSeconds * second
}

/** Who has no second factor cannot show one, and the application has to know (RFC 9470 § 5). */
async function refuseImpossible(
  ctx: Context,
  { back }: Authorization<Back | null>,
  { session, question }: { session: BrowserSession | null; question: Question },
): Promise<void> {
  if (question !== 'second-factor' || session === null) return
  const user = await findUser(ctx, session.userId)
  if (user === null || !(await canStepUp(ctx, user)))
    throw new Fault('unmet_authentication_requirements', { back })
}

function issueCode(ctx: Tx, authorization: Authorization, session: BrowserSession): string {
  const { application, back, challenge, keyThumbprint } = authorization
  const { nonce, ...given } = givenBy(authorization, session)
  return writeCode(ctx, given, {
    ...{ applicationId: application.id, redirectUri: back.redirectUri },
    ...{ challenge, nonce, jkt: keyThumbprint },
    consentSince: session.consent?.since ?? null,
  })
}

/** What a session gives to a request: what its grant says, and what goes on to the tokens. */
export function givenBy(
  authorization: Authorization<Back | null>,
  session: BrowserSession,
): Giving & { nonce: string | null } {
  const { scope, resources, apiScopes, nonce, wantsAuthTime, wantsAcr, claims } = authorization
  return {
    sessionId: session.id,
    scope: scope.join(' '),
    resources,
    apiScopes,
    authenticatedAt: session.authenticatedAt,
    nonce,
    details: {
      ...(wantsAuthTime && { wantsAuthTime }),
      ...(wantsAcr && { acr: session.aal }),
      ...(claims.idToken.length > 0 && { idTokenClaims: claims.idToken }),
      ...(claims.userInfo.length > 0 && { userInfoClaims: claims.userInfo }),
    },
  }
}
