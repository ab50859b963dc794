import { createServer as createHttpServer } from 'node:http'
import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import { listenOnLoopback } from '../../test/setup/listen.ts'
import type { Message, Outside } from './connector.ts'
import { patience } from './failure.ts'
import { mailgun } from './mailgun.ts'
import { smtp } from './smtp.ts'

const out: Outside = { fetch, now: () => new Date('2026-01-01T00:00:00Z') }

const message: Message = { to: 'u@example.com', type: 'Generic', payload: { code: '918273' } }

const mailgunAt = (port: number) => ({
  endpoint: `http://127.0.0.1:${port}`,
  domain: 'mg.example.com',
  apiKey: 'key-123',
  from: 'a@b.example',
  deliveries: { Generic: { html: '{{code}}' } },
})

const smtpAt = (port: number) => ({
  host: '127.0.0.1',
  port,
  fromEmail: 'a@b.example',
  deliveries: { Generic: { html: '{{code}}' } },
})

async function expectGivenUp(sending: Promise<void>) {
  const begun = performance.now()
  await expect(sending).rejects.toMatchObject({
    code: 'connector_failed',
    details: { reason: 'timeout' },
  })
  const waited = performance.now() - begun
  expect(waited).toBeGreaterThan(patience - 500)
  expect(waited).toBeLessThan(patience + 2000)
}

test.concurrent('Mailgun keeping silent is given up after ten seconds (H4)', async () => {
  const server = createHttpServer(() => {})
  const port = await listenOnLoopback(server)
  await expectGivenUp(mailgun.send(message, mailgunAt(port), out))
  server.closeAllConnections()
  server.close()
}, 20_000)

test.concurrent('an SMTP server that never greets is given up after ten seconds', async () => {
  const server = createServer(() => {})
  const port = await listenOnLoopback(server)
  await expectGivenUp(smtp.send(message, smtpAt(port), out))
  server.close()
}, 20_000)

test.concurrent('an SMTP server that dawdles through every step has ten seconds for all of them (H4)', async () => {
  const server = createServer((socket) => {
    const say = (line: string) => setTimeout(() => socket.writable && socket.write(line), 3000)
    socket.on('error', () => {})
    say('220 slow ESMTP\r\n')
    socket.on('data', () => say('250 OK\r\n'))
  })
  const port = await listenOnLoopback(server)
  await expectGivenUp(smtp.send(message, smtpAt(port), out))
  server.close()
}, 20_000)
