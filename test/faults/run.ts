import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Bounds, Facts, Violation } from './checks/facts.ts'
import { readFinal } from './checks/final.ts'
import { check } from './checks/index.ts'
import { openBalance } from './client/balance.ts'
import { type Chance, seeded } from './client/chance.ts'
import { close } from './client/closing.ts'
import { live } from './client/life.ts'
import { openWire } from './client/wire.ts'
import type { World } from './client/world.ts'
import { type History, openRecorder, readHistory } from './history.ts'
import { type Lab, nodeCount } from './lab/lab.ts'
import { until } from './lab/yard.ts'

/** What a fault does to the lab, again and again, while people go on. */
export interface Fault {
  name: string
  /** What is done, in a sentence. */
  what: string
  /** How often at least. */
  rounds: number
  /** The share of requests that goes to nodes that do not say they are ready. */
  stray?: number
  bounds?: Partial<Bounds>
  /** Why it cannot be done on this machine; null where it can. */
  missing?(lab: Lab): string | null
  /** Instead of plain starts. */
  start?(lab: Lab): Promise<void>
  /** One round: inject, hold, heal. */
  disturb(scene: Scene): Promise<void>
  /** Puts back what the next fault expects. */
  after?(lab: Lab): Promise<void>
}

export interface Scene {
  lab: Lab
  chance: Chance
  /** From 0. */
  round: number
  /** Notes that it begins, for a node or for all. */
  inject(node?: number, options?: { isFrozen: boolean }): void
  heal(node?: number): void
  /** For so long, as chance will; between half and one and a half of it. */
  hold(ms: number): Promise<void>
  isReady(node: number): boolean
}

export interface RunOptions {
  operations: number
  seed: number
  /** Where the histories go. */
  folder: string
  /** When it is over without enough operations, in milliseconds. */
  patienceMs: number
}

export interface Result {
  fault: string
  seed: number
  acknowledged: number
  failed: number
  unknown: number
  rounds: number
  seconds: number
  /** From the heal until every node it befell has acknowledged something again; the longest. */
  recoveryMs: number
  /** Of acknowledged operations while the fault lasted. */
  p99Ms: number
  violations: Violation[]
  history: string
}

const workers = 32
const usual: Bounds = { graceMs: 10_000, longestMs: 15_000, mayFail: 'yes', may500: [] }

/** One fault from a fresh database to the checks. */
export async function runFault(lab: Lab, fault: Fault, options: RunOptions): Promise<Result> {
  const { seed, operations, folder, patienceMs } = options
  const chance = seeded(seed).fork(fault.name)
  mkdirSync(folder, { recursive: true })
  const file = join(folder, `${fault.name}.jsonl`)
  await lab.renewDatabase(`fault_${fault.name.replaceAll('-', '_')}`)
  if (fault.start) await fault.start(lab)
  else await lab.startNodes()
  const mailsBefore = lab.mail.sent.length
  const origins = lab.nodes.map(({ origin }) => origin)
  const wire = openWire(origins)
  const balance = openBalance(wire, { nodes: nodeCount, stray: fault.stray ?? 0.05 })
  const recorder = openRecorder(file)
  const began = performance.now()
  let isOver = false
  const world: World = {
    ...{ wire, recorder, origins, mail: lab.mail, serviceRoleKey: lab.serviceRoleKey() },
    pick: balance.pick,
    isOver: () => isOver,
  }
  const scene: Scene = {
    lab,
    round: 0,
    chance: chance.fork('nemesis'),
    inject: (node, { isFrozen } = { isFrozen: false }) =>
      recorder.mark({ what: 'inject', fault: fault.name, node: node ?? null, isFrozen }),
    heal: (node) =>
      recorder.mark({ what: 'heal', fault: fault.name, node: node ?? null, isFrozen: false }),
    hold: (ms) => pause(ms * (0.5 + scene.chance.draw())),
    isReady: balance.isReady,
  }
  const crowd = Promise.all(
    Array.from({ length: workers }, (_, number) =>
      live({ world, chance: chance.fork(`worker ${number}`) }, `${fault.name}-${number}`),
    ),
  )
  // Whoever fails by a mistake of ours is heard at once, not at the end.
  let mistake: unknown = null
  crowd.catch((error: unknown) => {
    mistake = error
  })
  let rounds = 0
  const isLate = () => performance.now() - began > patienceMs
  const isEnough = () => recorder.acknowledged() >= operations && rounds >= fault.rounds
  while (recorder.acknowledged() < operations / 20 && !isLate() && mistake === null) await pause(50)
  while (!isEnough() && !isLate() && mistake === null) {
    scene.round = rounds
    await fault.disturb(scene)
    rounds += 1
    await calm(scene)
    // Spread over the whole run.
    const next = (operations * rounds) / fault.rounds
    while (recorder.acknowledged() < Math.min(next, operations) && !isLate() && mistake === null)
      await pause(50)
  }
  isOver = true
  const people = (await crowd).flat()
  recorder.close()
  await close(world, people)
  const seconds = (performance.now() - began) / 1000
  await balance.stop()
  await wire.close()
  const counts = { ...recorder.counts() }
  await recorder.end()
  await lab.stopNodes()
  const history = readHistory(file)
  const facts: Facts = {
    history,
    final: await readFinal(lab.databaseUrl()),
    mails: lab.mail.sent.slice(mailsBefore),
    bounds: { ...usual, ...fault.bounds },
  }
  const violations = check(facts)
  if (counts.ok < operations) {
    const what = `only ${counts.ok} of ${operations} operations were acknowledged in ${Math.round(seconds)} s`
    violations.push({ invariant: 'V8', what, operations: [] })
  }
  for (const node of lab.nodes) {
    writeFileSync(join(folder, `${fault.name}.node-${node.number}.log`), node.printed())
    node.forget()
  }
  await fault.after?.(lab)
  return {
    ...{ fault: fault.name, seed, rounds, seconds, violations, history: file },
    ...{ acknowledged: counts.ok, failed: counts.fail, unknown: counts.info },
    ...figuresOf(history),
  }
}

/** Until every node says that it is ready, and people have gone on a little. */
async function calm({ isReady, hold }: Scene): Promise<void> {
  await hold(300)
  await until(
    () =>
      Array.from({ length: nodeCount }, (_, node) => isReady(node)).every(Boolean) ? true : null,
    { why: () => 'Not all nodes became ready again within a minute.' },
  )
  await hold(1000)
}

function figuresOf({ operations, marks }: History): Pick<Result, 'recoveryMs' | 'p99Ms'> {
  const good = operations.filter(({ outcome }) => outcome === 'ok')
  let recoveryMs = 0
  const during: number[] = []
  for (const [at, mark] of marks.entries()) {
    if (mark.what === 'inject') {
      const end = marks.slice(at).find(({ what, node }) => what === 'heal' && node === mark.node)
      for (const one of good) {
        if (one.start <= (end?.at ?? mark.at) && one.end >= mark.at)
          during.push(one.end - one.start)
      }
      continue
    }
    for (let node = 0; node < nodeCount; node += 1) {
      if (mark.node !== null && mark.node !== node) continue
      const first = good.find((one) => one.node === node && one.start >= mark.at)
      if (first !== undefined) recoveryMs = Math.max(recoveryMs, first.end - mark.at)
    }
  }
  during.sort((a, b) => a - b)
  return { recoveryMs, p99Ms: during[Math.floor(during.length * 0.99)] ?? 0 }
}
