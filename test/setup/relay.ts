import { connect, createServer, type Server, type Socket } from 'node:net'
import { freePort } from './free-port.ts'

/** Stands between a program and its Postgres, and does to the line what networks do. */
export interface Relay {
  /** The database's address by way of here. */
  url: string
  /** Nobody listens any more, and who was connected is cut off. */
  refuse(): Promise<void>
  /** All connections end, and new ones are told this SQLSTATE, as by a server that starts or stops. */
  greet(state: string): void
  /** Those that are there stay. */
  greetNewcomers(state: string): void
  /** How many have come so far. */
  newcomers(): number
  /** What is sent goes nowhere, and nothing comes back; the connections stay open. */
  silence(): void
  /** All connections end. */
  cut(): void
  /** The next commit reaches the server, and its answer nobody. */
  loseNextCommit(): void
  /** Everything is as it was; what was held back in silence is lost with its connections. */
  mend(): Promise<void>
  /** Leads to another server from now on; connections to the one before it stay. */
  turnTo(url: string): void
  connections(): number
  close(): Promise<void>
}

export async function openRelay(databaseUrl: string): Promise<Relay> {
  let target = new URL(databaseUrl)
  let greeting: string | null = null
  let silent = false
  let losesCommit = false
  let newcomers = 0
  const pairs = new Set<{ near: Socket; far: Socket | null }>()
  const port = await freePort()
  let server: Server | null = null

  function take(near: Socket): void {
    newcomers += 1
    const pair: { near: Socket; far: Socket | null } = { near, far: null }
    pairs.add(pair)
    const end = () => {
      pairs.delete(pair)
      near.destroy()
      pair.far?.destroy()
    }
    near.on('error', end).on('close', end)
    if (greeting !== null) {
      const state = greeting
      near.once('data', () => near.end(fatal(state)))
      return
    }
    const far = connect(Number(target.port || 5432), target.hostname)
    pair.far = far
    far.on('error', end).on('close', end)
    near.on('data', (bytes) => {
      if (silent) return
      if (losesCommit && bytes.includes('commit')) {
        losesCommit = false
        far.removeAllListeners('data')
        far.once('data', end)
      }
      far.write(bytes)
    })
    far.on('data', (bytes) => {
      if (!silent) near.write(bytes)
    })
  }

  async function listen(): Promise<void> {
    const made = createServer(take)
    server = made
    await new Promise<void>((resolve, reject) => {
      made.once('error', reject)
      made.listen(port, '127.0.0.1', resolve)
    })
  }

  function cut(): void {
    for (const { near, far } of pairs) {
      near.resetAndDestroy()
      far?.destroy()
    }
    pairs.clear()
  }

  async function refuse(): Promise<void> {
    const listening = server
    server = null
    cut()
    if (listening !== null) await new Promise((resolve) => listening.close(resolve))
  }

  await listen()
  const url = new URL(databaseUrl)
  url.hostname = '127.0.0.1'
  url.port = String(port)
  return {
    url: url.href,
    refuse,
    greet(state) {
      greeting = state
      cut()
    },
    greetNewcomers(state) {
      greeting = state
    },
    newcomers: () => newcomers,
    silence() {
      silent = true
    },
    cut,
    loseNextCommit() {
      losesCommit = true
    },
    async mend() {
      if (silent) cut()
      greeting = null
      silent = false
      losesCommit = false
      if (server === null) await listen()
    },
    turnTo(other) {
      target = new URL(other)
    },
    connections: () => pairs.size,
    close: refuse,
  }
}

/** A server's last word to who has just come. */
function fatal(state: string): Buffer {
  const fields = `SFATAL\0VFATAL\0C${state}\0Mthe database's own words\0\0`
  const head = Buffer.from('E\0\0\0\0')
  head.writeInt32BE(4 + Buffer.byteLength(fields), 1)
  return Buffer.concat([head, Buffer.from(fields)])
}
