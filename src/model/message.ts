import type { Tx } from '../base/context.ts'
import { sql } from '../base/sql.ts'
import { sqlNow } from './clock.ts'
import { isUuid } from './uuid.ts'

/** What would have been sent: development keeps it in a mailbox, and nothing leaves the machine. */
export interface MailboxMessage {
  id: string
  channel: 'email' | 'phone'
  to: string
  /** Why it was sent, by Logto's usage types (`SignIn`, `Register` …) or GoTrue's mails. */
  type: string
  subject: string | null
  text: string | null
  html: string | null
  code: string | null
  link: string | null
  createdAt: Date
}

/** Puts a message into the mailbox. `code` and `link` are kept in clear: it is called in development only. */
export async function keepMessage(
  ctx: Tx,
  message: Omit<MailboxMessage, 'id' | 'createdAt'>,
): Promise<void> {
  const { channel, to, type, subject, text, html, code, link } = message
  await sql`
    insert into idp.messages (id, channel, recipient, type, subject, text, html, code, link, created_at)
    values (${ctx.random.uuid()}, ${channel}, ${to}, ${type}, ${subject}, ${text}, ${html}, ${code}, ${link}, ${sqlNow(ctx)})`.execute(
    ctx.db,
  )
}

/** Newest first; two of the same moment in the order in which they came. */
export async function listMessages(
  ctx: Tx,
  { to, limit = 200 }: { to?: string | undefined; limit?: number } = {},
): Promise<MailboxMessage[]> {
  // Postgres takes no NUL in a text, and nobody has one in an address.
  if (to?.includes('\0')) return []
  const { rows } = await sql<MessageRow>`
    select * from idp.messages where ${to ?? null}::text is null or lower(recipient) = lower(${to ?? null}::text)
    order by created_at desc, ctid desc limit ${limit}`.execute(ctx.db)
  return rows.map(toMessage)
}

export async function findMessage(ctx: Tx, id: string): Promise<MailboxMessage | null> {
  if (!isUuid(id)) return null
  const { rows } = await sql<MessageRow>`select * from idp.messages where id = ${id}`.execute(
    ctx.db,
  )
  return rows[0] === undefined ? null : toMessage(rows[0])
}

/** Empties the mailbox and returns how many there were. */
export async function deleteMessages(ctx: Tx): Promise<number> {
  const { rows } = await sql`delete from idp.messages returning id`.execute(ctx.db)
  return rows.length
}

interface MessageRow {
  id: string
  channel: MailboxMessage['channel']
  recipient: string
  type: string
  subject: string | null
  text: string | null
  html: string | null
  code: string | null
  link: string | null
  created_at: Date
}

function toMessage(row: MessageRow): MailboxMessage {
  const { recipient, created_at, ...rest } = row
  return { ...rest, to: recipient, createdAt: created_at }
}
