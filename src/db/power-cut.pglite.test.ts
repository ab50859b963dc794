import { cpSync, existsSync, mkdirSync, statSync } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { sql } from 'kysely'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Disk } from './durable.ts'
import { openPGliteDirectory } from './embedded.ts'
import { unpackDatabase } from './unpack.ts'

// A machine whose power fails has on its disk what was synced, and of everything else the old or the new, as it pleases.

let top: string
beforeEach(async () => {
  top = await mkdtemp(join(tmpdir(), 'sekisho-power-'))
})
afterEach(async () => {
  await rm(top, { recursive: true })
})

interface Cut {
  directory: string
  /** How many rows must be there at least. */
  promised: number
}

/** Chance that is the same in every run. */
function dice(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

/** Which of the files that were not synced the disk had got to. */
const luck: Record<string, (name: string, chance: () => number) => boolean> = {
  'nothing but what was synced': () => false,
  'the data, and not the log': (name) => !name.startsWith('pg_wal/'),
  'the log, and not the data': (name) => name.startsWith('pg_wal/'),
  'the control file only': (name) => name === 'global/pg_control',
  'one file or the other': (_, chance) => chance() < 0.5,
}

async function cutOften(delay: number, seed: number): Promise<{ cuts: Cut[]; written: number }> {
  const dataDir = join(top, 'data')
  const database = join(dataDir, 'database')
  const onDisk = join(top, 'disk')
  const chance = dice(seed)
  const cuts: Cut[] = []
  let acknowledged = 0
  let promised = 0
  let isRunning = false

  function keep(path: string): void {
    const kept = join(onDisk, path.slice(database.length))
    mkdirSync(dirname(kept), { recursive: true })
    if (statSync(path).isDirectory()) mkdirSync(kept, { recursive: true })
    else cpSync(path, kept)
  }
  function cut(): void {
    const wanted = Object.values(luck)[cuts.length]
    if (wanted === undefined || chance() > 0.05) return
    const directory = join(top, `cut-${cuts.length}`)
    cpSync(onDisk, join(directory, 'database'), { recursive: true })
    const isLucky = (path: string) => {
      const name = path.slice(database.length + 1)
      return existsSync(path) && (statSync(path).isDirectory() || wanted(name, chance))
    }
    cpSync(database, join(directory, 'database'), { recursive: true, filter: isLucky })
    cuts.push({ directory, promised: delay === 0 ? acknowledged : promised })
  }
  const disk: Disk = {
    syncNow(path) {
      if (isRunning) cut()
      keep(path)
      if (path.includes('/pg_wal/')) promised = acknowledged
    },
    async sync(path) {
      const now = acknowledged
      keep(path)
      if (path.includes('/pg_wal/')) promised = Math.max(promised, now)
    },
  }

  const opened = await openPGliteDirectory({ dataDir, syncDelay: delay, disk }, unpackDatabase)
  await sql`create table log (number int primary key, text text not null)`.execute(opened.db)
  await sql`create index log_text on log (text)`.execute(opened.db)
  await sql`checkpoint`.execute(opened.db)
  // What a first start lays out goes to the disk beside the work.
  const files = (await readdir(database, { recursive: true })).filter((name) => !/wal/.test(name))
  await expect
    .poll(() => files.filter((name) => !existsSync(join(onDisk, name))), { timeout: 20_000 })
    .toEqual(
      ['postmaster.pid'].filter((name) => files.includes(name) && !existsSync(join(onDisk, name))),
    )
  isRunning = true
  for (let number = 0; cuts.length < Object.keys(luck).length; number++) {
    await sql`insert into log values (${number}, ${'x'.repeat(1 + Math.floor(chance() * 3000))})`.execute(
      opened.db,
    )
    acknowledged = number + 1
    if (chance() < 0.02) await sql`checkpoint`.execute(opened.db)
    if (chance() < 0.1) await new Promise((resolve) => setTimeout(resolve, 2))
    if (delay > 0) cut()
  }
  const written = acknowledged
  await opened.close()
  return { cuts, written }
}

async function rowsIn(directory: string): Promise<number[]> {
  const opened = await openPGliteDirectory({ dataDir: directory }, unpackDatabase)
  try {
    const { rows } = await sql<{ number: number }>`select number from log`.execute(opened.db)
    await sql`set enable_seqscan = off`.execute(opened.db)
    const { rows: byIndex } = await sql<{ number: number }>`
      select number from log where number >= 0 order by number`.execute(opened.db)
    const numbers = rows.map(({ number }) => number).sort((a, b) => a - b)
    expect(byIndex.map(({ number }) => number)).toEqual(numbers)
    await sql`insert into log values (-1, 'after')`.execute(opened.db)
    return numbers
  } finally {
    await opened.close()
  }
}

async function holdsWhatItPromised({ cuts }: Awaited<ReturnType<typeof cutOften>>): Promise<void> {
  for (const { directory, promised } of cuts) {
    const rows = await rowsIn(directory)
    // A row is not there without those before it.
    expect(rows).toEqual(Array.from(rows, (_, index) => index))
    expect(rows.length).toBeGreaterThanOrEqual(promised)
  }
  expect(cuts.some(({ promised }) => promised > 0)).toBe(true)
}

const rounds = Number(process.env.SEKISHO_TEST_POWER_CUTS ?? 1)

test.each(Array.from({ length: rounds }, (_, round) => round))(
  'what was synced survives a power failure, whatever else the disk had got to (%i)',
  async (round) => {
    await holdsWhatItPromised(await cutOften(5, 7 + round))
  },
  120_000,
)

test.each(Array.from({ length: rounds }, (_, round) => round))(
  'with a delay of nothing, what was answered survives a power failure (%i)',
  async (round) => {
    await holdsWhatItPromised(await cutOften(0, 1007 + round))
  },
  120_000,
)
