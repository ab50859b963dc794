import type { Context } from '../base/context.ts'
import { createInteraction, type Interaction } from '../model/interaction.ts'

export interface StartedInteraction {
  interaction: Interaction
  /** For the browser's flow cookie (`browserCookies(config).flow`), whether it had one or not. */
  browser: string
}

/**
 * Begins a sign-in and binds it to the browser. The OpenID Provider then sends the browser to
 * `/sign-in?app_id=…&flow=<interaction.id>`; signed in, it comes back to `/oidc/auth/<interaction.id>`, where
 * `deleteInteraction` takes the interaction with its `sessionId`.
 */
export async function startInteraction(
  ctx: Context,
  asked: {
    applicationId: string | null
    request?: Record<string, unknown>
    /** What the app knows of the user already (OpenID Connect `login_hint`). */
    identifier?: string | undefined
    /** The flow cookie as it came; several tabs share it. */
    browser: string | null | undefined
  },
): Promise<StartedInteraction> {
  // Anything that is no secret of ours is replaced, so that nobody can fix a weak one.
  const browser = /^[\w-]{43}$/.test(asked.browser ?? '')
    ? String(asked.browser)
    : ctx.random.token()
  const interaction = await createInteraction(ctx, {
    applicationId: asked.applicationId,
    request: asked.request ?? {},
    state: asked.identifier ? { identifier: asked.identifier } : {},
    browser,
  })
  return { interaction, browser }
}
