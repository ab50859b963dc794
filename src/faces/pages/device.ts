import { isFault } from '../../base/fault.ts'
import { enterUserCode, findDeviceRequest } from '../../flows/device.ts'
import { answerInteraction } from '../../model/interaction.ts'
import { type Guest, guestOf, resume } from './choices.ts'
import { deviceConfirmPage, devicePage } from './device-views.ts'
import { alone } from './ends.ts'
import { present } from './faults.ts'
import type { Form } from './steps.ts'
import { keepBrowser, type Page, show, type Visit, visit } from './visit.ts'

/** `/device`: a person types the code of a device; the address may bring it, and it is confirmed all the same. */
export async function openDevice(c: Page): Promise<Response> {
  const code = (c.req.query('user_code') ?? '').slice(0, 64)
  return ask(await visitAlone(c), { code })
}

export async function submitDevice(c: Page, form: Form): Promise<Response> {
  const here = await visitAlone(c)
  const { ctx, frame } = here
  try {
    const { interaction, browser } = await enterUserCode(ctx, form('user_code'), here.browser)
    keepBrowser(here, browser)
    return resume(here, interaction)
  } catch (error) {
    if (!isFault(error, 'user_code_wrong', 'over_request_rate_limit')) throw error
    const { status, problem, retryAfter } = present(error, frame.words, {
      appName: frame.words.common.here,
      canUseCode: false,
    })
    if (retryAfter !== null) c.header('retry-after', String(retryAfter))
    const code = form('user_code').slice(0, 64)
    const page = devicePage(frame, { code, problem: { ...problem, field: 'code' } })
    return show(here, page, status)
  }
}

/** No other sign-in of this browser has to do with it. */
async function visitAlone(c: Page): Promise<Visit> {
  const here = await visit(c, '')
  return { ...here, ...alone(here) }
}

function ask(here: Visit, { code }: { code: string }): Response | Promise<Response> {
  const query: Record<string, string> = code === '' ? {} : { user_code: code }
  return show(here, devicePage({ ...here.frame, query }, { code, problem: null }))
}

/** `/device/confirm`: nothing goes to a device before its user has said so. */
export async function openDeviceConfirm(c: Page): Promise<Response> {
  const guest = await guestOf(c, c.req.query('flow') ?? '')
  return guest instanceof Response ? guest : showConfirm(guest)
}

export async function submitDeviceConfirm(c: Page, form: Form): Promise<Response> {
  const guest = await guestOf(c, form('flow'))
  if (guest instanceof Response) return guest
  const { here, interaction, browser, session } = guest
  const answered = { id: interaction.id, browser }
  // As at the consent page: nobody answers for somebody else, and nothing is allowed by an empty form.
  const isTheirs = form('session') === session.id
  switch (isTheirs ? form('want') : '') {
    case 'allow':
      await answerInteraction(here.ctx, answered, { confirmed: session.id })
      return resume(here, interaction)
    case 'deny':
      await answerInteraction(here.ctx, answered, { isDenied: true })
      return resume(here, interaction)
    default:
      return showConfirm(guest)
  }
}

async function showConfirm({ here, interaction, session, user }: Guest): Promise<Response> {
  const request = await findDeviceRequest(here.ctx, interaction, user.id)
  if (request === null) return resume(here, interaction)
  return show(here, deviceConfirmPage(here.frame, { request, user, sessionId: session.id }))
}
