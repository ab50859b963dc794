import { createHistogram } from '../load/histogram.ts'
import type { DatabaseKind, Measured, Results, Side, Start } from '../results.ts'
import { drawPlot } from './plot.ts'

/** What the report is made for: every one of these, on both databases. */
export interface Expected {
  scenarios: readonly string[]
  starts: readonly string[]
}

const kinds: readonly DatabaseKind[] = ['postgres', 'embedded']
const nameOf = { postgres: 'Postgres', embedded: 'the embedded database' } as const

/** The files of the report, by name. Throws, with all that is missing, where something is. */
export function makeReport(results: Results, expected: Expected): Record<string, string> {
  const missing = whatIsMissing(results, expected)
  if (missing.length > 0) throw new Error(`The results are not whole:\n${missing.join('\n')}`)
  const plots = Object.fromEntries(
    kinds.map((kind) => [`latency-${kind}.svg`, latencyPlot(results, kind)]),
  )
  return { 'README.md': page(results), ...plots, 'ratios.svg': ratioPlot(results) }
}

function whatIsMissing({ scenarios, starts }: Results, expected: Expected): string[] {
  const ofScenarios = expected.scenarios.flatMap((name) =>
    kinds.flatMap((kind) => {
      const one = scenarios.find((each) => each.name === name && each.database === kind)
      const at = `${name} on ${nameOf[kind]}`
      if (one === undefined) return [`${at}: not measured`]
      return lacks(one).map((what) => `${at}: ${what}`)
    }),
  )
  const ofStarts = expected.starts.flatMap((name) => {
    const one = starts.find((each) => each.name === name)
    return one !== undefined && one.milliseconds > 0 ? [] : [`start ${name}: not measured`]
  })
  return [...ofScenarios, ...ofStarts]
}

function lacks({ ours, half, limits, queries, peakMemoryMiB, database }: Measured): string[] {
  const isCounted = (value: number | null) => value !== null && Number.isFinite(value)
  return [
    ...(ours.perSecond > 0 ? [] : ['no throughput']),
    ...([half.p50, half.p95, half.p99].every((value) => value > 0) ? [] : ['no latency']),
    ...(createHistogram(half.histogram).count > 0 ? [] : ['no raw data of the latency']),
    ...(limits.some(({ perSecond }) => perSecond > 0) ? [] : ['no limit to compare with']),
    ...(isCounted(ours.serverCpuMs) ? [] : ['no CPU of the server']),
    ...(database === 'embedded' || isCounted(ours.databaseCpuMs) ? [] : ['no CPU of Postgres']),
    ...(Number.isFinite(queries) && queries >= 0 ? [] : ['no count of queries']),
    ...(peakMemoryMiB > 0 ? [] : ['no memory']),
  ]
}

function page(results: Results): string {
  const { at, commit, isQuick, node, machine, isPinned, minutes, calibration } = results
  const { before, after } = calibration
  const paragraphs = [
    '# What was measured',
    'Made by `npm run bench:report` from the newest file here; do not edit. [../README.md](../README.md) says how it is measured.',
    `${at.slice(0, 16).replace('T', ' ')} UTC, commit \`${commit}\`, Node ${node} on ${machine}; ${isQuick ? 'a quick run' : 'a full run'} of ${minutes.toFixed(1)} minutes. ${
      isPinned
        ? 'Servers and limits have core 0, Postgres and the generator core 1.'
        : '**Nothing was pinned.**'
    } The machine made ${before.hashesPerSecond.toFixed(0)} hashes and ${before.syncsPerSecond.toFixed(0)} syncs a second before, ${after.hashesPerSecond.toFixed(0)} and ${after.syncsPerSecond.toFixed(0)} after; its load was ${before.load.toFixed(1)} and ${after.load.toFixed(1)}.`,
    voids(results),
    complaints(results),
    ...kinds.flatMap((kind) => [
      `## On ${nameOf[kind]}`,
      `![Latency on ${nameOf[kind]}](latency-${kind}.svg)`,
      figures(results, kind),
    ]),
    '## Against limits and peers',
    'How often ours goes for each time of what is named, in the same run. A limit is what no server could be quicker than: the first counts.',
    '![Ratios](ratios.svg)',
    ratios(results),
    '## Starts',
    starts(results.starts),
  ]
  return `${paragraphs.filter(Boolean).join('\n\n')}\n`
}

function voids({ scenarios }: Results): string {
  const late = scenarios.filter(({ half }) => half.isVoid)
  if (late.length === 0) return ''
  const names = late.map(({ name, database }) => `${name} (${database})`).join(', ')
  return `**The generator was late in more than one operation of a hundred, so the latencies marked † say nothing:** ${names}.`
}

/** What went wrong in part of what is reported: its figures are not to be trusted. */
function complaints({ scenarios }: Results): string {
  const lines = scenarios.flatMap(({ name, database, ours, half, limits, peers }) => {
    const sides = [ours, { ...half, name: 'half load' }, ...limits, ...peers]
    return sides.flatMap(({ name: whose, complaint }) =>
      complaint === null ? [] : [`* ${name} (${database}), ${whose}: ${complaint}`],
    )
  })
  return lines.length === 0 ? '' : ['**What went wrong:**', '', ...lines].join('\n')
}

function figures({ scenarios }: Results, kind: DatabaseKind): string {
  const head = [
    ...['', 'per second', 'p50 ms', 'p95 ms', 'p99 ms', 'server CPU ms', 'Postgres CPU ms'],
    ...['queries', 'peak MiB', 'late', 'steal', 'foreign', 'other answers'],
  ]
  const rows = scenarios
    .filter(({ database }) => database === kind)
    .map(({ title, ours, half, queries, peakMemoryMiB, weather }) => [
      title,
      ours.perSecond.toFixed(0),
      ...[half.p50, half.p95, half.p99].map((ms) => `${ms.toFixed(1)}${half.isVoid ? ' †' : ''}`),
      ours.serverCpuMs?.toFixed(2) ?? '–',
      ours.databaseCpuMs?.toFixed(2) ?? '–',
      String(queries),
      peakMemoryMiB.toFixed(0),
      ...[half.late, weather.steal, weather.foreign].map((part) => `${(part * 100).toFixed(0)} %`),
      othersOf(ours, half.kinds),
    ])
  return table(head, rows)
}

/** What was neither a success nor a redirect, at saturation and at half. */
function othersOf(ours: Side, atHalf: Side['kinds']): string {
  const counts = new Map<string, number>()
  for (const [kind, count] of [...Object.entries(ours.kinds), ...Object.entries(atHalf)]) {
    if (kind !== 'success' && kind !== 'redirect') counts.set(kind, (counts.get(kind) ?? 0) + count)
  }
  return [...counts].map(([kind, count]) => `${count} ${kind}`).join(', ') || 'none'
}

function ratios({ scenarios }: Results): string {
  const head = ['', 'database', 'compared with', 'per second', 'ours', 'ratio', 'server CPU ms']
  const rows = scenarios.flatMap(({ title, database, ours, limits, peers }) =>
    [...limits, ...peers].map((side, index) => [
      index === 0 ? title : '',
      database,
      index === 0 ? `**${side.name}**` : side.name,
      side.perSecond.toFixed(side.perSecond < 10 ? 1 : 0),
      ours.perSecond.toFixed(0),
      (ours.perSecond / side.perSecond).toFixed(2),
      side.serverCpuMs?.toFixed(2) ?? '–',
    ]),
  )
  return table(head, rows)
}

function starts(all: readonly Start[]): string {
  const head = ['', 'first 200 after', 'of', 'idle memory']
  const rows = all.map(({ title, milliseconds, turns, idleMemoryMiB }) => [
    title,
    `${milliseconds.toFixed(0)} ms`,
    turns.map((one) => one.toFixed(0)).join(', '),
    `${idleMemoryMiB.toFixed(0)} MiB`,
  ])
  return table(head, rows)
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

function latencyPlot({ scenarios }: Results, kind: DatabaseKind): string {
  const series = ['p50', 'p95', 'p99'] as const
  return drawPlot({
    title: `At half load on ${nameOf[kind]}`,
    unit: 'ms',
    series,
    rows: scenarios
      .filter(({ database }) => database === kind)
      .map(({ title, half }) => ({
        label: `${title}${half.isVoid ? ' †' : ''}`,
        dots: series.map((name) => ({ series: name, value: half[name] })),
      })),
  })
}

function ratioPlot({ scenarios }: Results): string {
  const onPostgres = scenarios.filter(({ database }) => database === 'postgres')
  const peers = new Set(onPostgres.flatMap((one) => one.peers.map(({ name }) => name)))
  return drawPlot({
    title: 'Ours, as often as what it is compared with (Postgres)',
    unit: 'times',
    series: ['limit', ...peers],
    mark: 1,
    rows: onPostgres.map(({ title, ours, limits, peers }) => ({
      label: title,
      dots: [...limits.slice(0, 1).map((limit) => ({ ...limit, name: 'limit' })), ...peers]
        .filter(({ perSecond }) => perSecond > 0)
        .map(({ name, perSecond }) => ({ series: name, value: ours.perSecond / perSecond })),
    })),
  })
}
