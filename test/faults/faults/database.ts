import { until } from '../lab/yard.ts'
import type { Fault, Scene } from '../run.ts'

/** Down for a moment, as long as it takes to come up again. */
async function around(
  { lab, inject, heal, hold }: Scene,
  stop: () => Promise<void>,
): Promise<void> {
  inject()
  await stop()
  await hold(500)
  await lab.primary().start()
  heal()
}

export const restartedDatabase: Fault = {
  name: 'restart-database',
  what: 'Postgres is restarted, in turn fast and immediate',
  rounds: 6,
  disturb: (scene) =>
    around(scene, () => scene.lab.primary().stop(scene.round % 2 === 0 ? 'fast' : 'immediate')),
}

export const killedDatabase: Fault = {
  name: 'kill-database',
  what: 'kill -9 of Postgres with all its processes; it recovers from its log',
  rounds: 5,
  disturb: (scene) => around(scene, () => scene.lab.primary().kill()),
}

export const failover: Fault = {
  name: 'failover',
  what: 'the way to the standby stalls, the primary dies by kill -9, the synchronous standby is promoted and takes over; then the same back again',
  rounds: 2,
  bounds: { graceMs: 15_000 },
  async disturb({ lab, inject, heal, hold }) {
    inject()
    // What is acknowledged now, the standby has: who waits for it is never told that it is done.
    await lab.relay.set('replication', { held: 'both' })
    await hold(600)
    await lab.primary().kill()
    await lab.relay.set('replication', { held: 'nothing' })
    await lab.relay.cut('replication')
    await lab.promoteStandby()
    heal()
    await lab.renewStandby()
  },
}

export const asyncFailover: Fault = {
  name: 'async-failover',
  what: 'the standby is some seconds behind, and nobody waits for it; the primary dies by kill -9, and what the standby has not is lost: what is there is whole, and nothing is good twice',
  rounds: 2,
  bounds: { graceMs: 15_000, mayLose: true },
  async disturb({ lab, inject, heal, hold }) {
    inject()
    await lab.primary().waitForNobody()
    await lab.relay.set('replication', { held: 'both' })
    await hold(2000)
    const [before] = await lab
      .primary()
      .query<{ lsn: string }>('select pg_current_wal_lsn() as lsn')
    await lab.primary().kill()
    // What is on the way is lost with it.
    await lab.relay.cut('replication')
    await lab.relay.set('replication', { held: 'nothing' })
    await lab.promoteStandby()
    const [now] = await lab
      .primary()
      .query('select where pg_last_wal_receive_lsn() < $1::pg_lsn', [before?.lsn])
    if (now === undefined) throw new Error('The standby was not behind: nothing was lost.')
    heal()
    await lab.renewStandby()
  },
}

export const oldPrimary: Fault = {
  name: 'old-primary',
  what: 'after a failover the old primary comes back, alone and ready to write, and the address of the database leads to it: the nodes refuse it',
  rounds: 1,
  bounds: { graceMs: 15_000 },
  async disturb({ lab, inject, heal, hold, isReady }) {
    inject()
    await lab.primary().kill()
    const old = await lab.promoteStandby()
    await until(() => (lab.nodes.every(({ number }) => isReady(number)) ? true : null), {
      why: () => 'Not all nodes found the new primary within a minute.',
    })
    // They have written there by now: what it says of the time before is out of date.
    await hold(1000)
    old.standAlone()
    await old.start()
    await lab.leadTo(old)
    await hold(4000)
    await lab.leadTo(lab.primary())
    heal()
    await old.kill()
    await lab.renewStandby()
  },
}
