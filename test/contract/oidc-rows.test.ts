import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { top } from '../walks/machine.ts'

// Each row of the checklist is held by tests whose titles end in its name, and docs/oidc-rows.md says by which.

const folder = join(top, 'test/contract')
const row = String.raw`(?:9700-\d\d|RFC-\d{4}|OAuth-2\.1|Core|Discovery|Logout)`
const title = new RegExp(String.raw`'([^'\n]+) \((${row}(?:, ${row})*)\)',`, 'g')

/** The profile of the provider: RFC 9700's 24 rows, and what else it speaks. */
const profile = [
  ...Array.from({ length: 24 }, (_, at) => `9700-${String(at + 1).padStart(2, '0')}`),
  ...['OAuth-2.1', 'Core', 'Discovery', 'Logout'],
  ...['7009', '7523', '7636', '7662', '8252', '8628', '8693', '8707', '9068', '9101', '9126'].map(
    (number) => `RFC-${number}`,
  ),
  ...['9207', '9449', '9470'].map((number) => `RFC-${number}`),
]

function held(): string[] {
  return readdirSync(folder)
    .filter((name) => /^oidc-.*\.test\.ts$/.test(name))
    .flatMap((name) =>
      [...readFileSync(join(folder, name), 'utf8').matchAll(title)].flatMap(
        ([, sentence = '', rows = '']) =>
          rows.split(', ').map((one) => `${one} | ${name} | ${sentence}`),
      ),
    )
}

function told(): string[] {
  let current = ''
  const found: string[] = []
  for (const line of readFileSync(join(top, 'docs/oidc-rows.md'), 'utf8').split('\n')) {
    current = new RegExp(`^### (${row}) `).exec(line)?.[1] ?? current
    const [, name, sentence] = /^\* `([^`]+)`: (.+)$/.exec(line) ?? []
    if (name !== undefined) found.push(`${current} | ${name} | ${sentence}`)
  }
  return found
}

test('docs/oidc-rows.md names for each row the tests that hold it, and no others', () => {
  expect(told().sort()).toEqual(held().sort())
})

test('no row of the profile is without a test', () => {
  const names = new Set(held().map((line) => line.split(' | ')[0]))
  expect([...names].sort()).toEqual([...profile].sort())
})
