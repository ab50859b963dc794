import { networkOf } from '../base/client-ip.ts'
import { type Context, transaction } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { minute } from '../base/time.ts'
import type { Interaction } from '../model/interaction.ts'
import { take } from '../model/limit.ts'
import { findPasskey, type Passkey, usePasskey } from '../model/passkey.ts'
import {
  createPasskeyChallenge,
  passkeyChallengeLifetime,
  spendPasskeyChallenge,
} from '../model/passkey-challenge.ts'
import { findSettings } from '../model/settings.ts'
import { findUser, type User } from '../model/user.ts'
import { isUuid } from '../model/uuid.ts'
import { admit } from './admit.ts'
import { finish, type Next } from './interaction.ts'
import { policyOf } from './sign-in-policy.ts'
import {
  type Party,
  type RequestAnswer,
  readAnswerText,
  requestAnswer,
  requestOptions,
  verifyRequest,
} from './webauthn.ts'

/** Whom a passkey is made for: a key that another site's name was given to never answers to ours. */
export interface RelyingParty {
  id: string
  origin: string
}

interface Places {
  publicUrl: string
  gotrue: { webauthnId: string | null }
}

/**
 * Null where browsers have no passkeys: under a bare address, or over plain http. The name that was configured for
 * clients of Supabase is that of the pages too, where they are below it: so both have the same passkeys.
 */
export function relyingPartyOf({ publicUrl, gotrue }: Places): RelyingParty | null {
  const { hostname, protocol, origin } = new URL(publicUrl)
  const isLocal = hostname === 'localhost' || hostname.endsWith('.localhost')
  const isAddress = /^[\d.]+$/.test(hostname) || hostname.startsWith('[')
  if (isAddress || (protocol !== 'https:' && !isLocal)) return null
  const named = gotrue.webauthnId
  const isBelow = named !== null && (hostname === named || hostname.endsWith(`.${named}`))
  return { id: isBelow ? named : hostname, origin }
}

/** Throws `passkey_disabled`. */
export function relyingParty(config: Places): RelyingParty & Party {
  const party = relyingPartyOf(config)
  if (party === null) throw new Fault('passkey_disabled')
  return { ...party, name: party.id, origins: [party.origin] }
}

/** The same for clients of Supabase, whose pages are elsewhere: `GOTRUE_WEBAUTHN_RP_*`. Throws `passkey_disabled`. */
export function clientParty(config: Context['config']): Party {
  const { webauthnId, webauthnName, webauthnOrigins, siteUrl } = config.gotrue
  const id = webauthnId ?? relyingPartyOf(config)?.id
  if (id === undefined) throw new Fault('passkey_disabled')
  const own = [new URL(config.publicUrl).origin, new URL(siteUrl).origin]
  return {
    id,
    name: webauthnName ?? id,
    origins: webauthnOrigins.length > 0 ? webauthnOrigins : own,
  }
}

/** What the browser is asked; `challengeId` comes back with the answer. */
export interface PasskeyQuestion {
  challengeId: string
  options: Record<string, unknown>
}

/** The same question for everybody: no address is needed, and none is told. */
export async function startPasskeySignIn(
  ctx: Context,
  interaction: Interaction,
): Promise<PasskeyQuestion> {
  const party = relyingParty(ctx.config)
  await limitQuestions(ctx)
  const { id: challengeId, challenge } = await createPasskeyChallenge(ctx, {
    type: 'authentication',
    holder: interaction.id,
    userId: null,
    relyingPartyId: party.id,
    lifetime: passkeyChallengeLifetime,
  })
  const timeout = passkeyChallengeLifetime
  return { challengeId, options: requestOptions({ party, challenge, known: [], timeout }) }
}

/**
 * Signs in with the browser's answer, as JSON. Throws `passkey_expired`, `passkey_unknown` (`details.credentialId`),
 * `passkey_refused`, and what `admit` refuses.
 */
export async function signInWithPasskey(
  ctx: Context,
  interaction: Interaction,
  given: { challengeId: string; credential: string },
): Promise<Next> {
  const party = relyingParty(ctx.config)
  if (!policyOf(await findSettings(ctx, 'sign-in-experience')).canSignIn) {
    throw new Fault('phone_provider_disabled')
  }
  const challenge = await takePasskeyChallenge(ctx, given.challengeId, {
    type: 'authentication',
    holder: interaction.id,
    userId: null,
  })
  const answer = readAnswerText(requestAnswer, given.credential)
  const { user, passkey, use } = await recognise(ctx, { answer, challenge, party })
  return transaction(ctx, async (ctx) => {
    if (!(await usePasskey(ctx, passkey, use))) throw new Fault('passkey_refused')
    const session = await admit(ctx, user, {
      method: 'passkey',
      traits: { passkey_id: passkey.id },
      ...(interaction.applicationId === null ? {} : { applicationId: interaction.applicationId }),
    })
    return finish(ctx, interaction, session)
  })
}

/** Throws `passkey_expired`: with `why: 'late'` where the answer came too late, else there was no such question. */
export async function takePasskeyChallenge(
  ctx: Context,
  id: string,
  purpose: Parameters<typeof spendPasskeyChallenge>[2],
): Promise<string> {
  const spent = await spendPasskeyChallenge(ctx, id, purpose)
  if (spent === null) throw new Fault('passkey_expired')
  if (spent.isLate) throw new Fault('passkey_expired', { why: 'late' })
  return spent.challenge
}

/** Whose passkey answered. Throws `passkey_unknown`, `passkey_refused`. */
export async function recognise(
  ctx: Context,
  { answer, challenge, party }: { answer: RequestAnswer; challenge: string; party: Party },
): Promise<{ user: User; passkey: Passkey; use: { counter: number; isBackedUp: boolean } }> {
  const passkey = await findPasskey(ctx, answer.id)
  const user = passkey === null ? null : await findUser(ctx, passkey.userId)
  if (passkey === null || user === null) {
    throw new Fault('passkey_unknown', { credentialId: answer.id })
  }
  refuseStranger(passkey.userId, answer)
  const use = await verifyRequest(answer, { challenge, party, key: passkey })
  return { user, passkey, use }
}

/** A handle that we gave names the user (WebAuthn § 7.2, step 6); Auth.js gives handles that mean nothing. */
export function refuseStranger(userId: string, { response }: RequestAnswer): void {
  const handle = Buffer.from(response.userHandle ?? '', 'base64url').toString('utf8')
  if (isUuid(handle) && handle !== userId) throw new Fault('passkey_refused')
}

/** Each page that is opened asks once, and a whole office may have one address. */
export async function limitQuestions(ctx: Context): Promise<void> {
  const taken = await take(ctx, `passkey:${networkOf(ctx.client.ip)}`, {
    limit: 300,
    window: 5 * minute,
  })
  if (!taken.allowed) {
    throw new Fault('over_request_rate_limit', { retryAfter: taken.retryAfter })
  }
}
