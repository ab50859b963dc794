import { answerInteraction, type Interaction } from '../../model/interaction.ts'
import type { Session } from '../../model/session.ts'
import { findUser, type User } from '../../model/user.ts'
import { chooserPage } from './choice-views.ts'
import { alone, browserSession } from './ends.ts'
import { ended } from './over.ts'
import type { Form } from './steps.ts'
import { go, type Page, show, type Visit, visit } from './visit.ts'

/** Somebody signed in, on the way back to an application. */
export interface Guest {
  here: Visit
  interaction: Interaction
  browser: string
  session: Session
  user: User
}

/** `/select-account`: who is signed in here may go on, or make room for somebody else. */
export async function openChooser(c: Page): Promise<Response> {
  const guest = await guestOf(c, c.req.query('flow') ?? '')
  return guest instanceof Response ? guest : showChooser(guest)
}

export async function submitChooser(c: Page, form: Form): Promise<Response> {
  const guest = await guestOf(c, form('flow'))
  if (guest instanceof Response) return guest
  const { here, interaction, browser, session } = guest
  if (form('want') === 'other') return go(here, '/sign-in')
  // Somebody else has signed in meanwhile, in another tab: they are asked themselves.
  if (form('session') !== session.id) return showChooser(guest)
  await answerInteraction(here.ctx, { id: interaction.id, browser }, { selected: session.id })
  return resume(here, interaction)
}

function showChooser({ here, session, user }: Guest): Response | Promise<Response> {
  return show(here, chooserPage(here.frame, { user, sessionId: session.id }))
}

/** Who asks for a page between sign-in and application; else the page where they have to be. */
export async function guestOf(c: Page, flow: string): Promise<Guest | Response> {
  const here = await visit(c, flow)
  return here.interaction?.applicationId ? guestAt(here) : ended(here)
}

/** The same, also for who came by themselves. */
export async function guestAt(here: Visit): Promise<Guest | Response> {
  const guest = await findGuest(here)
  if (guest !== null) return guest
  const isBegun = here.interaction !== null && here.interaction.sessionId === null
  return isBegun ? go(here, '/sign-in') : ended(here)
}

/** Null without a sign-in under way, or without somebody who is signed in. */
export async function findGuest(here: Visit): Promise<Guest | null> {
  const { interaction, browser } = here
  if (interaction === null || browser === null) return null
  const session = await browserSession(here)
  const user = session === null ? null : await findUser(here.ctx, session.userId)
  return session === null || user === null ? null : { here, interaction, browser, session, user }
}

/** Back to the OpenID Provider, which looks whether anything is missing still; or to one's own account. */
export function resume(here: Visit, { id, applicationId }: Interaction): Response {
  if (applicationId === null) return go(alone(here), '/account/passkeys')
  const { c } = here
  c.header('cache-control', 'no-store')
  return c.redirect(`/oidc/auth/${id}`, 303)
}
