import { execFile } from 'node:child_process'
import { rmSync } from 'node:fs'
import { open, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import type { Lab } from '../lab/lab.ts'
import type { Fault } from '../run.ts'

async function connected(lab: Lab, role: 'sekisho' | 'postgres'): Promise<pg.Client> {
  const url = lab.databaseUrl().replace('postgres@', `${role}@`)
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5000 })
  client.on('error', () => {})
  await client.connect()
  return client
}

export const noConnections: Fault = {
  name: 'connections',
  what: 'another client holds every connection that Postgres has, and the nodes’ own are ended',
  rounds: 4,
  async disturb({ lab, inject, heal, hold }) {
    const held: pg.Client[] = []
    const chief = await connected(lab, 'postgres')
    inject()
    try {
      for (let refusals = 0; refusals < 3; ) {
        await chief.query(
          `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'sekisho'`,
        )
        // As many at once as there may be: the nodes come back for theirs.
        const all = await Promise.allSettled(
          Array.from({ length: 30 }, () => connected(lab, 'sekisho')),
        )
        for (const one of all) {
          if (one.status === 'fulfilled') held.push(one.value)
          else refusals += 1
        }
      }
      await hold(4000)
    } finally {
      await Promise.all(held.map((client) => client.end()))
      await chief.end()
    }
    heal()
  },
}

export const slowLocks: Fault = {
  name: 'locks',
  what: 'another session holds a table exclusively, or the rows of many sessions, for some seconds',
  rounds: 5,
  async disturb({ lab, round, inject, heal, hold }) {
    const client = await connected(lab, 'postgres')
    const statements = [
      'lock table idp.events in access exclusive mode',
      'lock table auth.sessions in access exclusive mode',
      'lock table idp.grants in access exclusive mode',
      'select from auth.sessions for update',
      'select from auth.users for update',
    ]
    try {
      await client.query('begin')
      // Whoever waits for the lock makes others wait already.
      inject()
      await client.query(statements[round % statements.length] ?? '')
      await hold(5000)
      await client.query('rollback')
    } finally {
      await client.end()
    }
    heal()
  },
}

export const fullDisk: Fault = {
  name: 'disk-full',
  what: 'the disk under the data of Postgres is full and has room again, then the one under its log, at which Postgres gives up and is started again',
  rounds: 2,
  bounds: { graceMs: 15_000 },
  missing: ({ smallDisks }) =>
    smallDisks() === null ? 'the primary rests on no disk of limited size' : null,
  async disturb({ lab, round, inject, heal, hold }) {
    const disks = lab.smallDisks()
    if (disks === null) return
    const disk = round % 2 === 0 ? disks.data : disks.log
    const file = join(disk, 'filler')
    inject()
    await fill(file, disk)
    await hold(4000)
    rmSync(file)
    await lab.primary().revive()
    heal()
  },
}

async function fill(path: string, disk: string): Promise<void> {
  const { bavail, bsize } = await statfs(disk)
  // Postgres goes on meanwhile: most at once, and the rest until there is none.
  await promisify(execFile)('fallocate', ['-l', String(Math.floor(bavail * 0.9) * bsize), path])
  const file = await open(path, 'a')
  try {
    for (const size of [256 * 1024, 4096]) {
      await untilFull(async () => void (await file.write(Buffer.alloc(size))))
    }
  } finally {
    await file.close()
  }
}

async function untilFull(write: () => Promise<void>): Promise<void> {
  try {
    for (;;) await write()
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error
  }
}
