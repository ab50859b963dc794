import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { top } from '../walks/machine.ts'

// Each class of incident is held by tests whose titles end in its row, and docs/incidents.md says by which, or why by none.

const row = String.raw`[A-O]\d{1,2}`
// The rows of the OpenID checklist, where there are any, come behind ours.
const title = new RegExp(
  String.raw`(['"${'`'}])((?:(?!\1)[^\\\n]|\\.)+) \((${row}(?:, ${row})*)\)(?: \([^)'"\n]*\))?\1,`,
  'g',
)

/** How many rows each chapter of the catalogue has. */
const chapters = {
  ...{
    A: 16,
    B: 17,
    C: 18,
    D: 18,
    E: 20,
    F: 8,
    G: 12,
    H: 4,
    I: 16,
    J: 6,
    K: 5,
    L: 4,
    M: 11,
    N: 5,
    O: 6,
  },
}
const catalogue = Object.entries(chapters).flatMap(([chapter, count]) =>
  Array.from({ length: count }, (_, at) => `${chapter}${at + 1}`),
)

const lines = readFileSync(join(top, 'docs/incidents.md'), 'utf8').split('\n')

function held(): string[] {
  return globSync(['src/**/*.test.ts', 'test/**/*.test.ts', 'authjs/**/*.test.ts'], { cwd: top })
    .filter((file) => !file.includes('node_modules'))
    .flatMap((file) =>
      [...readFileSync(join(top, file), 'utf8').matchAll(title)].flatMap(
        ([, , sentence = '', rows = '']) =>
          rows.split(', ').map((one) => `${one} | ${file} | ${sentence.replaceAll("\\'", "'")}`),
      ),
    )
}

/** Of each row what the page says: its tests, and its reason for having none. */
function told(): { row: string; tests: string[]; reasons: string[] }[] {
  const sections: { row: string; tests: string[]; reasons: string[] }[] = []
  for (const line of lines) {
    const begun = new RegExp(`^### (${row}) \\S`).exec(line)?.[1]
    if (begun !== undefined) sections.push({ row: begun, tests: [], reasons: [] })
    const current = sections.at(-1)
    const [, file, sentence] = /^\* `([^`]+)`: (.+)$/.exec(line) ?? []
    if (file !== undefined) current?.tests.push(`${current.row} | ${file} | ${sentence}`)
    if (/^(Does not apply: |Comes with ).+\.$/.test(line)) current?.reasons.push(line)
  }
  return sections
}

test('docs/incidents.md names for each row the tests that hold it, and no others', () => {
  const unique = [...new Set(held())].sort()
  expect(
    told()
      .flatMap(({ tests }) => tests)
      .sort(),
  ).toEqual(unique)
})

test('every row of the catalogue is there once, with a test or a reason', () => {
  expect(told().map(({ row }) => row)).toEqual(catalogue)
  const silent = told().filter(({ tests, reasons }) => tests.length + reasons.length === 0)
  expect(silent.map(({ row }) => row)).toEqual([])
  const undecided = told().filter(({ tests, reasons }) => tests.length > 0 && reasons.length > 0)
  expect(undecided.map(({ row }) => row)).toEqual([])
})

test('each of the first forty has rows with tests, or says where it is', () => {
  const forty = lines.flatMap((line) => {
    const [, number, rows = '', beside = ''] =
      /^\| (\d+)\. [^|]+ \| ([^|]*)\| (.*)\|$/.exec(line) ?? []
    return number === undefined
      ? []
      : [
          {
            number: Number(number),
            rows: rows.match(new RegExp(row, 'g')) ?? [],
            beside: beside.trim(),
          },
        ]
  })
  expect(forty.map(({ number }) => number)).toEqual(Array.from({ length: 40 }, (_, at) => at + 1))
  const tested = new Set(told().flatMap(({ row, tests }) => (tests.length > 0 ? [row] : [])))
  for (const { number, rows, beside } of forty) {
    expect([number, rows.filter((one) => !tested.has(one))]).toEqual([number, []])
    expect([number, rows.length > 0 || beside !== '']).toEqual([number, true])
  }
})
