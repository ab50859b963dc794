import { setTimeout as pause } from 'node:timers/promises'
import { type Smtp, startSmtp } from '../../servers/smtp.ts'

/** How the mail provider behaves. */
export type MailMode = 'well' | 'slow' | 'refusing' | 'hanging'

export interface SentMail {
  /** In the clock of the history. */
  at: number
  to: string
  code: string
  hash: string
}

export interface MailServer {
  port: number
  sent: SentMail[]
  behave(mode: MailMode): void
  /** The next mail to somebody that was not handed out before; null when none came in time. */
  next(to: string, patienceMs: number): Promise<SentMail | null>
  close(): Promise<void>
}

/** What the lab has every mail say, and nothing else. */
export const mailTemplate = '<p>code={{ .Token }} hash={{ .TokenHash }}</p>'

export async function openMailServer(host: string): Promise<MailServer> {
  let mode: MailMode = 'well'
  const smtp: Smtp = await startSmtp({
    host,
    // Its certificate is nobody's, and the way to it is a wire of ours.
    disabledCommands: ['AUTH', 'STARTTLS'],
    onMailFrom(_address, _session, done) {
      if (mode === 'slow') setTimeout(done, 2500)
      else if (mode !== 'hanging') done()
    },
  })
  const sent: SentMail[] = []
  const unread = new Map<string, SentMail[]>()
  let read = 0
  const sorting = setInterval(() => {
    for (; read < smtp.messages.length; read += 1) {
      const message = smtp.messages[read]
      const [to = ''] = message?.to ?? []
      const [, code = '', hash = ''] = /code=(\S+) hash=(\w+)/.exec(message?.html ?? '') ?? []
      const mail = { at: performance.now(), to, code, hash }
      sent.push(mail)
      unread.set(to, [...(unread.get(to) ?? []), mail])
    }
  }, 10)
  return {
    port: smtp.port,
    sent,
    behave(next) {
      mode = next
      smtp.refuseWith(next === 'refusing' ? { status: 554, text: 'No service here' } : null)
    },
    async next(to, patienceMs) {
      const end = performance.now() + patienceMs
      for (;;) {
        const mail = unread.get(to)?.shift()
        if (mail !== undefined) return mail
        if (performance.now() > end) return null
        await pause(10)
      }
    },
    async close() {
      clearInterval(sorting)
      await smtp.close()
    },
  }
}
