import { once } from 'node:events'
import { Agent, type IncomingMessage, request } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { findPlace, type Place, type Server, startServer } from './server.ts'
import { createAccount } from './stage.ts'

/** A machine ten times slower gets there too; nothing here waits longer than it has to. */
const patience = { timeout: 60_000, interval: 50 }

let place: Place
const nodes: Server[] = []
let bearer: string

beforeAll(async () => {
  place = await findPlace('postgres')
  const first = await startServer(place, { env: { SEKISHO_DRAIN_SECONDS: '3' } })
  nodes.push(first, await startServer(place, { publicUrl: first.url }))
  const { email, password } = await createAccount(first)
  const answer = await fetch(`${first.url}/auth/v1/token?grant_type=password`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email, password }),
  })
  bearer = ((await answer.json()) as { access_token: string }).access_token
}, 120_000)
afterAll(async () => {
  for (const node of nodes) await node.stop()
  await place?.leave()
})

interface Answered {
  status: number
  connection: string | undefined
}

/** On kept connections, and without a second try: what fails is seen. */
function ask(url: string, agent: Agent): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${bearer}` }
    const asking = request(`${url}/auth/v1/user`, { agent, headers }, (answer) => {
      answer.on('error', reject)
      answer.on('end', () =>
        resolve({ status: answer.statusCode ?? 0, connection: answer.headers.connection }),
      )
      answer.resume()
    })
    asking.on('error', reject)
    asking.end()
  })
}

test('a node that is told to end fails nobody: it is taken out first, and every answer is the last on its connection', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 20 })
  const isReady = nodes.map(() => true)
  const answers: { node: number; answer: Answered | Error }[] = []
  let isOver = false

  /** As a balancer: looks at each node, and sends requests to those that are ready. */
  const look = async () => {
    while (!isOver) {
      for (const [index, { url }] of nodes.entries()) {
        isReady[index] = await fetch(`${url}/readyz`).then(
          ({ status }) => status === 200,
          () => false,
        )
      }
      await pause(20)
    }
  }
  const load = async () => {
    for (let turn = 0; !isOver; turn++) {
      const index = isReady[turn % 2] ? turn % 2 : (turn + 1) % 2
      const answer = await ask(nodes[index]?.url ?? '', agent).catch((error: Error) => error)
      answers.push({ node: index, answer })
    }
  }
  const running = [look(), ...Array.from({ length: 8 }, load)]
  await expect.poll(() => new Set(answers.map(({ node }) => node)).size, patience).toBe(2)

  const [leaving] = nodes
  if (leaving === undefined) throw new Error('There is no node')
  const ended = leaving.stop()
  await expect
    .poll(() => fetch(`${leaving.url}/readyz`).then((answer) => answer.json()), {
      ...patience,
      interval: 5,
    })
    .toEqual({ status: 'unavailable', reason: 'draining' })
  expect((await fetch(`${leaving.url}/livez`)).status).toBe(200)
  const last = await ask(leaving.url, agent)
  expect(last).toEqual({ status: 200, connection: 'close' })
  expect((await ended).code).toBe(0)

  const before = answers.length
  await expect.poll(() => answers.length - before, patience).toBeGreaterThan(20)
  isOver = true
  await Promise.all(running)
  agent.destroy()
  const failed = answers.filter(({ answer }) => answer instanceof Error || answer.status !== 200)
  expect(failed).toEqual([])
}, 120_000)

test('a request that is under way is answered after the node takes no new ones', async () => {
  const node = nodes[1]
  if (node === undefined) throw new Error('There is no node')
  const body = '{"refresh_token":"unknown"}'
  const headers = {
    'content-type': 'application/json',
    'content-length': body.length,
    // The node says so when it has begun to read.
    expect: '100-continue',
  }
  const url = `${node.url}/auth/v1/token?grant_type=refresh_token`
  const asking = request(url, { method: 'POST', headers, agent: new Agent({ keepAlive: true }) })
  const answered = once(asking, 'response')
  asking.flushHeaders()
  await once(asking, 'continue')

  const ended = node.stop()
  const isRefused = () =>
    ask(node.url, new Agent()).then(
      () => false,
      () => true,
    )
  await expect.poll(isRefused, patience).toBe(true)
  asking.end(body)
  const [answer] = (await answered) as [IncomingMessage]
  answer.resume()
  expect(answer.statusCode).toBe(400)
  expect(answer.headers.connection).toBe('close')
  expect((await ended).code).toBe(0)
}, 120_000)
