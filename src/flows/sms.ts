import type { Context, Tx } from '../base/context.ts'
import { Fault, isFault } from '../base/fault.ts'
import { renderTemplate } from '../base/go-template.ts'
import { observeSending } from '../base/observe.ts'
import {
  findConnector,
  type MessageType,
  type SmsChannel,
  type SmsConnector,
} from '../connectors/index.ts'
import { messagebird } from '../connectors/messagebird.ts'
import { textlocal } from '../connectors/textlocal.ts'
import { twilio } from '../connectors/twilio.ts'
import { twilioVerify } from '../connectors/twilio-verify.ts'
import { vonage } from '../connectors/vonage.ts'
import { listConnectors } from '../model/connector.ts'
import { keepMessage } from '../model/message.ts'
import { hasHook } from './hooks/ask.ts'
import { sendTextByHook } from './hooks/messages.ts'

/** How a code reaches a phone. */
export type SmsWay =
  /** A number of `GOTRUE_SMS_TEST_OTP`: its code is known, and nothing is sent. */
  | { kind: 'test'; code: string }
  /** Somebody else sends what we made. */
  | { kind: 'hook' }
  | { kind: 'connector'; connector: SmsConnector; config: unknown }
  | { kind: 'mailbox' }

/**
 * The way of messages to a number: a test's, the hook `send_sms`, the connector that was set up, GoTrue's provider by the environment,
 * development's mailbox. Throws `connector_not_found` where there is none. Ask before the transaction.
 */
export async function findSmsWay(ctx: Context, phone: string): Promise<SmsWay> {
  const code = testCodeOf(ctx, phone)
  if (code !== null) return { kind: 'test', code }
  if (hasHook(ctx, 'sendSms')) return { kind: 'hook' }
  const setup = await storedConnector(ctx)
  if (setup !== null) return { kind: 'connector', ...setup }
  const { smsProvider } = ctx.config.gotrue
  if (smsProvider === '' && ctx.config.mode === 'dev') return { kind: 'mailbox' }
  const provider = providers.get(smsProvider)
  const config = provider?.config(ctx.config.gotrue)
  if (!provider?.connector.config.safeParse(config).success) {
    throw new Fault('connector_not_found', { channel: 'sms' })
  }
  return { kind: 'connector', connector: provider.connector, config }
}

function testCodeOf(ctx: Tx, phone: string): string | null {
  const { smsTestOtp, smsTestOtpValidUntil } = ctx.config.gotrue
  if (smsTestOtpValidUntil !== null && smsTestOtpValidUntil <= ctx.now().getTime()) return null
  return Object.hasOwn(smsTestOtp, phone) ? (smsTestOtp[phone] ?? null) : null
}

async function storedConnector(
  ctx: Context,
): Promise<{ connector: SmsConnector; config: unknown } | null> {
  for (const { connectorId, config } of await listConnectors(ctx)) {
    const connector = findConnector(connectorId)
    if (connector?.type === 'Sms') return { connector, config }
  }
  return null
}

type Gotrue = Context['config']['gotrue']

/** By their names in `GOTRUE_SMS_PROVIDER`: which connector each is, and how the environment sets it up. */
const providers = new Map<
  string,
  { connector: SmsConnector; config(gotrue: Gotrue): Record<string, unknown> }
>([
  [
    'twilio',
    {
      connector: twilio,
      config: (gotrue) => ({
        accountSID: gotrue.twilioAccountSid,
        authToken: gotrue.twilioAuthToken,
        fromMessagingServiceSID: gotrue.twilioMessageServiceSid,
        ...(gotrue.twilioContentSid === null ? {} : { contentSID: gotrue.twilioContentSid }),
        templates: [],
      }),
    },
  ],
  [
    'twilio_verify',
    {
      connector: twilioVerify,
      config: (gotrue) => ({
        accountSID: gotrue.twilioVerifyAccountSid,
        authToken: gotrue.twilioVerifyAuthToken,
        serviceSID: gotrue.twilioVerifyMessageServiceSid,
      }),
    },
  ],
  [
    'messagebird',
    {
      connector: messagebird,
      config: (gotrue) => ({
        accessKey: gotrue.messagebirdAccessKey,
        originator: gotrue.messagebirdOriginator,
        templates: [],
      }),
    },
  ],
  [
    'vonage',
    {
      connector: vonage,
      config: (gotrue) => ({
        apiKey: gotrue.vonageApiKey,
        apiSecret: gotrue.vonageApiSecret,
        brandName: gotrue.vonageFrom,
        templates: [],
      }),
    },
  ],
  [
    'textlocal',
    {
      connector: textlocal,
      config: (gotrue) => ({
        apiKey: gotrue.textlocalApiKey,
        sender: gotrue.textlocalSender,
        templates: [],
      }),
    },
  ],
])

/** The channel that was asked for, `sms` for none. Throws `input_invalid` where messages cannot go that way. */
export async function checkChannel(ctx: Context, channel: string): Promise<SmsChannel> {
  if (channel === '' || channel === 'sms') return 'sms'
  const setup = (await storedConnector(ctx)) ?? providers.get(ctx.config.gotrue.smsProvider)
  const connector = setup?.connector
  const found = connector?.channels.find((one) => one === channel)
  if (found === undefined) throw new Fault('input_invalid', { problem: 'channel' })
  return found
}

/** The digits of a message. A provider that makes them itself gets none of ours, and none can be guessed. */
export function makeSmsCode(ctx: Tx, way: SmsWay, length: number): string {
  if (way.kind === 'test') return way.code
  return isJudge(way) ? ctx.random.token() : ctx.random.digits(length)
}

export interface OutgoingText {
  userId: string
  /** Digits without `+`. */
  to: string
  code: string
  channel: SmsChannel
  type: MessageType
  /** With `{{ .Code }}` where the code goes. */
  template: string
}

/**
 * Sends a code now, and resolves with the message's id, empty where there is none. Throws `connector_failed`,
 * `connector_not_found`, `hook_failed` or `hook_refused`. The one place from which messages leave for phones: call it after the commit.
 */
export async function sendText(ctx: Context, way: SmsWay, text: OutgoingText): Promise<string> {
  const { userId, to, code, channel, type } = text
  const content = renderTemplate(text.template, { Code: code }, 'text')
  switch (way.kind) {
    case 'test':
      return 'test-otp'
    case 'hook':
      await sendTextByHook(ctx, userId, { code, phone: to, isFactor: type === 'MfaVerification' })
      return ''
    case 'mailbox':
      await keepMessage(ctx, {
        channel: 'phone',
        to,
        type,
        subject: null,
        text: content,
        html: null,
        code,
        link: null,
      })
      return ''
    case 'connector':
      return observeSending(ctx, way.connector.id, () =>
        way.connector.send({ to, type, channel, payload: { code }, content }, way.config, ctx),
      )
  }
}

function isJudge(way: SmsWay): boolean {
  return way.kind === 'connector' && way.connector.check !== undefined
}

/** Whether a provider knows the codes to a number, and not we. It asks no database where the cache is warm. */
export async function isJudgedOutside(ctx: Context, phone: string): Promise<boolean> {
  const way = await findSmsWay(ctx, phone).catch(orNothing)
  return way !== null && isJudge(way)
}

/**
 * What the provider says of a code that somebody typed: `ours` where it does not know them, and the hash decides. A
 * provider that cannot be asked has not said yes.
 */
export async function judgeSmsCode(
  ctx: Context,
  { phone, code }: { phone: string; code: string },
): Promise<'ours' | 'right' | 'wrong'> {
  const way = await findSmsWay(ctx, phone).catch(orNothing)
  if (way?.kind !== 'connector' || way.connector.check === undefined) return 'ours'
  try {
    const isRight = await way.connector.check({ to: phone, code }, way.config, ctx)
    return isRight ? 'right' : 'wrong'
  } catch (error) {
    if (!isFault(error)) throw error
    ctx.log.warn({ err: error, details: error.details }, 'A code could not be checked.')
    return 'wrong'
  }
}

/** Without a way out, codes that were sent before are still good. */
function orNothing(error: unknown): null {
  if (isFault(error, 'connector_not_found')) return null
  throw error
}
