import { startPostgres } from '../test/setup/postgres-server.ts'
import { startHono } from './contestant.ts'
import { createClient } from './load/client.ts'
import { isPinned, pinSelf, postmasterOf } from './machine/processes.ts'
import { calibrate, describeMachine } from './machine/weather.ts'
import { printTable } from './measure.ts'
import { type Field, measure, type Pace } from './measurement.ts'
import { type Peer, startPeers } from './peers/index.ts'
import { type RehearsalOptions, rehearse } from './rehearsal.ts'
import { currentCommit, type Measured, type Results, saveResults } from './results.ts'
import { askOver } from './scenarios/act.ts'
import { type Scenario, scenarios } from './scenarios/index.ts'
import { measureStarts } from './starts.ts'
import { onEmbedded, onPostgres, type World } from './world/world.ts'

const isQuick = process.argv.includes('--quick')
const only = process.argv
  .find((one) => one.startsWith('--only='))
  ?.slice('--only='.length)
  .split(',')

interface Plan extends Omit<RehearsalOptions, 'scenarios'> {
  pace: Pace
  starts: number
  calibrationSeconds: number
}

// Sessions are a multiple of the clients of pgbench, so that each chain of tokens falls to one of them.
const plan: Plan = isQuick
  ? {
      pace: { turnSeconds: 1.2, turns: 1, halfSeconds: 2.5, tries: 1 },
      ...{ crowd: { people: 1024, sessions: 160 }, recordings: { postgres: 800, embedded: 120 } },
      ...{ starts: 2, calibrationSeconds: 1 },
    }
  : {
      pace: { turnSeconds: 4, turns: 3, halfSeconds: 15, tries: 2 },
      ...{ crowd: { people: 4096, sessions: 320 }, recordings: { postgres: 3200, embedded: 600 } },
      ...{ starts: 5, calibrationSeconds: 2 },
    }

/** Every scenario on both databases, against its limits and the peers, and how long starts take. */
export async function bench(): Promise<void> {
  const chosen = scenarios.filter(({ name }) => only === undefined || only.includes(name))
  if (chosen.length === 0) {
    throw new Error(`--only= takes ${scenarios.map(({ name }) => name).join(', ')}.`)
  }
  pinSelf()
  const began = performance.now()
  const before = calibrate(plan.calibrationSeconds)
  const given = process.env.BENCH_POSTGRES
  const postgres = given ? { url: given, stop: async () => {} } : await startPostgres('durable')
  const prefix = `sekisho_bench_${process.pid}`
  const hono = await startHono()
  let peers: Peer[] = []
  try {
    say(`${describeMachine()}, Node ${process.version}; ${arrangement()}`)
    peers = await startPeers(postgres.url, prefix)
    const onOne = await measureAll(await onPostgres(postgres.url, prefix), chosen, {
      ...{ hono, peers, postmaster: await postmasterOf(postgres.url) },
    })
    for (const one of peers.splice(0)) await one.stop()
    const other = { hono, peers: [], postmaster: null }
    const onOther = await measureAll(await onEmbedded(), chosen, other)
    const starts = only === undefined ? await measureStarts(postgres.url, plan.starts) : []
    const results: Results = {
      ...{ version: 1, at: new Date().toISOString(), commit: currentCommit(), isQuick, isPinned },
      ...{ node: process.version, machine: describeMachine() },
      minutes: (performance.now() - began) / 60_000,
      calibration: { before, after: calibrate(plan.calibrationSeconds) },
      ...{ scenarios: [...onOne, ...onOther], starts },
    }
    print(results)
    if (only === undefined) say(`\n${saveResults(results)}; npm run bench:report draws it.`)
  } finally {
    for (const one of peers) await one.stop()
    await hono.stop()
    await postgres.stop()
  }
}

type Shared = Pick<Field, 'hono' | 'peers'> & { postmaster: number | null }

async function measureAll(
  world: World,
  chosen: readonly Scenario[],
  { postmaster, ...shared }: Shared,
): Promise<Measured[]> {
  const database = world.kind
  try {
    say(`${database}: people, and a rehearsal …`)
    const rehearsed = await rehearse(world, { ...plan, scenarios: chosen })
    const started = await world.start()
    const client = createClient({ origin: world.origin, connections: 128 })
    rehearsed.direct(askOver(client))
    try {
      const all: Measured[] = []
      for (const scenario of chosen) {
        const { name } = scenario
        const act = rehearsed.acts.get(name)
        if (act === undefined) throw new Error(`${name} was not rehearsed.`)
        const field: Field = {
          ...{ ...shared, act, server: { pid: started.pid, postmaster, database } },
          queries: rehearsed.queries.get(name) ?? Number.NaN,
          replay: rehearsed.replays.get(name) ?? null,
        }
        // What failed is missing in the report, which says so; the others need not be lost for it.
        try {
          const measured = await measure(scenario, field, plan.pace)
          all.push(measured)
          say(`${database}: ${lineOf(measured)}`)
        } catch (error) {
          process.exitCode = 1
          say(`${database}: ${name} FAILED: ${error instanceof Error ? error.message : error}`)
        }
      }
      return all
    } finally {
      client.close()
      await started.stop()
    }
  } finally {
    await world.remove()
  }
}

function arrangement(): string {
  return isPinned
    ? 'servers and limits on core 0, Postgres and this program on core 1.'
    : 'nothing is pinned: figures of servers and of this program disturb each other.'
}

function lineOf({ name, ours, half, limits, peers }: Measured): string {
  const against = [...limits, ...peers].map(
    (one) => `${(ours.perSecond / one.perSecond).toFixed(2)} of ${one.name}`,
  )
  const flaws = [ours, ...limits, ...peers, half].flatMap(({ complaint }) => complaint ?? [])
  return [
    `${name} ${ours.perSecond.toFixed(0)}/s, p99 ${half.p99.toFixed(1)} ms at half${half.isVoid ? ' (VOID)' : ''}`,
    ...against,
    ...flaws.map((flaw) => `! ${flaw}`),
  ].join('; ')
}

function print({ scenarios, starts, minutes }: Results): void {
  const cell = (value: number | null, digits: number) => value?.toFixed(digits) ?? '–'
  const head = ['', 'database', '/s', 'p50', 'p95', 'p99', 'server ms', 'db ms', 'queries', 'MiB']
  say('')
  printTable([
    [...head, 'ratio', 'of'],
    ...scenarios.map(({ name, database, ours, half, queries, peakMemoryMiB, limits: [limit] }) => [
      ...[name, database, cell(ours.perSecond, 0)],
      ...[half.p50, half.p95, half.p99].map((one) => cell(one, 1)),
      ...[cell(ours.serverCpuMs, 2), cell(ours.databaseCpuMs, 2)],
      ...[String(queries), cell(peakMemoryMiB, 0)],
      ...[
        cell(limit === undefined ? null : ours.perSecond / limit.perSecond, 2),
        limit?.name ?? '',
      ],
    ]),
  ])
  for (const { title, milliseconds, idleMemoryMiB } of starts) {
    say(`${title}: ${cell(milliseconds, 0)} ms, ${cell(idleMemoryMiB, 0)} MiB`)
  }
  say(`${cell(minutes, 1)} minutes`)
}

function say(line: string): void {
  console.log(line)
}
