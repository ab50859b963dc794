import type { Connector, EmailConnector, SmsConnector } from './connector.ts'
import { mailgun } from './mailgun.ts'
import { messagebird } from './messagebird.ts'
import { smtp } from './smtp.ts'
import { textlocal } from './textlocal.ts'
import { twilio } from './twilio.ts'
import { twilioVerify } from './twilio-verify.ts'
import { vonage } from './vonage.ts'

export type {
  Connector,
  EmailConnector,
  FormItem,
  Message,
  MessageContent,
  MessagePayload,
  MessageType,
  Outside,
  SmsChannel,
  SmsConnector,
  TextMessage,
} from './connector.ts'
export { checkConfig, messageTypes } from './connector.ts'
export { smtpConnectorId } from './smtp.ts'

export const emailConnectors: readonly EmailConnector[] = [mailgun, smtp]
export const smsConnectors: readonly SmsConnector[] = [
  twilio,
  twilioVerify,
  messagebird,
  vonage,
  textlocal,
]

/** By the id that Logto calls `connectorId`, or factory id. */
export function findConnector(id: string): Connector | null {
  return [...emailConnectors, ...smsConnectors].find((connector) => connector.id === id) ?? null
}
