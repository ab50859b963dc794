import type { Context } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { observeSending } from '../base/observe.ts'
import {
  type EmailConnector,
  findConnector,
  type Message,
  type MessageContent,
} from '../connectors/index.ts'
import { smtp } from '../connectors/smtp.ts'
import { listConnectors } from '../model/connector.ts'
import { keepMessage } from '../model/message.ts'

/** A message with the words that go out when the connector has no delivery of its own for it. */
export interface Outgoing extends Omit<Message, 'content'> {
  /** Sent as it is where no connector of the console is asked: development's mailbox, GoTrue's SMTP server. */
  fallback: MessageContent
  /** GoTrue's mails are rendered from its own templates: the connector's deliveries are not looked at. */
  rendered?: boolean
  /** GoTrue's name of the mail: what `$messageType` in `GOTRUE_SMTP_HEADERS` becomes. */
  header?: string
}

/**
 * Sends a message now, and throws when that fails: `connector_failed`, `connector_template_not_found`, or
 * `connector_not_found` when nothing can send. The way is the first that exists: the connector that was set up,
 * `GOTRUE_SMTP_*`, development's mailbox. Call it after the commit.
 */
export async function deliver(ctx: Context, outgoing: Outgoing): Promise<void> {
  const { fallback, rendered, header = '', ...message } = outgoing
  const way = await findWay(ctx, header)
  if (way === null) throw new Fault('connector_not_found')
  if (way === 'mailbox') return keep(ctx, outgoing)
  const { connector, config, isOurs } = way
  const content = rendered || isOurs ? { content: fallback } : {}
  await observeSending(ctx, connector.id, () =>
    connector.send({ ...message, ...content }, config, ctx),
  )
  if (ctx.config.gotrue.smtpLogging) ctx.log.info({ to: message.to, type: header }, 'mail sent')
}

/** Whether any way out exists at all; GoTrue without SMTP server sends nothing and says nothing. */
export async function canDeliver(ctx: Context): Promise<boolean> {
  return (await findWay(ctx)) !== null
}

type Way = { connector: EmailConnector; config: unknown; isOurs: boolean } | 'mailbox' | null

async function findWay(ctx: Context, header = ''): Promise<Way> {
  for (const setup of await listConnectors(ctx)) {
    const connector = findConnector(setup.connectorId)
    if (connector?.type === 'Email') return { connector, config: setup.config, isOurs: false }
  }
  const environment = smtpOfEnvironment(ctx, header)
  if (environment !== null) return environment
  return ctx.config.mode === 'dev' ? 'mailbox' : null
}

function smtpOfEnvironment(ctx: Context, header: string): Way {
  const { smtpHost, smtpPort, smtpUser, smtpPass, smtpAdminEmail, smtpSenderName, smtpHeaders } =
    ctx.config.gotrue
  if (smtpHost === null) return null
  return {
    connector: smtp,
    isOurs: true,
    config: {
      host: smtpHost,
      port: smtpPort,
      fromEmail: smtpAdminEmail ?? `noreply@${new URL(ctx.config.publicUrl).hostname}`,
      ...(smtpSenderName === null ? {} : { senderName: smtpSenderName }),
      customHeaders: headersFor(smtpHeaders, header),
      ...(smtpUser === null ? {} : { auth: { user: smtpUser, pass: smtpPass ?? '' } }),
    },
  }
}

function headersFor(
  headers: Readonly<Record<string, readonly string[]>>,
  type: string,
): Record<string, string[]> {
  const filled = Object.entries(headers).map(([name, values]) => [
    name,
    values.map((value) => value.replaceAll('$messageType', type)),
  ])
  return Object.fromEntries(filled)
}

async function keep(ctx: Context, { to, type, payload, fallback }: Outgoing): Promise<void> {
  await keepMessage(ctx, {
    channel: 'email',
    to,
    type,
    subject: fallback.subject,
    text: fallback.text ?? null,
    html: fallback.html,
    code: payload.code ?? null,
    link: payload.link ?? null,
  })
}
