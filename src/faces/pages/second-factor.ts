import { Fault, type FaultCode, isFault } from '../../base/fault.ts'
import { relyingParty } from '../../flows/passkey.ts'
import { listSecondKeys, startKeyStepUp, stepUpByKey } from '../../flows/second-key.ts'
import { factorsToShow, sendFactorCode, stepUp } from '../../flows/step-up.ts'
import { answerInteraction } from '../../model/interaction.ts'
import { findGuest, type Guest, guestAt, resume } from './choices.ts'
import { present } from './faults.ts'
import type { Problem } from './layout.ts'
import { answer } from './passkeys.ts'
import { secondFactorPage, type Way } from './second-factor-views.ts'
import type { Form } from './steps.ts'
import { go, type Page, show, visit } from './visit.ts'

const path = '/sign-in/second-factor'

/** `/sign-in/second-factor`: an application wants to be surer than a sign-in alone makes it (RFC 9470). */
export async function openSecondFactor(c: Page): Promise<Response> {
  const guest = await guestAt(await visit(c, c.req.query('flow') ?? ''))
  if (guest instanceof Response) return guest
  const ways = await waysOf(guest)
  return ask(guest, { ways, way: wayFor(guest, ways, c.req.query('factor') ?? '') }, null)
}

export async function submitSecondFactor(c: Page, form: Form): Promise<Response> {
  const guest = await guestAt(await visit(c, form('flow')))
  if (guest instanceof Response) return guest
  const { here, interaction, browser } = guest
  if (form('want') === 'cancel') {
    await answerInteraction(here.ctx, { id: interaction.id, browser }, { isDenied: true })
    return resume(here, interaction)
  }
  const ways = await waysOf(guest)
  const way = wayFor(guest, ways, form('factor'))
  if (way === null) return resume(here, interaction)
  try {
    return await take(guest, way, form)
  } catch (error) {
    if (!isFault(error)) throw error
    const { words, app } = here.frame
    const appName = app?.name ?? words.common.here
    const { status, problem, retryAfter } = present(error, words, { appName, canUseCode: false })
    if (status >= 500) throw error
    if (retryAfter !== null) c.header('retry-after', String(retryAfter))
    const own = way.type === 'key' ? keyTexts[error.code] : undefined
    const text = own === undefined ? problem.text : words.secondFactor[own]
    return ask(guest, { ways, way }, { problem: { ...problem, text }, status })
  }
}

/** Not every key is a passkey. */
const keyTexts: Partial<Record<FaultCode, 'keyRefused' | 'keyExpired'>> = {
  passkey_refused: 'keyRefused',
  passkey_expired: 'keyExpired',
}

/** What the script asks before the browser is asked for a key. */
export function askSecondKey(c: Page, form: Form): Promise<Response> {
  return answer(c, async () => {
    const guest = await findGuest(await visit(c, form('flow')))
    if (guest === null) throw new Fault('interaction_not_found')
    const { here, interaction, user, session } = guest
    return startKeyStepUp(here.ctx, interaction, { user, session })
  })
}

async function take(guest: Guest, way: Way, form: Form): Promise<Response> {
  const { here, interaction, browser, session, user } = guest
  const holder = { user, session }
  if (way.type === 'key') {
    const shown = { challengeId: form('challenge'), credential: form('credential') }
    await stepUpByKey(here.ctx, interaction, { holder, shown })
    return resume(here, interaction)
  }
  if (form('want') === 'send') {
    await sendFactorCode(here.ctx, { interaction, browser }, { holder, factorId: way.id })
    return go(here, path, { factor: way.id, notice: 'sent' })
  }
  const code = form('code').normalize('NFKC').replace(/[\s-]/g, '')
  if (code === '') throw new Fault('code_wrong', { isEmpty: true })
  await stepUp(here.ctx, interaction, { holder, factorId: way.id, code })
  return resume(here, interaction)
}

interface Choice {
  ways: readonly Way[]
  way: Way | null
}

/** Without a factor the OpenID Provider tells the application so. */
function ask(
  { here, interaction }: Guest,
  { ways, way }: Choice,
  said: { problem: Problem; status: Parameters<typeof show>[2] } | null,
): Response | Promise<Response> {
  if (way === null) return resume(here, interaction)
  const isSent = interaction.state.challenge?.factorId === way.id
  const page = secondFactorPage(
    { ...here.frame, path, query: { factor: way.id } },
    {
      way,
      others: ways.filter((one) => one !== way),
      isSent,
      problem:
        said === null ? null : { ...said.problem, field: fieldOf(said.problem, way, isSent) },
    },
  )
  return show(here, page, said?.status)
}

/** A page without the field tells the problem above its button. */
function fieldOf({ field }: Problem, { type }: Way, isSent: boolean): Problem['field'] {
  return field === 'code' && (type === 'totp' || isSent) ? 'code' : null
}

/** A key comes first: nobody can be talked into telling it. The browser asks for whichever is at hand. */
async function waysOf({ here: { ctx }, user }: Guest): Promise<Way[]> {
  const keys = await listSecondKeys(ctx, user)
  const codes = factorsToShow(ctx, user)
  if (keys.length === 0) return codes
  return [{ id: 'key', type: 'key', party: relyingParty(ctx.config) }, ...codes]
}

function wayFor({ interaction }: Guest, ways: readonly Way[], id: string): Way | null {
  const wanted = id || interaction.state.challenge?.factorId
  return ways.find((one) => one.id === wanted) ?? ways[0] ?? null
}
