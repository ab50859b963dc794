import type { Connector, EmailConnector } from './connector.ts'
import { mailgun } from './mailgun.ts'
import { smtp } from './smtp.ts'

export type {
  Connector,
  EmailConnector,
  FormItem,
  Message,
  MessageContent,
  MessagePayload,
  MessageType,
  Outside,
} from './connector.ts'
export { checkConfig, messageTypes } from './connector.ts'
export { smtpConnectorId } from './smtp.ts'

export const emailConnectors: readonly EmailConnector[] = [mailgun, smtp]

/** By the id that Logto calls `connectorId`, or factory id. */
export function findConnector(id: string): Connector | null {
  return emailConnectors.find((connector) => connector.id === id) ?? null
}
