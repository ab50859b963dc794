import { actingAs } from '../../base/context.ts'
import { Fault, isFault } from '../../base/fault.ts'
import { asFault, secondsToWait } from '../../base/unavailable.ts'
import { startInteraction } from '../../flows/interaction.ts'
import { relyingParty, startPasskeySignIn } from '../../flows/passkey.ts'
import {
  addPasskey,
  type Holder,
  isFresh,
  isWeak,
  removePasskey,
  startPasskeyRegistration,
} from '../../flows/passkey-registration.ts'
import { canStepUp } from '../../flows/step-up.ts'
import type { Interaction } from '../../model/interaction.ts'
import { listPasskeys } from '../../model/passkey.ts'
import { findUser } from '../../model/user.ts'
import { alone, browserSession } from './ends.ts'
import { present } from './faults.ts'
import type { Problem } from './layout.ts'
import { passkeysPage } from './passkey-views.ts'
import { isOwnForm } from './same-origin.ts'
import type { Form } from './steps.ts'
import { go, keepBrowser, type Page, show, type Visit, visit } from './visit.ts'

const home = '/account/passkeys'

/** What the script asks before the browser is asked for a passkey. Who came alone gets an interaction by it. */
export async function askSignIn(c: Page, form: Form): Promise<Response> {
  return answer(c, async () => {
    const found = await visit(c, form('flow'))
    if (form('flow') !== '' && found.interaction === null) throw new Fault('interaction_not_found')
    const interaction = found.interaction ?? (await begin(found))
    return { flow: interaction.id, ...(await startPasskeySignIn(found.ctx, interaction)) }
  })
}

/** The same, for a passkey that is to be made. */
export async function askRegistration(c: Page): Promise<Response> {
  return answer(c, async () => {
    const here = await visit(c, null)
    const holder = await holderOf(here)
    if (holder === null) throw new Fault('session_not_found')
    return startPasskeyRegistration(here.ctx, holder)
  })
}

/** `/account/passkeys`: what somebody signed in can sign in with. */
export async function openPasskeys(c: Page): Promise<Response> {
  const here = await visit(c, null)
  relyingParty(here.ctx.config)
  const holder = await holderOf(here)
  return holder === null ? go(alone(here), '/sign-in') : list(here, holder)
}

export async function submitPasskeys(c: Page, form: Form): Promise<Response> {
  const here = await visit(c, null)
  const holder = await holderOf(here)
  if (holder === null) return go(alone(here), '/sign-in')
  const ctx = actingAs(here.ctx, {
    kind: 'user',
    userId: holder.user.id,
    sessionId: holder.session.id,
  })
  try {
    if (form('want') === 'confirm') return await confirm(here, holder)
    if (form('want') === 'remove') {
      await removePasskey(ctx, holder, form('passkey'))
      return go(alone(here), home, { notice: 'removed' })
    }
    await addPasskey(ctx, holder, {
      challengeId: form('challenge'),
      credential: form('credential'),
    })
    return go(alone(here), home, { notice: 'added' })
  } catch (error) {
    if (!isFault(error)) throw error
    const { words } = here.frame
    const { status, problem } = present(error, words, {
      appName: words.common.here,
      canUseCode: here.policy.code,
    })
    if (status >= 500) throw error
    return list(here, holder, { problem: { ...problem, field: null }, status })
  }
}

/** Leads to the second factor, from where `resume` leads back. */
async function confirm(here: Visit, { user }: Holder): Promise<Response> {
  if (!(await canStepUp(here.ctx, user))) throw new Fault('insufficient_aal')
  const { id } = await begin(here)
  return go({ ...here, frame: { ...here.frame, flow: id } }, '/sign-in/second-factor')
}

/** Where password managers lead people to (W3C, "A Well-Known URL for Relying Party Passkey Endpoints"). */
export function passkeyEndpoints(c: Page): Response {
  const { publicUrl } = c.get('ctx').config
  const address = new URL(home, publicUrl).href
  return c.json({ enroll: address, manage: address })
}

async function list(
  here: Visit,
  holder: Holder,
  said: { problem: Problem; status: Parameters<typeof show>[2] } | null = null,
): Promise<Response> {
  const { ctx, c, frame } = here
  const { passkey } = frame.words
  const notices: Record<string, string> = { added: passkey.added, removed: passkey.removed }
  const page = passkeysPage(
    { ...frame, app: null, flow: null, path: home },
    {
      party: relyingParty(ctx.config),
      passkeys: await listPasskeys(ctx, holder.user.id),
      state: isFresh(ctx, holder) ? (isWeak(holder) ? 'weak' : 'open') : 'stale',
      problem: said?.problem ?? null,
      notice: said === null ? (notices[c.req.query('notice') ?? ''] ?? null) : null,
    },
  )
  return show(here, page, said?.status)
}

async function holderOf(here: Visit): Promise<Holder | null> {
  const session = await browserSession(here)
  const user = session === null ? null : await findUser(here.ctx, session.userId)
  return session === null || user === null ? null : { user, session }
}

async function begin(here: Visit): Promise<Interaction> {
  const { interaction, browser } = await startInteraction(here.ctx, {
    applicationId: null,
    browser: here.browser,
  })
  keepBrowser(here, browser)
  return interaction
}

/** The script says a failure in the page's words; the code is for those who look. */
export async function answer(c: Page, work: () => Promise<object>): Promise<Response> {
  c.header('cache-control', 'no-store')
  if (!isOwnForm(c)) return c.json({ code: 'foreign_form' }, 403)
  try {
    return c.json(await work())
  } catch (thrown) {
    const error = asFault(thrown)
    if (!isFault(error)) throw error
    const wait = secondsToWait(error)
    if (wait !== null) c.header('retry-after', String(wait))
    if (error.code !== 'unavailable' && error.code !== 'overloaded') {
      return c.json({ code: error.code }, error.code === 'over_request_rate_limit' ? 429 : 400)
    }
    c.get('ctx').log.error({ err: error }, 'A passkey could not be asked for.')
    return c.json({ code: error.code }, 503)
  }
}
