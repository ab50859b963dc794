import type { z } from 'zod'
import { Fault } from '../base/fault.ts'

/** Every way out to the world. A union by `type`: social and enterprise connectors join it here. */
export type Connector = EmailConnector | SmsConnector

/** What a connector may reach. A `Context` is one; a `Tx` is not, so mail in a transaction does not compile. */
export interface Outside {
  readonly fetch: typeof globalThis.fetch
  now(): Date
}

export const messageTypes = [
  'SignIn',
  'Register',
  'ForgotPassword',
  'Generic',
  'OrganizationInvitation',
  'UserPermissionValidation',
  'BindNewIdentifier',
  'MfaVerification',
  'BindMfa',
] as const

/** Why a message is sent; the administrator writes one delivery for each, or `Generic` for all. */
export type MessageType = (typeof messageTypes)[number]

export interface Message {
  /** One address. */
  to: string
  type: MessageType
  payload: MessagePayload
  /**
   * Where a template of our own was rendered already: sent as it is, and the deliveries are not looked at.
   * The payload still names code and link, so that they can be kept out of failures.
   */
  content?: MessageContent
}

/** What the templates may say. `code` and `link` are secrets: they never come back in a failure. */
export interface MessagePayload {
  code?: string
  link?: string
  locale?: string
  [variable: string]: unknown
}

export interface MessageContent {
  subject: string
  html: string
  text?: string
}

export interface EmailConnector extends ConnectorFacts {
  readonly type: 'Email'
  readonly platform: null
  /** Checks the stored config again, and resolves when the provider has taken the message. */
  send(message: Message, config: unknown, out: Outside): Promise<void>
}

/** How a text message reaches a phone. */
export type SmsChannel = 'sms' | 'whatsapp'

export interface TextMessage {
  /** One number: digits without `+`. */
  to: string
  type: MessageType
  channel: SmsChannel
  payload: MessagePayload & { code: string }
  /** Where a template of our own was rendered already: sent as it is, and the templates are not looked at. */
  content?: string
}

/** A code that somebody typed, for a provider that made it itself. */
export interface CodeAttempt {
  to: string
  code: string
}

export interface SmsConnector extends ConnectorFacts {
  readonly type: 'Sms'
  readonly platform: null
  readonly channels: readonly SmsChannel[]
  /** Resolves with the provider's id of the message when it has taken it. */
  send(message: TextMessage, config: unknown, out: Outside): Promise<string>
  /** Only where the provider makes the code, and so is the only one who knows it. */
  check?(attempt: CodeAttempt, config: unknown, out: Outside): Promise<boolean>
}

/** What the console shows of a connector, and how its config is checked. */
interface ConnectorFacts {
  /** Logto's factory id, `connectorId` in its API. */
  readonly id: string
  readonly target: string
  readonly name: Phrase
  readonly description: Phrase
  /** A data URI, drawn by us. */
  readonly logo: string
  /** The set-up guide, in Markdown. */
  readonly readme: string
  readonly formItems: readonly FormItem[]
  readonly config: z.ZodType
}

export interface Phrase {
  readonly en: string
  readonly ja: string
}

/** A field of the console's form, in the shape that Logto's console understands. */
export interface FormItem {
  readonly type: 'Text' | 'MultilineText' | 'Number' | 'Switch' | 'Select' | 'MultiSelect' | 'Json'
  readonly key: string
  readonly label: string
  readonly placeholder?: string
  readonly description?: string
  readonly required?: boolean
  readonly defaultValue?: unknown
  /** Masked in the console. */
  readonly isConfidential?: boolean
}

interface EmailDeclaration<Schema extends z.ZodType> extends Omit<ConnectorFacts, 'config'> {
  readonly config: Schema
  deliver(message: Message, config: z.output<Schema>, out: Outside): Promise<void>
}

/** Declares an e-mail connector: `deliver` sees only messages and configs that were checked. */
export function emailConnector<Schema extends z.ZodType>(
  declaration: EmailDeclaration<Schema>,
): EmailConnector {
  const { deliver, ...facts } = declaration
  return {
    ...facts,
    type: 'Email',
    platform: null,
    async send(message, config, out) {
      const checked = checkConfig(facts, config)
      await deliver(message, checked, out)
    },
  }
}

interface SmsDeclaration<Schema extends z.ZodType> extends Omit<ConnectorFacts, 'config'> {
  readonly config: Schema
  readonly channels: readonly SmsChannel[]
  deliver(message: TextMessage, config: z.output<Schema>, out: Outside): Promise<string>
  verify?(attempt: CodeAttempt, config: z.output<Schema>, out: Outside): Promise<boolean>
}

/** Declares a connector to phones: `deliver` and `verify` see only configs that were checked. */
export function smsConnector<Schema extends z.ZodType>(
  declaration: SmsDeclaration<Schema>,
): SmsConnector {
  const { deliver, verify, ...facts } = declaration
  return {
    ...facts,
    type: 'Sms',
    platform: null,
    send: async (message, config, out) => deliver(message, checkConfig(facts, config), out),
    ...(verify && {
      check: async (attempt, config, out) => verify(attempt, checkConfig(facts, config), out),
    }),
  }
}

/** The config without keys that the connector does not know, or `connector_invalid_config` with the places and reasons. */
export function checkConfig<Schema extends z.ZodType>(
  connector: { readonly id: string; readonly config: Schema },
  config: unknown,
): z.output<Schema> {
  const parsed = connector.config.safeParse(config)
  if (parsed.success) return parsed.data
  // Only place and reason: an issue could otherwise carry the value, and the value may be a key.
  const issues = parsed.error.issues.map(({ code, path, message }) => ({ code, path, message }))
  throw new Fault('connector_invalid_config', { connectorId: connector.id, issues })
}

/** A picture as a data URI, so that the console needs no other request for it. */
export function drawn(svg: string): string {
  return `data:image/svg+xml,${encodeURIComponent(svg)}`
}
