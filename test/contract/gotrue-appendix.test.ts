import { globSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { firstErrors } from './gotrue-appendix-first.ts'
import { secondErrors } from './gotrue-appendix-second.ts'
import { otherwise, unreachable } from './gotrue-appendix-unreachable.ts'

// Which test reaches which error of GoTrue's (reference, appendix A): by its code and its text, or by the text that
// stands for it here (`otherwise`). What no request can cause has its reason.

interface Line {
  /** `mfa.go: 422 insufficient_aal AAL2 required …`, as the other tables name it. */
  name: string
  code: string
  text: string
}

const lines: Line[] = Object.entries({ ...firstErrors, ...secondErrors }).flatMap(([file, rows]) =>
  rows
    .trim()
    .split('\n')
    .map((row) => {
      const [, status = '', code = '', text = ''] = /^(\S+) (\S+) (.*)$/.exec(row) ?? []
      // OAuth's own codes may have spaces in them.
      return { name: `${file}: ${row}`, code: status === 'oauth' ? '' : code, text }
    }),
)

const tests = globSync(['gotrue-*.ts', 'pages*.ts', 'software-key.ts'], {
  cwd: import.meta.dirname,
})
  .filter((file) => !/^gotrue-appendix(-first|-second|-unreachable)?\.(test\.)?ts$/.test(file))
  .map((file) => {
    const source = readFileSync(`${import.meta.dirname}/${file}`, 'utf8')
    return { file, source: source.replaceAll("\\'", "'") }
  })

/** The test files that know an error; of several with one text each is to be known by its code. */
function reachedBy({ name, code, text }: Line): string[] {
  const known = otherwise[name] ?? longestPart(text)
  const isAlone = lines.every((line) => line.text !== text || line.code === code)
  return tests
    .filter(({ source }) => source.includes(known) && (isAlone || source.includes(code)))
    .map(({ file }) => file)
}

/** What is the same in each of a text's variants. */
function longestPart(text: string): string {
  const parts = text.split(/%\+?[a-zA-Z.]|\\"|…/)
  return parts.reduce((longest, part) => (part.length > longest.length ? part : longest)).trim()
}

test('every error of GoTrue is reached by a test, or cannot be, for a reason', () => {
  const missing = lines.filter(
    (line) => !(line.name in unreachable) && reachedBy(line).length === 0,
  )
  expect(missing.map(({ name }) => name)).toEqual([])
})

test('what is told of an error is told of one that GoTrue has', () => {
  const names = new Set(lines.map(({ name }) => name))
  const told = [...Object.keys(unreachable), ...Object.keys(otherwise)]
  expect(told.filter((name) => !names.has(name))).toEqual([])
  expect(lines.length).toBeGreaterThan(400)
  for (const line of lines) {
    const known = otherwise[line.name] ?? longestPart(line.text)
    if (!(line.name in unreachable)) expect(known.length, line.name).toBeGreaterThan(6)
  }
})
