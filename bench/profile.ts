import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startPostgres } from '../test/setup/postgres-server.ts'
import { createClient } from './load/client.ts'
import { closedLoop } from './load/load.ts'
import { pinSelf } from './machine/processes.ts'
import { rehearse } from './rehearsal.ts'
import { type CpuProfile, callsOf, drawFlames, sharesOf } from './report/flame.ts'
import { askOver } from './scenarios/act.ts'
import { scenarios } from './scenarios/index.ts'
import { onPostgres } from './world/world.ts'

const only = process.argv
  .find((one) => one.startsWith('--only='))
  ?.slice('--only='.length)
  .split(',')
const seconds = process.argv.includes('--quick') ? 2 : 6
const directory = join('docs', 'performance')

/** `npm run bench -- profile`: where the server's time goes in each scenario on Postgres; flames into docs/performance. */
export async function bench(): Promise<void> {
  pinSelf()
  const chosen = scenarios.filter(({ name }) => only === undefined || only.includes(name))
  const postgres = await startPostgres('durable')
  const world = await onPostgres(postgres.url, `sekisho_profile_${process.pid}`)
  mkdirSync(directory, { recursive: true })
  try {
    const crowd = { people: 4096, sessions: 160 }
    const recordings = { postgres: 16, embedded: 16 }
    const rehearsed = await rehearse(world, { scenarios: chosen, crowd, recordings })
    const started = await world.start()
    const client = createClient({ origin: world.origin, connections: 32 })
    rehearsed.direct(askOver(client))
    const inspector = await inspect(started.pid)
    try {
      for (const { name, title } of chosen) {
        const act = rehearsed.acts.get(name)
        if (act === undefined) throw new Error(`${name} was not rehearsed.`)
        const workers = Array.from({ length: act.atOnce ?? 16 }, () => act.operation)
        await act.restock?.(seconds * 600)
        await closedLoop({ name, workers, seconds: 1 })
        await inspector.ask('Profiler.start')
        const { good } = await closedLoop({ name, workers, seconds })
        const { profile } = await inspector.ask<{ profile: CpuProfile }>('Profiler.stop')
        const calls = callsOf(profile)
        const each = calls.total / Math.max(1, good.count)
        const heading = `${title}: ${each.toFixed(0)} µs of the server for each of ${good.count}`
        writeFileSync(join(directory, `${name}.svg`), drawFlames(heading, calls))
        console.log(`\n${heading}`)
        for (const { area, share } of sharesOf(calls)) {
          console.log(`${(share * 100).toFixed(0).padStart(4)} %  ${area}`)
        }
      }
    } finally {
      inspector.close()
      client.close()
      await started.stop()
    }
  } finally {
    await world.remove()
    await postgres.stop()
  }
}

/** Opens the inspector of a process of Node that runs already, as a debugger would. */
async function inspect(pid: number) {
  process.kill(pid, 'SIGUSR1')
  const socket = new WebSocket(await inspectorUrl())
  await new Promise((resolve, reject) => {
    socket.onopen = resolve
    socket.onerror = reject
  })
  const waiting = new Map<number, (result: unknown) => void>()
  socket.onmessage = ({ data }) => {
    const { id, result } = JSON.parse(String(data))
    waiting.get(id)?.(result)
    waiting.delete(id)
  }
  let last = 0
  function ask<Result>(method: string, params: object = {}): Promise<Result> {
    last += 1
    const id = last
    socket.send(JSON.stringify({ id, method, params }))
    return new Promise((resolve) => waiting.set(id, (result) => resolve(result as Result)))
  }
  await ask('Profiler.enable')
  await ask('Profiler.setSamplingInterval', { interval: 500 })
  return { ask, close: () => socket.close() }
}

async function inspectorUrl(): Promise<string> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    try {
      const answer = await fetch('http://127.0.0.1:9229/json/list')
      const [target] = (await answer.json()) as { webSocketDebuggerUrl: string }[]
      if (target !== undefined) return target.webSocketDebuggerUrl
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
  throw new Error('The inspector does not answer at 127.0.0.1:9229.')
}
