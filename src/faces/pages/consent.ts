import { allow, findRequest } from '../../flows/allow.ts'
import { answerInteraction } from '../../model/interaction.ts'
import { type Guest, guestOf, resume } from './choices.ts'
import { consentPage } from './consent-views.ts'
import type { Fields } from './steps.ts'
import { type Page, show } from './visit.ts'

/** `/consent`: what somebody else's application may have, if its user wants. */
export async function openConsent(c: Page): Promise<Response> {
  const guest = await guestOf(c, c.req.query('flow') ?? '')
  return guest instanceof Response ? guest : showConsent(guest)
}

export async function submitConsent(c: Page, form: Fields): Promise<Response> {
  const guest = await guestOf(c, form('flow'))
  if (guest instanceof Response) return guest
  const { here, interaction, browser, session, user } = guest
  // Nobody says yes for somebody else who has signed in meanwhile, and nothing is allowed by an empty form.
  const isTheirs = form('session') === session.id
  switch (isTheirs ? form('want') : '') {
    case 'allow':
      await allow(
        here.ctx,
        { interaction, browser },
        { userId: user.id, organizationIds: form.all('organization').slice(0, 1000) },
      )
      return resume(here, interaction)
    case 'deny':
      await answerInteraction(here.ctx, { id: interaction.id, browser }, { isDenied: true })
      return resume(here, interaction)
    default:
      return showConsent(guest)
  }
}

async function showConsent({ here, interaction, session, user }: Guest): Promise<Response> {
  const request = await findRequest(here.ctx, interaction, user.id)
  if (request === null) return resume(here, interaction)
  const { logoUrl, darkLogoUrl } = request.application.appearance
  const page = consentPage(here.frame, { request, user, sessionId: session.id })
  return show(here, page, 200, { images: [logoUrl, darkLogoUrl] })
}
