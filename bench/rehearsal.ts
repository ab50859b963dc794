import { after, minute } from '../src/base/time.ts'
import type { OpenDatabase } from '../src/db/open.ts'
import { createApp } from '../src/main.ts'
import { onServer, withName } from '../test/setup/names.ts'
import { atOnce, type Contestant, limitContestant } from './contestant.ts'
import { countRows, prepareReplay, replay } from './limits/pgbench.ts'
import { prepareReplayOnPGlite, replayOnPGlite } from './limits/pglite.ts'
import { record, type Statement } from './limits/record.ts'
import { type Act, type Ask, askWithin } from './scenarios/act.ts'
import type { Scenario } from './scenarios/index.ts'
import { type Crowd, fill } from './world/fill.ts'
import type { World } from './world/world.ts'

/** What comes before a server is started: people, one run through everything within this process, and recordings. */
export interface Rehearsed {
  acts: ReadonlyMap<string, Act>
  queries: ReadonlyMap<string, number>
  /** What says to the database what requests of a scenario say. */
  replays: ReadonlyMap<string, Contestant>
  /** From now on the acts ask this one. */
  direct(ask: Ask): void
}

export interface RehearsalOptions {
  scenarios: readonly Scenario[]
  crowd: Crowd
  /** So many requests of each scenario are recorded for pgbench, and fewer for PGlite, which is slower. */
  recordings: Readonly<Record<World['kind'], number>>
}

export async function rehearse(world: World, options: RehearsalOptions): Promise<Rehearsed> {
  const { scenarios, crowd } = options
  const recordings = options.recordings[world.kind]
  let current: Ask = () => Promise.reject(new Error('There is nobody to ask.'))
  const acts = new Map<string, Act>()
  const queries = new Map<string, number>()
  await world.within(async (ctx, database) => {
    const people = await fill(ctx, crowd)
    current = askWithin(createApp(ctx))
    for (const { name, act } of scenarios) {
      const made = await act((asked) => current(asked), people)
      acts.set(name, made)
      await made.restock?.(recordings + 8)
      queries.set(name, await countQueries(made, database))
    }
  })
  const source = await world.copy()
  const replays = new Map<string, Contestant>()
  await world.within(async (ctx) => {
    // What is recorded is said again up to half an hour later; a code would be over by then.
    const now = () => after(ctx.now(), 30 * minute)
    current = askWithin(createApp({ ...ctx, now }))
    await withoutWaitingForTheDisk(world, async () => {
      for (const { name, limits } of scenarios) {
        const act = acts.get(name)
        const limit = limits.find(({ kind }) => kind === 'statements')
        if (act === undefined || limit?.kind !== 'statements') continue
        const before = await rowsOf(world)
        const recorded = await record(act.operation, recordings, world.kind)
        const rows = (await rowsOf(world)) - before
        const { isReading } = limit
        const replay = await replayOf(world, { name, source, recorded, rows, isReading })
        if (replay !== null) replays.set(name, replay)
      }
    })
  })
  return {
    ...{ acts, queries, replays },
    direct(ask) {
      current = ask
    },
  }
}

interface Recording {
  name: string
  source: string
  recorded: readonly Statement[][]
  rows: number
  isReading: boolean
}

/** Null where the requests said nothing to the database. */
async function replayOf({ server }: World, recording: Recording): Promise<Contestant | null> {
  if (server === null) {
    const prepared = await prepareReplayOnPGlite(recording)
    if (prepared === null) return null
    return limitContestant('its statements by PGlite alone', async () => ({
      perSecond: await replayOnPGlite(prepared),
    }))
  }
  const prepared = await prepareReplay({ ...recording, server, clients: atOnce })
  if (prepared === null) return null
  return limitContestant('its statements by pgbench', () => replay(server, prepared))
}

/** No other process can look into an embedded database: there, nothing is compared. */
async function rowsOf({ server, name }: World): Promise<number> {
  return server === null ? 0 : countRows(withName(server, name))
}

/** Nobody measures the recording, so nobody need wait for the disk. */
async function withoutWaitingForTheDisk({ server, name }: World, work: () => Promise<void>) {
  if (server === null) return work()
  // Connections that are there already go on as they were; the pool makes most of them later.
  await onServer(server, `alter database ${name} set synchronous_commit = off`)
  await work()
  await onServer(server, `alter database ${name} reset synchronous_commit`)
}

/** What a request costs when nothing is read for the first time; now and then a cache is older, so the least of three. */
async function countQueries({ operation }: Act, database: OpenDatabase): Promise<number> {
  let count = 0
  const stop = database.onQuery(() => {
    count += 1
  })
  const counts: number[] = []
  for (let one = 0; one < 4; one += 1) {
    count = 0
    const kind = await operation()
    if (kind !== 'success') throw new Error(`A rehearsal was ${kind}.`)
    counts.push(count)
  }
  stop()
  return Math.min(...counts)
}
