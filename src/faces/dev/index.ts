import { Hono } from 'hono'
import { actingAs } from '../../base/context.ts'
import { sameSecret } from '../../base/crypto.ts'
import { isFault } from '../../base/fault.ts'
import { type Env, readJson } from '../../base/http.ts'
import { isCommandName, runCommand } from '../../flows/administer.ts'
import { deleteMessages, findMessage, listMessages } from '../../model/message.ts'
import { negotiate } from '../../words/words.ts'
import { ownPagesOnly, thisMachineOnly } from './local.ts'
import { mailboxPage, messageDocument, pageHeaders } from './mailbox.ts'

export interface DevOptions {
  /** What the command line shows to work through this server; it stands in a file of the data directory. */
  token: string
}

/** What only a development server has: the mailbox, its JSON, and the door for the command line. */
export function dev({ token }: DevOptions): Hono<Env> {
  const app = new Hono<Env>()
  for (const path of ['/api/dev/*', '/console', '/console/mailbox', '/console/mailbox/*']) {
    app.use(path, thisMachineOnly, ownPagesOnly)
  }

  app.get('/api/dev/messages', async (c) => {
    c.header('cache-control', 'no-store')
    return c.json(await listMessages(c.get('ctx'), { to: c.req.query('to') }))
  })

  app.delete('/api/dev/messages', async (c) => {
    return c.json({ deleted: await deleteMessages(c.get('ctx')) })
  })

  app.post('/api/dev/commands/:name', async (c) => {
    const given = /^Bearer (.+)$/.exec(c.req.header('authorization') ?? '')?.[1] ?? ''
    if (!sameSecret(given, token)) {
      return c.json({ code: 'no_authorization', details: {} }, 401)
    }
    const name = c.req.param('name')
    if (!isCommandName(name)) return c.json({ code: 'not_found', details: { command: name } }, 404)
    const ctx = actingAs(c.get('ctx'), { kind: 'system', name: 'cli' })
    try {
      return c.json({ result: await runCommand(ctx, name, await readJson(c)) })
    } catch (error) {
      if (!isFault(error)) throw error
      return c.json({ code: error.code, details: error.details }, 400)
    }
  })

  app.get('/console', (c) => c.redirect('/console/mailbox', 302))

  app.get('/console/mailbox', async (c) => {
    const to = c.req.query('to') || undefined
    const messages = await listMessages(c.get('ctx'), { to })
    const words = negotiate({ acceptLanguage: c.req.header('accept-language') })
    const page = mailboxPage({ words, messages, to: to ?? '', chosen: messages[0] ?? null })
    return c.html(page, 200, pageHeaders)
  })

  app.post('/console/mailbox/empty', async (c) => {
    await deleteMessages(c.get('ctx'))
    return c.redirect('/console/mailbox', 303)
  })

  app.get('/console/mailbox/:id', async (c) => {
    const chosen = await findMessage(c.get('ctx'), c.req.param('id'))
    if (chosen === null) return c.redirect('/console/mailbox', 302)
    const to = c.req.query('to') || undefined
    const messages = await listMessages(c.get('ctx'), { to })
    const words = negotiate({ acceptLanguage: c.req.header('accept-language') })
    const page = mailboxPage({ words, messages, to: to ?? '', chosen, isOpened: true })
    return c.html(page, 200, pageHeaders)
  })

  app.get('/console/mailbox/:id/html', async (c) => {
    const message = await findMessage(c.get('ctx'), c.req.param('id'))
    if (message?.html == null) return c.notFound()
    const { body, headers } = messageDocument(message.html)
    return c.html(body, 200, headers)
  })

  return app
}
