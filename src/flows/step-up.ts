import type { Context } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { answerInteraction, type Interaction } from '../model/interaction.ts'
import type { Factor, User } from '../model/user.ts'
import { factorOf } from './factor.ts'
import { canVerify, challengeFactor } from './factor-challenge.ts'
import { proveFactor } from './factor-proof.ts'
import type { Holder } from './passkey-registration.ts'
import { listSecondKeys } from './second-key.ts'

/** Whether somebody can show a hosted page what makes their session surer. */
export async function canStepUp(ctx: Context, user: User): Promise<boolean> {
  return factorsToShow(ctx, user).length > 0 || (await listSecondKeys(ctx, user)).length > 0
}

/** The second factors that a page can ask for which needs no script: an app's digits first, then a phone's. */
export function factorsToShow(ctx: Context, { factors }: User): Factor[] {
  return factors
    .filter(({ status, type }) => status === 'verified' && type !== 'webauthn')
    .filter(({ type }) => canVerify(ctx, type))
    .sort((one, other) => (one.type === other.type ? 0 : one.type === 'totp' ? -1 : 1))
}

/** Sends a phone its code, and goes on with that phone. Throws what `challengeFactor` throws. */
export async function sendFactorCode(
  ctx: Context,
  { interaction, browser }: { interaction: Interaction; browser: string },
  { holder, factorId }: { holder: Holder; factorId: string },
): Promise<void> {
  const factor = shownFactor(ctx, holder.user, factorId)
  const { id } = await challengeFactor(ctx, holder, { factor, channel: 'sms' })
  const challenge = { factorId: factor.id, id }
  await answerInteraction(ctx, { id: interaction.id, browser }, { challenge })
}

/** Raises the browser's session by the digits of an app or a phone. Throws what `proveFactor` throws. */
export async function stepUp(
  ctx: Context,
  interaction: Interaction,
  { holder, factorId, code }: { holder: Holder; factorId: string; code: string },
): Promise<void> {
  const factor = shownFactor(ctx, holder.user, factorId)
  const challengeId =
    factor.type === 'totp'
      ? (await challengeFactor(ctx, holder, { factor, channel: 'sms' })).id
      : challengeOf(interaction, factor)
  await proveFactor(ctx, holder, { factor, challengeId, proof: { type: 'code', code } })
}

function shownFactor(ctx: Context, user: User, id: string): Factor {
  const factor = factorOf(user, id)
  if (factorsToShow(ctx, user).includes(factor)) return factor
  throw new Fault('factor_not_found')
}

function challengeOf({ state: { challenge } }: Interaction, factor: Factor): string {
  if (challenge?.factorId !== factor.id) throw new Fault('code_expired')
  return challenge.id
}
