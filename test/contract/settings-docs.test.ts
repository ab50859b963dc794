import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { namesWithoutMeaning } from '../../src/base/config/gotrue-without-meaning.ts'
import { knownNames } from '../../src/base/config.ts'
import { top } from '../walks/machine.ts'

const read = (page: string) => readFileSync(join(top, 'docs', page), 'utf8')

/** The table's rows: its names, whole, and what is said of them. `…_X` repeats the beginning of the name before. */
const rows = read('gotrue-settings.md')
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) => {
    const [, names = '', , state = ''] = line.split('|')
    const written = [...names.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name)
    const prefix = /^GOTRUE_(?:MAILER_)?[A-Z]+/.exec(written[0] ?? '')?.[0] ?? ''
    return { names: written.map((name) => name.replace(/^…/, prefix)), state: state.trim() }
  })

test('docs/cli.md names every variable of the house that is read, and no other', () => {
  const named = new Set(read('cli.md').match(/\bSEKISHO_[A-Z0-9_]+\b/g))
  const own = [...knownNames].filter((name) => name.startsWith('SEKISHO_'))
  expect([...named].sort()).toEqual(own.sort())
})

test('docs/gotrue-settings.md names every variable of GoTrue, those without meaning too, and no other', () => {
  const named = rows.flatMap(({ names }) => names).filter((name) => name.startsWith('GOTRUE_'))
  const known = [...knownNames].filter((name) => name.startsWith('GOTRUE_'))
  expect([...new Set(named)].sort()).toEqual([...known, ...namesWithoutMeaning].sort())
  expect(named).toHaveLength(new Set(named).size)
})

test('each is the same, better, or not honoured, and only what is not read is not honoured', () => {
  for (const { names, state } of rows) {
    const isUnread = names.some((name) => namesWithoutMeaning.includes(name))
    expect(state, names.join(' ')).toMatch(isUnread ? /^\*not honoured\*: ./ : /^\*(same|better)\*/)
  }
})
