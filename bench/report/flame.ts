import { escaped } from './plot.ts'

/** A profile as V8 gives it (`Profiler.stop`): samples name nodes of a tree of calls. */
export interface CpuProfile {
  nodes: { id: number; callFrame: CallFrame; children?: number[] }[]
  samples: number[]
  /** Microseconds before each sample. */
  timeDeltas: number[]
}

interface CallFrame {
  functionName: string
  url: string
  lineNumber: number
}

/** A call with all that it calls; `own` and `total` are microseconds. */
export interface Call {
  name: string
  place: string
  own: number
  total: number
  calls: Call[]
}

/** The tree of what was computed; waiting is left out. */
export function callsOf({ nodes, samples, timeDeltas }: CpuProfile): Call {
  const own = new Map<number, number>()
  for (const [at, id] of samples.entries()) {
    own.set(id, (own.get(id) ?? 0) + (timeDeltas[at] ?? 0))
  }
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const callOf = (id: number): Call[] => {
    const node = byId.get(id)
    if (node === undefined || node.callFrame.functionName === '(idle)') return []
    const calls = merged((node.children ?? []).flatMap(callOf))
    const mine = own.get(id) ?? 0
    const total = mine + calls.reduce((sum, call) => sum + call.total, 0)
    return [{ ...namesOf(node.callFrame), own: mine, total, calls }]
  }
  const [root] = nodes
  const [all] = root === undefined ? [] : callOf(root.id)
  if (all === undefined) throw new Error('The profile is empty.')
  return all
}

/** Calls of one name from one place are one. */
function merged(calls: readonly Call[]): Call[] {
  const known = new Map<string, Call>()
  for (const call of calls) {
    const key = `${call.name} ${call.place}`
    const before = known.get(key)
    known.set(
      key,
      before === undefined
        ? call
        : {
            ...before,
            own: before.own + call.own,
            total: before.total + call.total,
            calls: merged([...before.calls, ...call.calls]),
          },
    )
  }
  return [...known.values()].sort((a, b) => b.total - a.total)
}

function namesOf({ functionName, url, lineNumber }: CallFrame): Pick<Call, 'name' | 'place'> {
  const path = url.replace(/^.*\/(?=(?:node_modules|src)\/)/, '').replace(/^node_modules\//, '')
  const place = path === '' ? 'native' : path
  return { name: functionName || `anonymous:${lineNumber + 1}`, place }
}

/** Whose time it is, for the table beside the flames. */
const areas: readonly [string, RegExp][] = [
  ['our sources', /^src\//],
  ['the database driver', /^(?:pg|pg-|kysely|postgres)/],
  ['Hono and its adaptor', /^(?:hono|@hono)\//],
  ['signatures, hashes, chance', /^node:internal\/crypto/],
  ['the log', /^(?:pino|@pinojs|sonic-boom)/],
  ['HTTP and sockets of Node', /^node:(?:_http|net|internal\/(?:stream|http|timers|url))/],
]

const rest = 'the rest of Node and V8'

const natives: readonly [string, RegExp][] = [
  ['garbage collection', /^\(garbage collector\)$/],
  ['native code that V8 does not name, the system’s among it', /^\(program\)$/],
  ['HTTP and sockets of Node', /^(?:write|read|shutdown)/],
]

/** Shares of the time that was computed, the largest first; they add up to one. */
export function sharesOf(all: Call): { area: string; share: number }[] {
  const sums = new Map<string, number>()
  // What V8 and Node do natively, they do for who called them.
  const add = ({ name, place, own, calls }: Call, caller: string) => {
    const [area = place === 'native' ? caller : rest] =
      place === 'native'
        ? (natives.find(([, pattern]) => pattern.test(name)) ?? [])
        : (areas.find(([, pattern]) => pattern.test(place)) ?? [])
    sums.set(area, (sums.get(area) ?? 0) + own)
    for (const call of calls) add(call, area)
  }
  add(all, rest)
  return [...sums]
    .map(([area, sum]) => ({ area, share: sum / all.total }))
    .sort((a, b) => b.share - a.share)
}

const width = 1200
const row = 16
/** What is narrower cannot be read. */
const narrowest = 2.5

/** Flames as an SVG: each call is as wide as its time, and stands on who called it. A name appears when pointed at. */
export function drawFlames(title: string, all: Call): string {
  const boxes: string[] = []
  let depth = 0
  const draw = (call: Call, x: number, level: number) => {
    const wide = (call.total / all.total) * width
    if (wide < narrowest) return
    depth = Math.max(depth, level)
    const y = 30 + level * row
    const share = `${((call.total / all.total) * 100).toFixed(1)} %`
    const label = escaped(call.name.slice(0, Math.floor(wide / 6.2)))
    boxes.push(
      `<g><rect x="${x.toFixed(1)}" y="${y}" width="${(wide - 0.5).toFixed(1)}" height="${row - 1}" fill="${colourOf(call)}"/>` +
        `<title>${escaped(`${call.name} ${call.place}, ${share}`)}</title>` +
        `${label.length > 2 ? `<text x="${(x + 3).toFixed(1)}" y="${y + 11}">${label}</text>` : ''}</g>`,
    )
    let left = x
    for (const inner of call.calls) {
      draw(inner, left, level + 1)
      left += (inner.total / all.total) * width
    }
  }
  draw(all, 0, 0)
  const height = 40 + (depth + 1) * row
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="monospace" font-size="10">
<style>text{fill:#222;pointer-events:none}.t{font-size:14px}svg{background:#fff}</style>
<text class="t" x="3" y="18">${escaped(title)}</text>
${boxes.join('\n')}
</svg>
`
}

function colourOf({ place }: Call): string {
  if (place.startsWith('src/')) return '#e8a33d'
  if (place.startsWith('node:')) return '#9fb8d9'
  if (place === 'native') return '#c9ccd1'
  return '#b9d79b'
}
