import { setTimeout as pause } from 'node:timers/promises'
import { createClient } from './load/client.ts'
import type { Started } from './machine/processes.ts'
import { median } from './measure.ts'
import { memoryMiB } from './measurement.ts'
import type { Start } from './results.ts'
import { onEmbedded, onPostgres, type World } from './world/world.ts'

export const startNames = ['production', 'embedded-warm', 'embedded-fresh'] as const

/** How long a start takes until the first 200, and what the process then needs while nobody asks. */
export async function measureStarts(server: string, repeats: number): Promise<Start[]> {
  const production = await onPostgres(server, `sekisho_bench_start_${process.pid}`)
  const warm = await onEmbedded()
  try {
    for (const world of [production, warm]) await world.within(async () => {})
    return [
      await measure(
        'production',
        'production, on a Postgres that is migrated',
        repeats,
        async () => production,
      ),
      await measure(
        'embedded-warm',
        'embedded, on a data directory that is there',
        repeats,
        async () => warm,
      ),
      await measure('embedded-fresh', 'embedded, on nothing', repeats, onEmbedded),
    ]
  } finally {
    await production.remove()
    await warm.remove()
  }
}

const settleMs = 2000

async function measure(
  name: (typeof startNames)[number],
  title: string,
  repeats: number,
  worldOf: () => Promise<World>,
): Promise<Start> {
  const turns: number[] = []
  const memories: number[] = []
  for (let repeat = 0; repeat < repeats; repeat += 1) {
    const world = await worldOf()
    const { started, milliseconds } = await startAndAsk(world)
    turns.push(milliseconds)
    await pause(settleMs)
    memories.push(memoryMiB(started.pid, 'VmRSS'))
    await started.stop()
    if (worldOf === onEmbedded) await world.remove()
  }
  const idleMemoryMiB = median(memories)
  return { name, title, turns, milliseconds: median(turns), idleMemoryMiB }
}

async function startAndAsk(world: World): Promise<{ started: Started; milliseconds: number }> {
  const began = performance.now()
  const starting = world.start()
  const client = createClient({ origin: world.origin, connections: 1, timeoutMs: 2000 })
  let milliseconds: number | null = null
  let failed: unknown = null
  starting.catch((error: unknown) => {
    failed = error
  })
  while (milliseconds === null && failed === null) {
    const status = await client.ask({ method: 'GET', path: '/readyz' }).then(
      (answer) => answer.status,
      () => null,
    )
    if (status === 200) milliseconds = performance.now() - began
    else await pause(5)
  }
  client.close()
  return { started: await starting, milliseconds: milliseconds ?? Number.NaN }
}
