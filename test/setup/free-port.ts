import { createServer } from 'node:net'

/**
 * Below 32768, where Linux takes the ports of outgoing connections from: a port of that range can be taken by
 * anybody's connection between our look and the program's `listen`.
 */
const first = 20_000
const perWorker = 1_000
const workers = 12

const worker = Number(process.env.VITEST_POOL_ID ?? process.pid) % workers
let offset = process.pid % perWorker

/** A port that nobody listens on, and that no other file's tests ask for at the same time. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < perWorker; tries++) {
    offset = (offset + 1) % perWorker
    const port = first + worker * perWorker + offset
    if (await isFree(port)) return port
  }
  throw new Error('no port is free')
}

/** Asks with every address at once, as a server on `0.0.0.0` or on `localhost` would. */
function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, () => server.close(() => resolve(true)))
  })
}
