import { setTimeout as pause } from 'node:timers/promises'
import { until } from '../lab/yard.ts'
import type { Fault } from '../run.ts'

export const killedNode: Fault = {
  name: 'kill-node',
  what: 'kill -9 of a node among requests, and its start a second later',
  rounds: 8,
  async disturb({ lab, chance, inject, heal, hold }) {
    const node = chance.among(lab.nodes)
    if (node === undefined) return
    inject(node.number)
    await node.kill()
    await hold(1000)
    await node.start()
    heal(node.number)
  },
}

export const frozenNode: Fault = {
  name: 'freeze-node',
  // Whoever asks it waits until it goes on: a few are enough.
  stray: 0.005,
  what: 'SIGSTOP of a node for four seconds and more, then SIGCONT: it ends what it had begun, late',
  rounds: 5,
  async disturb({ lab, chance, inject, heal, hold }) {
    const node = chance.among(lab.nodes)
    if (node === undefined) return
    inject(undefined, { isFrozen: true })
    node.freeze()
    await hold(6000)
    node.thaw()
    heal()
  },
}

export const drainedNode: Fault = {
  name: 'drain-node',
  what: 'SIGTERM of a node behind a balancer that asks for readiness, and its start: no request fails',
  rounds: 8,
  // Who comes to a door that is closed already, asks at another.
  bounds: { mayFail: 'refused', graceMs: 2000 },
  stray: 0,
  async disturb({ lab, chance, inject, heal, isReady }) {
    const node = chance.among(lab.nodes)
    if (node === undefined) return
    inject(node.number)
    const { code, said, tookMs } = await node.stop()
    if (code !== 0) throw new Error(`The node ended with ${code} after ${tookMs} ms:\n${said}`)
    await node.start()
    await until(() => (isReady(node.number) ? true : null), {
      why: () => `Node ${node.number} is not ready after its start.`,
    })
    heal(node.number)
    await pause(200)
  },
}
