import type { Context, Tx } from '../base/context.ts'
import { Fault, isFault } from '../base/fault.ts'
import { minute } from '../base/time.ts'
import type { MessageType, SmsChannel } from '../connectors/index.ts'
import { take } from '../model/limit.ts'
import {
  dropTokens,
  keepTokens,
  type MadeToken,
  type TokenKind,
  tokenOf,
} from '../model/one-time-token.ts'
import type { User } from '../model/user.ts'
import { countSent } from './sent-limit.ts'
import { makeSmsCode, type SmsWay, sendText } from './sms.ts'

/** Why a phone gets a code, in GoTrue's words, which its error says. */
export type TextPurpose = 'confirmation' | 'phone_change' | 'reauthentication'

const facts: Record<TextPurpose, { kind: TokenKind; message: MessageType }> = {
  confirmation: { kind: 'confirmation_token', message: 'Register' },
  phone_change: { kind: 'phone_change_token', message: 'BindNewIdentifier' },
  reauthentication: { kind: 'reauthentication_token', message: 'UserPermissionValidation' },
}

/** A message whose token is written, and which goes out after the commit. */
export interface PreparedText {
  purpose: TextPurpose
  userId: string
  channel: SmsChannel
  type: MessageType
  way: SmsWay
  token: MadeToken
}

/** Writes a user's code. Throws `over_sms_send_rate_limit` when the last one is too young, or there were too many. */
export async function prepareText(
  ctx: Tx,
  user: User,
  request: { purpose: TextPurpose; phone: string; channel: SmsChannel; way: SmsWay },
): Promise<PreparedText> {
  const { purpose, phone, channel, way } = request
  const { smsOtpLength, smsMaxFrequency } = ctx.config.gotrue
  const { kind, message } = facts[purpose]
  const code = makeSmsCode(ctx, way, smsOtpLength)
  const token = tokenOf({ kind, recipient: phone, code })
  const kept = await keepTokens(ctx, user.id, [token], {
    every: smsMaxFrequency,
    ...(purpose === 'phone_change' ? { newPhone: phone } : {}),
  })
  if (kept.outcome === 'too-soon') {
    throw new Fault('over_sms_send_rate_limit', { retryAfter: kept.retryAfter })
  }
  await countText(ctx, way, phone)
  const type = purpose === 'confirmation' && user.phoneVerifiedAt !== null ? 'SignIn' : message
  return { purpose, userId: user.id, channel, type, way, token }
}

/**
 * Messages cost money and sleep: many accounts that name one number do not reach it more often. Throws
 * `over_sms_send_rate_limit`.
 */
export async function countText(ctx: Tx, way: SmsWay, phone: string): Promise<void> {
  if (way.kind === 'test') return
  const taken = await take(ctx, `send-text:${phone}`, { limit: 10, window: 10 * minute })
  if (!taken.allowed) {
    throw new Fault('over_sms_send_rate_limit', { retryAfter: taken.retryAfter })
  }
  await countSent(ctx, 'sms')
}

/**
 * Sends it, after the commit, and resolves with the message's id. When it cannot be sent its token is taken back, so
 * that nobody has to wait before trying again, and `connector_failed` or what the hook said is thrown.
 */
export async function sendPreparedText(ctx: Context, text: PreparedText): Promise<string> {
  const { purpose, userId, channel, type, way, token } = text
  try {
    return await sendText(ctx, way, {
      userId,
      to: token.recipient,
      code: token.code,
      channel,
      type,
      template: ctx.config.gotrue.smsTemplate,
    })
  } catch (error) {
    await dropTokens(ctx, userId, [token])
    throw unsent(ctx, error, purpose)
  }
}

/** Why a message did not go out, for whoever asked for it; the log has to know it too. */
export function unsent(ctx: Tx, error: unknown, purpose: TextPurpose | 'factor'): unknown {
  if (!isFault(error)) return error
  // What a hook says is said as it is.
  if (error.code === 'hook_refused' || error.code === 'hook_failed') return error
  ctx.log.warn({ code: error.code, details: error.details }, 'A text message could not be sent.')
  const code = error.code === 'connector_failed' ? error.code : 'connector_not_found'
  return new Fault(code, { ...error.details, channel: 'sms', purpose }, { cause: error })
}
