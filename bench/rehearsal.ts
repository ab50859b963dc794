import type { OpenDatabase } from '../src/db/open.ts'
import { createApp } from '../src/main.ts'
import { onServer } from '../test/setup/names.ts'
import { atOnce } from './contestant.ts'
import { prepareReplay, type Replay } from './limits/pgbench.ts'
import { record } from './limits/record.ts'
import { type Act, type Ask, askWithin } from './scenarios/act.ts'
import type { Scenario } from './scenarios/index.ts'
import { type Crowd, fill } from './world/fill.ts'
import type { World } from './world/world.ts'

/** What comes before a server is started: people, one run through everything within this process, and recordings. */
export interface Rehearsed {
  acts: ReadonlyMap<string, Act>
  queries: ReadonlyMap<string, number>
  replays: ReadonlyMap<string, Replay>
  /** From now on the acts ask this one. */
  direct(ask: Ask): void
  end(): Promise<void>
}

export interface RehearsalOptions {
  scenarios: readonly Scenario[]
  crowd: Crowd
  /** So many requests of each scenario are recorded for pgbench. */
  recordings: number
}

export async function rehearse(
  world: World,
  { scenarios, crowd, recordings }: RehearsalOptions,
): Promise<Rehearsed> {
  let current: Ask = () => Promise.reject(new Error('There is nobody to ask.'))
  const acts = new Map<string, Act>()
  const queries = new Map<string, number>()
  const replays = new Map<string, Replay>()
  const { server } = world
  const recorded = scenarios.filter(({ limits }) => limits.some(({ kind }) => kind === 'pgbench'))
  let source: string | null = null

  await world.within(async (ctx, database) => {
    const people = await fill(ctx, crowd)
    current = askWithin(createApp(ctx))
    for (const { name, act } of scenarios) {
      const made = await act((asked) => current(asked), people)
      acts.set(name, made)
      await made.restock?.(recordings + 8)
      queries.set(name, await countQueries(made, database))
    }
    if (server === null || recorded.length === 0) return
    source = await copy(server, world.name)
    // Nobody measures the recording, so nobody need wait for the disk.
    await onServer(server, `alter database ${world.name} set synchronous_commit = off`)
    for (const { name, limits } of recorded) {
      const act = acts.get(name)
      const isReading = limits.some((limit) => limit.kind === 'pgbench' && limit.isReading)
      if (act === undefined) continue
      const statements = await record(act.operation, recordings)
      const replay = await prepareReplay({
        ...{ server, source, name, isReading, clients: atOnce, recorded: statements },
      })
      if (replay !== null) replays.set(name, replay)
    }
    await onServer(server, `alter database ${world.name} reset synchronous_commit`)
  })
  return {
    ...{ acts, queries, replays },
    direct(ask) {
      current = ask
    },
    async end() {
      if (server === null || source === null) return
      await onServer(server, `drop database if exists ${source} with (force)`)
    },
  }
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

/** As it is now. Postgres copies a database only when nobody is connected: the pool makes new connections. */
async function copy(server: string, name: string): Promise<string> {
  const source = `${name}_before`
  await onServer(
    server,
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`,
  )
  await onServer(server, `create database ${source} template ${name}`)
  return source
}
