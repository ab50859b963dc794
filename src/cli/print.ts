/** Data goes to standard output: one JSON value a line. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`)
}

/** What is said to people goes to standard error, so that data can be piped on. */
export function say(text: string): void {
  process.stderr.write(`${text}\n`)
}

/** A table for people: columns as wide as they need. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  )
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** Facts about one thing: a name and a value a line. What is not there is left out. */
export function facts(values: Record<string, unknown>): string {
  return table(
    Object.entries(values)
      .filter(([, value]) => value !== null && value !== undefined && value !== '')
      .map(([name, value]) => [
        `${name}:`,
        typeof value === 'string'
          ? value
          : Array.isArray(value)
            ? value.join(' ')
            : JSON.stringify(value),
      ]),
  )
}
