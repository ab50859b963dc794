import { spawnSync } from 'node:child_process'
import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Turn } from './contestant.ts'
import type { Calibration, Weather } from './machine/weather.ts'

/** What one run of `npm run bench` measured: bench/results/<date>-<commit>.json. */
export interface Results {
  version: 1
  at: string
  commit: string
  isQuick: boolean
  node: string
  machine: string
  isPinned: boolean
  minutes: number
  calibration: { before: Calibration; after: Calibration }
  scenarios: Measured[]
  starts: Start[]
}

export type DatabaseKind = 'postgres' | 'embedded'

export interface Measured {
  name: string
  title: string
  database: DatabaseKind
  ours: Side
  peers: Side[]
  limits: Side[]
  half: Half
  /** Statements of one request or flow after warm-up, `begin` and `commit` among them. */
  queries: number
  peakMemoryMiB: number
  weather: Weather
}

/** At saturation: medians of the turns. */
export interface Side extends Omit<Turn, 'complaint'> {
  name: string
  turns: number[]
  complaint: string | null
}

/** At half of what saturates ours, in an open loop; milliseconds from the intended moment. */
export interface Half {
  rate: number
  begun: number
  p50: number
  p95: number
  p99: number
  max: number
  late: number
  isVoid: boolean
  kinds: Turn['kinds']
  serverCpuMs: number
  databaseCpuMs: number | null
  complaint: string | null
  /** In microseconds, as bench/load/histogram.ts writes it. */
  histogram: string
}

export interface Start {
  name: string
  title: string
  /** Milliseconds from the command to the first 200; all, and their median. */
  turns: number[]
  milliseconds: number
  /** Resident, after that, when nothing is asked. */
  idleMemoryMiB: number
}

export const resultsFolder = join(import.meta.dirname, 'results')

export function saveResults(results: Results): string {
  mkdirSync(resultsFolder, { recursive: true })
  const file = join(resultsFolder, `${results.at.slice(0, 10)}-${results.commit}.json`)
  writeFileSync(file, `${JSON.stringify(results, null, 1)}\n`)
  return file
}

/** The newest run that is there; null where there is none. */
export function readNewestResults(folder = resultsFolder): Results | null {
  const all = globSync(join(folder, '????-??-??-*.json')).map(
    (file): Results => JSON.parse(readFileSync(file, 'utf8')),
  )
  return all.sort((a, b) => a.at.localeCompare(b.at)).at(-1) ?? null
}

/** What was measured; with a mark where the sources are not those of the commit. */
export function currentCommit(): string {
  const git = (...args: string[]) =>
    spawnSync('git', args, { encoding: 'utf8' }).stdout?.trim() ?? ''
  const commit = git('rev-parse', '--short=9', 'HEAD') || 'unknown'
  return git('status', '--porcelain', '--', 'src', 'migrations') === ''
    ? commit
    : `${commit}-changed`
}
