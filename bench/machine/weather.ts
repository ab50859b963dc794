import {
  closeSync,
  fdatasyncSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { hashSync } from '@node-rs/argon2'
import { cpuSeconds } from './processes.ts'

/** What else went on while something was measured, as parts of all cores' time. */
export interface Weather {
  /** Taken by the machine below this one. */
  steal: number
  /** Taken by processes that are not ours: what we started counts as ours. */
  foreign: number
}

/** Begins to look; what comes back says how it was since. */
export function watchWeather(): () => Weather {
  const before = readTimes()
  const ownBefore = cpuSeconds(process.pid)
  return () => {
    const now = readTimes()
    const total = now.total - before.total
    if (total <= 0) return { steal: 0, foreign: 0 }
    const seconds = total / ticksPerSecond
    const busy = now.busy - before.busy
    const own = cpuSeconds(process.pid) - ownBefore
    return {
      steal: (now.steal - before.steal) / total,
      foreign: Math.max(0, busy / ticksPerSecond - own) / seconds,
    }
  }
}

const ticksPerSecond = 100 // of /proc/stat, on every Linux that Node runs on

/** The first line of `/proc/stat`: user nice system idle iowait irq softirq steal. */
function readTimes() {
  const line = readFileSync('/proc/stat', 'utf8').split('\n')[0] ?? ''
  const [user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, soft = 0, steal = 0] = line
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number)
  const busy = user + nice + system + irq + soft
  return { busy, steal, total: busy + idle + wait + steal }
}

/** What this machine can do now, to tell a slow program from a slow machine. */
export interface Calibration {
  hashesPerSecond: number
  syncsPerSecond: number
  load: number
}

export function calibrate(seconds: number): Calibration {
  const directory = mkdtempSync(join(tmpdir(), 'sekisho-calibration-'))
  const file = openSync(join(directory, 'file'), 'w')
  try {
    const page = Buffer.alloc(8192, 1)
    return {
      hashesPerSecond: repeat(seconds / 2, () => {
        hashSync('calibration', { memoryCost: 19_456, timeCost: 2, parallelism: 1 })
      }),
      syncsPerSecond: repeat(seconds / 2, () => {
        writeSync(file, page, 0, page.length, 0)
        fdatasyncSync(file)
      }),
      load: loadavg()[0] ?? Number.NaN,
    }
  } finally {
    closeSync(file)
    rmSync(directory, { recursive: true })
  }
}

/** How often it goes in a second. */
export function repeat(seconds: number, work: () => void): number {
  const began = performance.now()
  let count = 0
  while (performance.now() - began < seconds * 1000) {
    work()
    count += 1
  }
  return count / ((performance.now() - began) / 1000)
}

export function describeMachine(): string {
  return `${cpus().length} × ${cpus()[0]?.model ?? 'an unknown processor'}`
}
