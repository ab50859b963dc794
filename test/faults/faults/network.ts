import { nodeCount } from '../lab/lab.ts'
import { type Direction, wayOf } from '../lab/network.ts'
import type { Fault } from '../run.ts'

const directions: readonly Direction[] = ['both', 'up', 'down']

export const partition: Fault = {
  name: 'partition',
  what: 'nothing passes between a node and the database, in both directions or in one; nobody is told, and it heals without a restart',
  rounds: 6,
  stray: 0.1,
  async disturb({ lab, round, chance, inject, heal, hold }) {
    const node = chance.below(nodeCount)
    // For all: what the node had begun keeps its locks until Postgres hears of its end.
    inject()
    await lab.network.part(node, directions[round % directions.length] ?? 'both')
    await hold(5000)
    await lab.network.join(node)
    heal()
  },
}

export const slowNetwork: Fault = {
  name: 'slow-network',
  what: 'every way to the database is 20 to 200 ms longer, and some connections are reset in the middle',
  rounds: 4,
  async disturb({ lab, chance, inject, heal, hold }) {
    inject()
    const state = { delayMs: 20 + chance.below(80), resetPerMille: 5 }
    for (const { number } of lab.nodes) await lab.relay.set(wayOf(number), state)
    await hold(5000)
    for (const { number } of lab.nodes) {
      await lab.relay.set(wayOf(number), { delayMs: 0, resetPerMille: 0 })
    }
    heal()
  },
}
