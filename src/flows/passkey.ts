import type { AuthenticationResponseJSON } from '@simplewebauthn/server'
import { z } from 'zod'
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
import { findUser } from '../model/user.ts'
import { isUuid } from '../model/uuid.ts'
import { admit } from './admit.ts'
import { finish, type Next } from './interaction.ts'
import { policyOf } from './sign-in-policy.ts'

/** Whom a passkey is made for: a key that another site's name was given to never answers to ours. */
export interface RelyingParty {
  id: string
  origin: string
}

/** Null where browsers have no passkeys: under a bare address, or over plain http. */
export function relyingPartyOf({ publicUrl }: { publicUrl: string }): RelyingParty | null {
  const { hostname, protocol, origin } = new URL(publicUrl)
  const isLocal = hostname === 'localhost' || hostname.endsWith('.localhost')
  const isAddress = /^[\d.]+$/.test(hostname) || hostname.startsWith('[')
  return isAddress || (protocol !== 'https:' && !isLocal) ? null : { id: hostname, origin }
}

/** Throws `passkey_disabled`. */
export function relyingParty(config: { publicUrl: string }): RelyingParty {
  const party = relyingPartyOf(config)
  if (party === null) throw new Fault('passkey_disabled')
  return party
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
  const { id } = relyingParty(ctx.config)
  await limitQuestions(ctx)
  const { id: challengeId, challenge } = await createPasskeyChallenge(ctx, {
    type: 'authentication',
    holder: interaction.id,
    userId: null,
    relyingPartyId: id,
  })
  return {
    challengeId,
    options: {
      challenge,
      rpId: id,
      allowCredentials: [],
      userVerification: 'preferred',
      timeout: passkeyChallengeLifetime,
    },
  }
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
  const challenge = await spendPasskeyChallenge(ctx, given.challengeId, {
    type: 'authentication',
    holder: interaction.id,
  })
  if (challenge === null) throw new Fault('passkey_expired')
  const response = readAnswer(answer, given.credential)
  const passkey = await findPasskey(ctx, response.id)
  const user = passkey === null ? null : await findUser(ctx, passkey.userId)
  if (passkey === null || user === null) {
    throw new Fault('passkey_unknown', { credentialId: response.id })
  }
  const use = await verify({ passkey, response, challenge, party })
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

async function verify({
  passkey,
  response,
  challenge,
  party,
}: {
  passkey: Passkey
  response: z.infer<typeof answer>
  challenge: string
  party: RelyingParty
}): Promise<{ counter: number; isBackedUp: boolean }> {
  refuseStranger(passkey, response.response.userHandle)
  const { verified, authenticationInfo } = await checked((library) =>
    library.verifyAuthenticationResponse({
      response: response as AuthenticationResponseJSON,
      expectedChallenge: challenge,
      expectedOrigin: party.origin,
      expectedRPID: party.id,
      requireUserVerification: false,
      credential: {
        id: passkey.credentialId,
        publicKey: passkey.publicKey,
        counter: passkey.counter,
      },
    }),
  )
  if (!verified) throw new Fault('passkey_refused')
  return {
    counter: authenticationInfo.newCounter,
    isBackedUp: authenticationInfo.credentialBackedUp,
  }
}

/** A handle that we gave names the user (WebAuthn § 7.2, step 6); Auth.js gives handles that mean nothing. */
function refuseStranger({ userId }: Passkey, userHandle: string | null | undefined): void {
  const handle = Buffer.from(userHandle ?? '', 'base64url').toString('utf8')
  if (isUuid(handle) && handle !== userId) throw new Fault('passkey_refused')
}

type Library = typeof import('@simplewebauthn/server')

/** The library throws at whatever it does not take; loading it takes 100 ms, which no start should wait for. */
export async function checked<T>(check: (library: Library) => Promise<T>): Promise<T> {
  const library = await import('@simplewebauthn/server')
  try {
    return await check(library)
  } catch (error) {
    throw new Fault('passkey_refused', {}, { cause: error })
  }
}

/** An answer of a browser, as it wrote it into the form. */
export function readAnswer<T>(shape: z.ZodType<T>, text: string): T {
  try {
    return shape.parse(JSON.parse(text))
  } catch (error) {
    throw new Fault('passkey_refused', {}, { cause: error })
  }
}

export const base64url = z
  .string()
  .regex(/^[\w-]+$/)
  .max(100_000)

const answer = z.object({
  id: base64url.max(1400),
  rawId: base64url,
  type: z.literal('public-key'),
  response: z.object({
    clientDataJSON: base64url,
    authenticatorData: base64url,
    signature: base64url,
    userHandle: base64url.nullish(),
  }),
  clientExtensionResults: z.record(z.string(), z.unknown()).default({}),
})

/** Each page that is opened asks once, and a whole office may have one address. */
export async function limitQuestions(ctx: Context): Promise<void> {
  const taken = await take(ctx, `passkey:${ctx.client.ip ?? 'nowhere'}`, {
    limit: 300,
    window: 5 * minute,
  })
  if (!taken.allowed) {
    throw new Fault('over_request_rate_limit', { retryAfter: taken.retryAfter })
  }
}
