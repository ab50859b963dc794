import { connect } from 'node:net'
import { threadId } from 'node:worker_threads'

/**
 * Below 32768, where Linux takes the ports of outgoing connections from: a port of that range can be taken by
 * anybody's connection between our look and the program's `listen`.
 */
const first = 20_000
const perWorker = 1_000
const workers = 12

const worker = Number(process.env.VITEST_POOL_ID ?? process.pid) % workers
// Each file begins elsewhere, so that it does not meet what the file before it has just ended.
let offset = (process.pid + 37 * threadId) % perWorker

/**
 * A port that nobody listens on, and that no other file's tests ask for at the same time: for a program that is
 * told its port. A server within the test listens on port 0.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < perWorker; tries++) {
    offset = (offset + 1) % perWorker
    const port = first + worker * perWorker + offset
    const refused = await Promise.all(['127.0.0.1', '::1'].map((host) => refuses(host, port)))
    if (refused.every(Boolean)) return port
  }
  throw new Error('no port is free')
}

/**
 * Looks by knocking, never by listening: the tests on PGlite are threads of one process, and a program that another
 * thread starts holds a copy of our open sockets until it runs. A port that we had listened on would stay taken.
 */
function refuses(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host)
    socket.once('error', () => resolve(true))
    socket.once('connect', () => {
      socket.destroy()
      resolve(false)
    })
  })
}
