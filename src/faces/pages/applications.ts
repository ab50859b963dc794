import { actingAs } from '../../base/context.ts'
import { listAllowed, withdrawConsent } from '../../flows/allow.ts'
import { relyingPartyOf } from '../../flows/passkey.ts'
import type { Session } from '../../model/session.ts'
import { applicationsPage } from './application-views.ts'
import { alone, browserSession } from './ends.ts'
import type { Form } from './steps.ts'
import { go, type Page, show, type Visit, visit } from './visit.ts'

const home = '/account/applications'

/** `/account/applications`: what somebody signed in allowed the applications of others. */
export async function openApplications(c: Page): Promise<Response> {
  const here = await visit(c, null)
  const session = await browserSession(here)
  return session === null ? go(alone(here), '/sign-in') : list(here, session)
}

/**
 * Takes back what one of them was allowed. That makes an account safer, whoever does it, and is undone by allowing it
 * again: nobody has to sign in anew for it, who may be in haste because they were tricked into allowing it.
 */
export async function submitApplications(c: Page, form: Form): Promise<Response> {
  const here = await visit(c, null)
  const session = await browserSession(here)
  if (session === null) return go(alone(here), '/sign-in')
  // Somebody else has signed in meanwhile, in another tab: they see what is theirs.
  if (form('session') !== session.id) return list(here, session)
  const { id: sessionId, userId } = session
  const ctx = actingAs(here.ctx, { kind: 'user', userId, sessionId })
  await withdrawConsent(ctx, { userId, applicationId: form('application') })
  return go(alone(here), home, { notice: 'withdrawn' })
}

async function list(here: Visit, session: Session): Promise<Response> {
  const { ctx, c, frame } = here
  const allowed = await listAllowed(ctx, session.userId)
  const isWithdrawn = c.req.query('notice') === 'withdrawn'
  const page = applicationsPage(
    { ...frame, app: null, flow: null, path: home },
    {
      allowed,
      sessionId: session.id,
      passkeys: relyingPartyOf(ctx.config) !== null,
      notice: isWithdrawn ? frame.words.applications.withdrawn : null,
    },
  )
  const logos = allowed.map(({ application }) => application.appearance)
  return show(here, page, 200, {
    images: logos.flatMap(({ logoUrl, darkLogoUrl }) => [logoUrl, darkLogoUrl]),
  })
}
