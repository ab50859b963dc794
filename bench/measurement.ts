import { readFileSync, writeFileSync } from 'node:fs'
import {
  bareContestant,
  type Contestant,
  countsOf,
  cpu,
  serverContestant,
  type startHono,
  type Turn,
} from './contestant.ts'
import { createClient } from './load/client.ts'
import { openLoop } from './load/load.ts'
import { hurry, spread } from './machine/processes.ts'
import { watchWeather } from './machine/weather.ts'
import { median } from './measure.ts'
import type { Peer } from './peers/index.ts'
import type { Half, Measured, Side } from './results.ts'
import { type Act, askOver } from './scenarios/act.ts'
import type { Limit, Scenario } from './scenarios/index.ts'

export interface Pace {
  /** Of each turn at saturation, and how many there are. */
  turnSeconds: number
  turns: number
  /** Of the open loop at half of that. */
  halfSeconds: number
  /** How often an open loop is tried until the generator was in time. */
  tries: number
}

/** What a scenario is measured with. */
export interface Field {
  server: { pid: number; postmaster: number | null; database: 'postgres' | 'embedded' }
  act: Act
  queries: number
  replay: Contestant | null
  peers: readonly Peer[]
  hono: Awaited<ReturnType<typeof startHono>>
}

export async function measure(scenario: Scenario, field: Field, pace: Pace): Promise<Measured> {
  const { pid, postmaster } = field.server
  const peers = field.peers.map((peer) => peer.pid)
  const roots = [process.pid, pid, ...(postmaster === null ? [] : [postmaster]), ...peers]
  const gather = spread(scenario.isHashing ? roots : [])
  try {
    return await measureOn(scenario, field, pace)
  } finally {
    gather()
  }
}

async function measureOn(scenario: Scenario, field: Field, pace: Pace): Promise<Measured> {
  const { server, act, queries } = field
  const { pid, postmaster, database } = server
  const processes = { server: pid, postmaster }
  const ours = serverContestant({ role: 'ours', name: 'Sekisho' }, act, processes)
  const peers = await enlist(scenario, field)
  const limits = scenario.limits.flatMap((limit) => limitOf(limit, field))
  forgetPeakMemory(pid)
  const weather = watchWeather()
  const turns = await takeTurns([ours, ...peers.contestants, ...limits], pace)
  peers.close()
  const sides = (role: Contestant['role']) =>
    [...turns].filter(([one]) => one.role === role).map(([one, all]) => sideOf(one, all))
  const [our] = sides('ours')
  if (our === undefined || !(our.perSecond > 0)) {
    throw new Error(`${scenario.name} on ${database}: nothing went well. ${our?.complaint ?? ''}`)
  }
  const half = await measureHalf(scenario.name, field, our.perSecond / 2, pace)
  return {
    ...{ name: scenario.name, title: scenario.title, database, queries, half },
    ...{ ours: our, peers: sides('peer'), limits: sides('limit') },
    peakMemoryMiB: memoryMiB(pid, 'VmHWM'),
    weather: weather(),
  }
}

/** In turns, there and back, so that what slows the machine for a while slows all of them. */
async function takeTurns(contestants: readonly Contestant[], pace: Pace) {
  const turns = new Map<Contestant, Turn[]>(contestants.map((one) => [one, []]))
  for (let turn = 0; turn < pace.turns; turn += 1) {
    const order = turn % 2 === 0 ? contestants : [...contestants].reverse()
    for (const one of order) turns.get(one)?.push(await one.turn(pace.turnSeconds))
  }
  return turns
}

function sideOf({ name }: Contestant, turns: readonly Turn[]): Side {
  const middle = (figure: (turn: Turn) => number | null) => {
    const known = turns.map(figure).filter((one) => one !== null)
    return known.length === 0 ? null : median(known)
  }
  const kinds: Turn['kinds'] = {}
  for (const turn of turns) {
    for (const [kind, count] of Object.entries(turn.kinds) as ['success', number][]) {
      kinds[kind] = (kinds[kind] ?? 0) + count
    }
  }
  return {
    ...{ name, kinds, turns: turns.map(({ perSecond }) => perSecond) },
    perSecond: middle(({ perSecond }) => perSecond) ?? 0,
    serverCpuMs: middle(({ serverCpuMs }) => serverCpuMs),
    databaseCpuMs: middle(({ databaseCpuMs }) => databaseCpuMs),
    complaint: turns.find(({ complaint }) => complaint !== null)?.complaint ?? null,
  }
}

async function measureHalf(name: string, field: Field, rate: number, pace: Pace): Promise<Half> {
  let best: Half | null = null
  for (let tries = 0; tries < pace.tries && best?.isVoid !== false; tries += 1) {
    const half = await openHalf(name, field, { rate, seconds: pace.halfSeconds, seed: 1 + tries })
    if (best === null || half.late < best.late) best = half
  }
  if (best === null) throw new Error('A pace of no tries measures nothing.')
  return best
}

async function openHalf(
  name: string,
  { act, server: { pid, postmaster } }: Field,
  { rate, seconds, seed }: { rate: number; seconds: number; seed: number },
): Promise<Half> {
  const warmSeconds = Math.min(1, seconds / 4)
  await act.restock?.(Math.ceil((seconds + warmSeconds) * rate * 1.2))
  const processes = { server: pid, postmaster }
  const before = cpu(processes)
  const lanes = [{ name, operation: act.operation, rate }]
  const ease = hurry()
  const [loaded] = await openLoop({ lanes, seconds, warmSeconds, seed })
  ease()
  const after = cpu(processes)
  if (loaded === undefined) throw new Error('There was no lane.')
  const { good, late, isVoid, kinds, begun, complaint } = loaded
  if (good.count === 0) throw new Error(`${name}: nothing went well at half load. ${complaint}`)
  const inMs = (percent: number) => good.percentile(percent) / 1000
  // The warm-up's are in the CPU seconds too.
  const count = (begun * (seconds + warmSeconds)) / seconds
  return {
    ...{ rate, begun, late, isVoid, complaint, kinds: countsOf(kinds) },
    ...{ p50: inMs(50), p95: inMs(95), p99: inMs(99), max: good.max / 1000 },
    serverCpuMs: ((after.server - before.server) * 1000) / count,
    databaseCpuMs:
      after.database === null || before.database === null
        ? null
        : ((after.database - before.database) * 1000) / count,
    histogram: good.toText(),
  }
}

async function enlist({ name }: Scenario, { server, peers }: Field) {
  const clients: ReturnType<typeof createClient>[] = []
  const contestants: Contestant[] = []
  for (const peer of server.database === 'postgres' ? peers : []) {
    const prepare = peer.acts[name]
    if (prepare === undefined) continue
    const client = createClient({ origin: peer.origin, connections: 16, timeoutMs: 30_000 })
    clients.push(client)
    const processes = { server: peer.pid, postmaster: server.postmaster }
    const act = await prepare(askOver(client))
    contestants.push(serverContestant({ role: 'peer', name: peer.name }, act, processes))
  }
  return {
    contestants,
    close() {
      for (const client of clients) client.close()
    },
  }
}

function limitOf(limit: Limit, { replay, hono }: Field): Contestant[] {
  switch (limit.kind) {
    case 'bare':
      return [bareContestant(limit.title, limit.what)]
    case 'hono':
      return [hono.contestant(limit.title)]
    case 'statements':
      return replay === null ? [] : [replay]
  }
}

/** From now on `VmHWM` is the peak since now; Linux lets the owner of a process say so. */
function forgetPeakMemory(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5')
}

export function memoryMiB(pid: number, field: 'VmHWM' | 'VmRSS'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1]) / 1024
}
