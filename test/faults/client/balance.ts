import type { Chance } from './chance.ts'
import type { Wire } from './wire.ts'

/** What a balancer does: it asks every node whether it is ready, and sends people to those that are. */
export interface Balance {
  /** Another node than `except`, where there is one that is ready. */
  pick(chance: Chance, except?: number): number
  isReady(node: number): boolean
  stop(): Promise<void>
}

export interface BalanceOptions {
  nodes: number
  /** The share of requests that goes to any node, ready or not. */
  stray: number
  everyMs?: number
}

export function openBalance(wire: Wire, { nodes, stray, everyMs = 200 }: BalanceOptions): Balance {
  const ready = Array.from({ length: nodes }, () => true)
  const asking = Array.from({ length: nodes }, () => false)
  const look = async (node: number) => {
    // One question at a time; a node that does not answer it in a second is not ready.
    if (asking[node]) return
    asking[node] = true
    const late = setTimeout(() => {
      ready[node] = false
    }, 1000)
    const reply = await wire.ask(node, { method: 'GET', path: '/readyz' })
    clearTimeout(late)
    ready[node] = reply.kind === 'answer' && reply.status === 200
    asking[node] = false
  }
  const timer = setInterval(() => {
    for (let node = 0; node < nodes; node += 1) void look(node).catch(() => {})
  }, everyMs)
  return {
    isReady: (node) => ready[node] ?? false,
    pick(chance, except) {
      const all = ready.flatMap((is, node) => (is ? [node] : []))
      const others = all.filter((node) => node !== except)
      const good = others.length > 0 ? others : all
      const isStray = good.length === 0 || chance.draw() < stray
      return (isStray ? chance.below(nodes) : chance.among(good)) ?? 0
    },
    async stop() {
      clearInterval(timer)
    },
  }
}
