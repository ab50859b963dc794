import type { Fault } from '../run.ts'
import {
  asyncFailover,
  failover,
  killedDatabase,
  oldPrimary,
  restartedDatabase,
} from './database.ts'
import { partition, slowNetwork } from './network.ts'
import { drainedNode, frozenNode, killedNode } from './nodes.ts'
import { badMail, clockSteps } from './outside.ts'
import { fullDisk, noConnections, slowLocks } from './pressure.ts'
import { rollingUpgrade } from './upgrade.ts'

/** Nothing is done: what is measured and promised without a fault. */
const calm: Fault = {
  name: 'calm',
  what: 'nothing at all',
  rounds: 1,
  bounds: { mayFail: 'no' },
  async disturb() {},
}

/** In this order: after the failover the primary rests on another disk. */
export const faults: readonly Fault[] = [
  calm,
  killedNode,
  frozenNode,
  drainedNode,
  restartedDatabase,
  killedDatabase,
  partition,
  slowNetwork,
  noConnections,
  slowLocks,
  fullDisk,
  clockSteps,
  badMail,
  rollingUpgrade,
  failover,
  oldPrimary,
  asyncFailover,
]
