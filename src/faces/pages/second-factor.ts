import { Fault, isFault } from '../../base/fault.ts'
import { factorsToShow, sendFactorCode, stepUp } from '../../flows/step-up.ts'
import type { Factor } from '../../model/user.ts'
import { secondFactorPage } from './choice-views.ts'
import { type Guest, guestOf, resume } from './choices.ts'
import { present } from './faults.ts'
import type { Problem } from './layout.ts'
import type { Form } from './steps.ts'
import { go, type Page, show } from './visit.ts'

const path = '/sign-in/second-factor'

/** `/sign-in/second-factor`: an application wants to be surer than a sign-in alone makes it (RFC 9470). */
export async function openSecondFactor(c: Page): Promise<Response> {
  const guest = await guestOf(c, c.req.query('flow') ?? '')
  if (guest instanceof Response) return guest
  return ask(guest, factorFor(guest, c.req.query('factor') ?? ''), null)
}

export async function submitSecondFactor(c: Page, form: Form): Promise<Response> {
  const guest = await guestOf(c, form('flow'))
  if (guest instanceof Response) return guest
  const { here, interaction, browser, session, user } = guest
  const factor = factorFor(guest, form('factor'))
  if (factor === null) return resume(here, interaction)
  const holder = { user, session }
  try {
    if (form('want') === 'send') {
      await sendFactorCode(here.ctx, { interaction, browser }, { holder, factorId: factor.id })
      return go(here, path, { factor: factor.id, notice: 'sent' })
    }
    const code = form('code').normalize('NFKC').replace(/[\s-]/g, '')
    if (code === '') throw new Fault('code_wrong', { isEmpty: true })
    await stepUp(here.ctx, interaction, { holder, factorId: factor.id, code })
    return resume(here, interaction)
  } catch (error) {
    if (!isFault(error)) throw error
    const { words, app } = here.frame
    const appName = app?.name ?? words.common.here
    const { status, problem, retryAfter } = present(error, words, { appName, canUseCode: false })
    if (status >= 500) throw error
    if (retryAfter !== null) c.header('retry-after', String(retryAfter))
    return ask(guest, factor, { problem, status })
  }
}

/** Without a factor the OpenID Provider tells the application so. */
function ask(
  { here, interaction, user }: Guest,
  factor: Factor | null,
  said: { problem: Problem; status: Parameters<typeof show>[2] } | null,
): Response | Promise<Response> {
  if (factor === null) return resume(here, interaction)
  const isSent = interaction.state.challenge?.factorId === factor.id
  const page = secondFactorPage(
    { ...here.frame, path, query: { factor: factor.id } },
    {
      factor,
      others: factorsToShow(here.ctx, user).filter(({ id }) => id !== factor.id),
      isSent,
      problem:
        said === null ? null : { ...said.problem, field: fieldOf(said.problem, factor, isSent) },
    },
  )
  return show(here, page, said?.status)
}

/** A page without the field tells the problem above its button. */
function fieldOf({ field }: Problem, { type }: Factor, isSent: boolean): Problem['field'] {
  return field === 'code' && (type === 'totp' || isSent) ? 'code' : null
}

function factorFor({ here, user, interaction }: Guest, id: string): Factor | null {
  const all = factorsToShow(here.ctx, user)
  const wanted = id || interaction.state.challenge?.factorId
  return all.find((one) => one.id === wanted) ?? all[0] ?? null
}
