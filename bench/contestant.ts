import { freePort } from '../test/setup/free-port.ts'
import { createClient } from './load/client.ts'
import { closedLoop, type Kind } from './load/load.ts'
import { cpuSeconds, outputOf, startServer } from './machine/processes.ts'
import { type Act, type Ask, askOver } from './scenarios/act.ts'

/** As many at a time, in every closed loop, and as many clients of pgbench. */
export const atOnce = 16

/** Of one turn. CPU is in milliseconds per operation; null where it is nobody's, or another's. */
export interface Turn {
  perSecond: number
  serverCpuMs: number | null
  databaseCpuMs: number | null
  /** How many of each kind there were. */
  kinds: Partial<Record<Kind, number>>
  complaint: string | null
}

/** Ours, a peer or a limit: what takes turns with the others. */
export interface Contestant {
  role: 'ours' | 'peer' | 'limit'
  name: string
  turn(seconds: number): Promise<Turn>
}

const few = 10

interface Processes {
  server: number
  /** The process from which all of Postgres descends; null where the server has its database within. */
  postmaster: number | null
}

export function serverContestant(
  { role, name }: Pick<Contestant, 'role' | 'name'>,
  act: Act,
  processes: Processes,
): Contestant {
  let expected = 300
  let isCold = true
  return {
    ...{ role, name },
    async turn(seconds) {
      // V8 needs thousands of requests until it has compiled what they run through as well as it can.
      const warmSeconds = isCold ? Math.max(1.5, seconds) : Math.min(1, seconds / 3)
      isCold = false
      await act.restock?.(Math.ceil((seconds + warmSeconds) * expected * 1.3))
      const workers = Array.from({ length: act.atOnce ?? atOnce }, () => act.operation)
      await closedLoop({ name, workers, seconds: warmSeconds })
      let before = cpu(processes)
      let loaded = await closedLoop({ name, workers, seconds })
      if (loaded.good.count < few && loaded.complaint === null) {
        // Too slow for so short a turn, on so busy a machine.
        await act.restock?.(Math.ceil(seconds * few))
        before = cpu(processes)
        loaded = await closedLoop({ name, workers, seconds: seconds * 3 })
      }
      const after = cpu(processes)
      // What is refused costs next to nothing, and is paid for by what is not.
      const count = Math.max(1, loaded.good.count)
      expected = loaded.perSecond
      return {
        perSecond: loaded.perSecond,
        serverCpuMs: ((after.server - before.server) * 1000) / count,
        databaseCpuMs:
          after.database === null || before.database === null
            ? null
            : ((after.database - before.database) * 1000) / count,
        kinds: countsOf(loaded.kinds),
        complaint: loaded.complaint,
      }
    },
  }
}

export function cpu({ server, postmaster }: Processes) {
  return {
    server: cpuSeconds(server),
    database: postmaster === null ? null : cpuSeconds(postmaster),
  }
}

export function countsOf(kinds: ReadonlyMap<Kind, { count: number }>): Turn['kinds'] {
  return Object.fromEntries([...kinds].map(([kind, { count }]) => [kind, count]))
}

/** Something that is measured in its own way. */
export function limitContestant(
  name: string,
  measure: (seconds: number) => Promise<Pick<Turn, 'perSecond'> & Partial<Turn>>,
): Contestant {
  return {
    ...{ role: 'limit', name },
    async turn(seconds) {
      const nothing = { serverCpuMs: null, databaseCpuMs: null, kinds: {}, complaint: null }
      return { ...nothing, ...(await measure(seconds)) }
    },
  }
}

/** A process of ours that does one thing, on the core of our server. */
export function bareContestant(name: string, what: string): Contestant {
  return limitContestant(name, async (seconds) => {
    const args = ['bench/limits/bare.ts', what, String(seconds)]
    return JSON.parse(await outputOf(args))
  })
}

/** A server that does nothing; it stays for the whole run, and costs nothing while it is not asked. */
export async function startHono(): Promise<{
  contestant(name: string): Contestant
  stop(): Promise<void>
}> {
  const port = await freePort()
  const started = await startServer(['bench/limits/hono.ts'], { PORT: String(port) })
  const client = createClient({ origin: `http://127.0.0.1:${port}`, connections: atOnce })
  const ask: Ask = askOver(client)
  const act: Act = {
    async operation() {
      const { status } = await ask({ method: 'GET', path: '/' })
      if (status !== 200) throw new Error(`The empty handler said ${status}.`)
      return 'success'
    },
  }
  return {
    contestant: (name) =>
      serverContestant({ role: 'limit', name }, act, { server: started.pid, postmaster: null }),
    async stop() {
      client.close()
      await started.stop()
    },
  }
}
