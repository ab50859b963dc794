import { setTimeout as sleep } from 'node:timers/promises'
import { type Mailgun, startMailgun } from '../servers/mailgun.ts'
import { unescaped } from './visitor.ts'

export interface Mail {
  to: string
  subject: string
  text: string
  html: string
  code: string
  link: string
}

export interface PostOffice {
  mailgun: Mailgun
  /** The connector's settings, for `apply`. */
  connector: Record<string, unknown>
  /** The next mail to somebody that was not handed out before. */
  next(to: string): Promise<Mail>
  close(): Promise<void>
}

/** A local Mailgun, and what the connector needs to send through it. */
export async function openPostOffice(): Promise<PostOffice> {
  const mailgun = await startMailgun()
  const read = new Set<object>()
  const delivery = (what: string) => ({
    subject: `{{code}} ${what}`,
    html: `<p>${what}: <b>{{code}}</b></p>`,
    text: `${what}: {{code}}`,
  })
  return {
    mailgun,
    connector: {
      connectorId: 'mailgun-email',
      config: {
        endpoint: mailgun.url,
        domain: 'mg.bookstore.example',
        apiKey: 'key-of-the-walk',
        from: 'Bookstore <no-reply@mg.bookstore.example>',
        deliveries: {
          Register: delivery('registers you'),
          SignIn: delivery('signs you in'),
          ForgotPassword: delivery('lets you choose a new password'),
          Generic: delivery('is your code'),
        },
      },
    },
    async next(to) {
      const message = await until(`a mail to ${to}`, () =>
        mailgun.messages.find(({ form }) => form.to === to && !read.has(form)),
      )
      read.add(message.form)
      return mailOf(to, message.form)
    },
    close: () => mailgun.close(),
  }
}

/** The next mail of the development mailbox that was not handed out before. */
export function mailboxOf(url: string): (to: string) => Promise<Mail> {
  const read = new Set<string>()
  return (to) =>
    until(`a mail to ${to} in the mailbox`, async () => {
      const answer = await fetch(`${url}/api/dev/messages?to=${encodeURIComponent(to)}`)
      const messages: (Mail & { id: string })[] = await answer.json()
      const message = messages.findLast(({ id }) => !read.has(id))
      if (message) read.add(message.id)
      return message
    })
}

function mailOf(to: string, form: Record<string, string>): Mail {
  const { subject = '', text = '', html = '' } = form
  const [code = ''] =
    /\b\d{6}\b/.exec(`${text} ${subject} ${html.replaceAll(/<[^>]*>/g, ' ')}`) ?? []
  const link = /href="([^"]*)"/.exec(html)?.[1] ?? /https?:\/\/\S+/.exec(text)?.[0] ?? ''
  return { to, subject, text, html, code, link: unescaped(link) }
}

/** Asks until there is an answer, for five seconds. */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  for (let tries = 0; tries < 100; tries += 1) {
    const answer = await ask()
    if (answer !== undefined) return answer
    await sleep(50)
  }
  throw new Error(`There was no sign of ${what}.`)
}
