/** How often something can be done in a second, and how long one takes. */
export interface Figure {
  perSecond: number
  medianMs: number
}

export interface Way {
  name: string
  once(): Promise<void>
}

export interface Pace {
  /** So many at a time. */
  atOnce: number
  seconds: number
  repeats: number
}

/** Measures the ways in turns, so that what slows the machine for a while slows all of them. Medians of the repeats. */
export async function compare(ways: readonly Way[], pace: Pace): Promise<Map<string, Figure>> {
  const figures = new Map<string, Figure[]>(ways.map(({ name }) => [name, []]))
  for (const way of ways) await measure(way, { ...pace, seconds: 0.5 })
  for (let repeat = 0; repeat < pace.repeats; repeat += 1) {
    const order = repeat % 2 === 0 ? ways : [...ways].reverse()
    for (const way of order) figures.get(way.name)?.push(await measure(way, pace))
  }
  return new Map(
    [...figures].map(([name, all]) => [
      name,
      {
        perSecond: median(all.map(({ perSecond }) => perSecond)),
        medianMs: median(all.map(({ medianMs }) => medianMs)),
      },
    ]),
  )
}

async function measure(way: Way, { atOnce, seconds }: Pace): Promise<Figure> {
  const times: number[] = []
  const began = performance.now()
  const end = began + seconds * 1000
  async function work() {
    while (performance.now() < end) {
      const start = performance.now()
      await way.once()
      times.push(performance.now() - start)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  return {
    perSecond: times.length / ((performance.now() - began) / 1000),
    medianMs: median(times),
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

export function printTable(rows: readonly (readonly string[])[]): void {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  )
  for (const row of rows) {
    console.log(
      row
        .map((cell, column) =>
          column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
        )
        .join('   '),
    )
  }
}
