/** One line of a plot: its name, and dots on it. */
export interface PlotRow {
  label: string
  dots: readonly { series: string; value: number }[]
}

export interface Plot {
  title: string
  unit: string
  /** In the order of the colours. */
  series: readonly string[]
  rows: readonly PlotRow[]
  /** A line where this value is, to compare with. */
  mark?: number
}

const colours = ['#4c9f70', '#d8973c', '#bd4f6c', '#5b7db1', '#8a6bb0']
const width = 720
const left = 190
const right = 30
const rowHeight = 24
const top = 56

/** A small SVG: dots on a logarithmic scale, since the slowest is a hundred times the quickest. */
export function drawPlot({ title, unit, series, rows, mark }: Plot): string {
  const values = rows.flatMap(({ dots }) => dots.map(({ value }) => value))
  if (values.length === 0 || values.some((value) => !(value > 0 && Number.isFinite(value)))) {
    throw new Error(`${title}: a plot needs values above nothing.`)
  }
  const low = Math.floor(Math.log10(Math.min(...values, mark ?? Number.POSITIVE_INFINITY)))
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values, mark ?? 0))))
  const x = (value: number) =>
    left + ((Math.log10(value) - low) / (high - low)) * (width - left - right)
  const bottom = top + rows.length * rowHeight
  const grid = Array.from({ length: high - low + 1 }, (_, step) => 10 ** (low + step)).map(
    (value) =>
      `<line class="grid" x1="${at(x(value))}" x2="${at(x(value))}" y1="${top - 6}" y2="${bottom}"/>` +
      `<text x="${at(x(value))}" y="${bottom + 16}" text-anchor="middle">${value}</text>`,
  )
  const marked =
    mark === undefined
      ? []
      : [
          `<line class="mark" x1="${at(x(mark))}" x2="${at(x(mark))}" y1="${top - 6}" y2="${bottom}"/>`,
        ]
  const legend = series.map(
    (name, index) =>
      `<circle cx="${left + index * 120}" cy="34" r="5" fill="${colourOf(index)}"/>` +
      `<text x="${left + 9 + index * 120}" y="38">${escaped(name)}</text>`,
  )
  const lines = rows.flatMap(({ label, dots }, row) => {
    const y = top + row * rowHeight + rowHeight / 2
    const ends = dots.map(({ value }) => x(value))
    return [
      `<text x="${left - 12}" y="${y + 4}" text-anchor="end">${escaped(label)}</text>`,
      `<line class="row" x1="${at(Math.min(...ends))}" x2="${at(Math.max(...ends))}" y1="${y}" y2="${y}"/>`,
      ...dots.map(
        ({ series: name, value }) =>
          `<circle cx="${at(x(value))}" cy="${y}" r="5" fill="${colourOf(series.indexOf(name))}"><title>${escaped(`${label}, ${name}: ${value.toPrecision(3)} ${unit}`)}</title></circle>`,
      ),
    ]
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${bottom + 44}" role="img" aria-label="${escaped(title)}">`,
    `<style>text{font:12px system-ui,sans-serif;fill:#444}.grid{stroke:#8884}.row{stroke:#8888;stroke-width:2}.mark{stroke:#888;stroke-dasharray:4 3}@media(prefers-color-scheme:dark){text{fill:#ccc}}</style>`,
    `<text x="${left}" y="16" font-weight="bold">${escaped(title)}</text>`,
    ...[...legend, ...grid, ...marked, ...lines],
    `<text x="${width - right}" y="${bottom + 36}" text-anchor="end">${escaped(unit)}</text>`,
    '</svg>\n',
  ].join('\n')
}

function colourOf(index: number): string {
  return colours[index % colours.length] ?? '#888'
}

function at(value: number): string {
  return value.toFixed(1)
}

/** Text between tags, or in an attribute. */
export function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)
}
