import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createHistogram } from '../load/histogram.ts'
import { type Measured, type Results, readNewestResults } from '../results.ts'
import { makeReport } from './report.ts'

const expected = { scenarios: ['refresh', 'jwks'], starts: ['production'] }

function measured(name: string, database: Measured['database']): Measured {
  const histogram = createHistogram()
  for (const micros of [900, 1500, 40_000]) histogram.record(micros)
  const cpu = { serverCpuMs: 0.5, databaseCpuMs: database === 'postgres' ? 0.4 : null }
  const side = { turns: [800], complaint: null, ...cpu }
  return {
    ...{ name, title: `the ${name} <b>`, database, queries: 1, peakMemoryMiB: 120 },
    ours: { ...side, name: 'Sekisho', perSecond: 800, kinds: { success: 1600, limited: 2 } },
    peers: database === 'postgres' ? [{ ...side, name: 'another', perSecond: 400, kinds: {} }] : [],
    limits: [{ ...side, name: 'its statements', perSecond: 1000, kinds: {} }],
    half: {
      ...{ rate: 400, begun: 800, p50: 0.9, p95: 1.5, p99: 40, max: 40, late: 0, isVoid: false },
      ...{ kinds: { success: 798, limited: 1 }, complaint: null, histogram: histogram.toText() },
      ...cpu,
    },
    weather: { steal: 0.01, foreign: 0.2 },
  }
}

function results(): Results {
  const calibration = { hashesPerSecond: 100, syncsPerSecond: 500, load: 1 }
  const starts = [{ name: 'production', title: 'production', turns: [600], milliseconds: 600 }]
  return {
    ...{ version: 1, at: '2026-11-22T10:00:00.000Z', commit: 'abc', isQuick: true, isPinned: true },
    ...{ node: 'v24', machine: '2 × a processor', minutes: 4 },
    calibration: { before: calibration, after: calibration },
    scenarios: expected.scenarios.flatMap((name) => [
      measured(name, 'postgres'),
      measured(name, 'embedded'),
    ]),
    starts: starts.map((start) => ({ ...start, idleMemoryMiB: 100 })),
  }
}

test('the report has every scenario on both databases, with its ratios, and two plots', () => {
  const files = makeReport(results(), expected)
  expect(Object.keys(files).sort()).toEqual([
    'README.md',
    'latency-embedded.svg',
    'latency-postgres.svg',
    'ratios.svg',
  ])
  const page = files['README.md'] ?? ''
  expect(page.match(/\| the refresh <b> \|/g)).toHaveLength(4)
  expect(page).toContain('| **its statements** | 1000 | 800 | 0.80 |')
  expect(page).toContain('| another | 400 | 800 | 2.00 |')
  expect(page).toContain('3 limited')
  expect(page).toContain('600 ms')
  expect(page).not.toContain('†')
  expect(page).not.toContain('went wrong')
  const plot = files['latency-postgres.svg'] ?? ''
  expect(plot.match(/<circle cx="[\d.]+" cy="\d+" r="5" fill="#\w{6}"><title>/g)).toHaveLength(6)
  expect(plot).toContain('the refresh &#60;b&#62;')
})

test('a report of which a part is missing is none, and says what', () => {
  const without = (change: (results: Results) => void) => {
    const changed = structuredClone(results())
    change(changed)
    return () => makeReport(changed, expected)
  }
  expect(without(({ scenarios }) => scenarios.pop())).toThrow('jwks on the embedded database: not')
  expect(without(({ starts }) => starts.pop())).toThrow('start production: not measured')
  const spoil = (change: (one: Measured) => void) =>
    without(({ scenarios: [one] }) => one && change(one))
  expect(spoil((one) => one.limits.pop())).toThrow('refresh on Postgres: no limit')
  expect(spoil(({ ours }) => Object.assign(ours, { perSecond: 0 }))).toThrow('no throughput')
  expect(spoil(({ half }) => Object.assign(half, { histogram: '' }))).toThrow('no raw data')
  expect(spoil(({ ours }) => Object.assign(ours, { databaseCpuMs: null }))).toThrow('no CPU of P')
  expect(spoil((one) => Object.assign(one, { queries: Number.NaN }))).toThrow('no count of queries')
})

test('latencies of a run in which the generator was late are marked', () => {
  const late = results()
  for (const one of late.scenarios.slice(0, 1)) one.half.isVoid = true
  const page = makeReport(late, expected)['README.md'] ?? ''
  expect(page).toContain('40.0 †')
  expect(page).toContain('say nothing:** refresh (postgres).')
})

test('the newest results are read, by their time and not by their name', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-results-'))
  expect(readNewestResults(folder)).toBeNull()
  const write = (name: string, at: string) =>
    writeFileSync(join(folder, name), JSON.stringify({ ...results(), at }))
  write('2026-11-22-aaa.json', '2026-11-22T12:00:00.000Z')
  write('2026-11-22-bbb.json', '2026-11-22T11:00:00.000Z')
  expect(readNewestResults(folder)?.at).toBe('2026-11-22T12:00:00.000Z')
  rmSync(folder, { recursive: true })
})

test('what went wrong is told before the figures', () => {
  const bad = results()
  for (const { limits } of bad.scenarios.slice(0, 1)) {
    for (const limit of limits) limit.complaint = 'pgbench wrote nothing'
  }
  const page = makeReport(bad, expected)['README.md'] ?? ''
  expect(page).toContain('* refresh (postgres), its statements: pgbench wrote nothing')
})
