import { connect, createServer, type Socket } from 'node:net'
import type { RelayOrder, RelayState, RelayWay } from './relay.ts'

// A process of its own: what passes between the nodes and the database must not wait for the client's event loop.

interface Line {
  /** Ends both halves without a goodbye. */
  cut(): void
}

const states = new Map<string, RelayState>()
const lines = new Map<string, Set<Line>>()
/** Woken when a state changes. */
const waiting = new Set<() => void>()

function stateOf(name: string): RelayState {
  const state = states.get(name)
  if (state === undefined) throw new Error(`There is no way ${name}.`)
  return state
}

function open({ name, host, port, state }: RelayWay): Promise<void> {
  states.set(name, state)
  lines.set(name, new Set())
  const server = createServer({ noDelay: true }, (near) => relay(name, near))
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
}

function relay(name: string, near: Socket): void {
  const { target, isRefusing } = stateOf(name)
  near.on('error', () => {})
  if (isRefusing) return void near.resetAndDestroy()
  const far = connect({ ...target, noDelay: true })
  far.on('error', () => {})
  const all = lines.get(name)
  const line = {
    cut() {
      near.resetAndDestroy()
      far.resetAndDestroy()
    },
  }
  all?.add(line)
  const over = () => {
    all?.delete(line)
    near.destroy()
    far.destroy()
  }
  near.once('close', over)
  far.once('close', over)
  pass(name, 'up', near, far, line)
  pass(name, 'down', far, near, line)
}

/** Chunk by chunk and in order, as late as the state says, and not at all while it holds this direction. */
function pass(name: string, direction: 'up' | 'down', from: Socket, to: Socket, line: Line): void {
  let last: Promise<void> = Promise.resolve()
  let isBusy = false
  from.on('data', (chunk) => {
    const { held, delayMs, resetPerMille } = stateOf(name)
    if (!isBusy && held === 'nothing' && delayMs === 0 && resetPerMille === 0) {
      if (!to.write(chunk)) {
        from.pause()
        to.once('drain', () => from.resume())
      }
      return
    }
    if (Math.random() * 1000 < resetPerMille) return line.cut()
    isBusy = true
    const due = performance.now() + delayMs * (0.5 + Math.random())
    const mine = last.then(async () => {
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - performance.now())))
      while (isHeld(stateOf(name), direction) && !to.destroyed) {
        await new Promise<void>((resolve) => waiting.add(resolve))
      }
      if (!to.destroyed) to.write(chunk)
    })
    last = mine
    void mine.then(() => {
      if (last === mine) isBusy = false
    })
  })
}

function isHeld({ held }: RelayState, direction: 'up' | 'down'): boolean {
  return held === 'both' || held === direction
}

process.on('message', ({ id, ...order }: RelayOrder & { id: number }) => {
  const answer = (error: string | null) => process.send?.({ id, error })
  if (order.kind === 'open') {
    open(order.way).then(
      () => answer(null),
      (error: Error) => answer(error.message),
    )
    return
  }
  if (order.kind === 'set') {
    states.set(order.name, { ...stateOf(order.name), ...order.state })
    for (const wake of waiting) wake()
    waiting.clear()
  } else {
    for (const line of lines.get(order.name) ?? []) line.cut()
  }
  answer(null)
})
process.on('disconnect', () => process.exit(0))
