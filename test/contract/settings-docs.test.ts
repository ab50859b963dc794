import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { knownNames } from '../../src/base/config.ts'
import { top } from '../walks/machine.ts'

test('docs/cli.md names every variable of GoTrue and of the house that is read, and no other', () => {
  const text = readFileSync(join(top, 'docs/cli.md'), 'utf8')
  const named = new Set(text.match(/\b(GOTRUE|SEKISHO)_[A-Z0-9_]+\b/g))
  named.delete('GOTRUE_')
  const read = [...knownNames].filter((name) => /^(GOTRUE|SEKISHO)_/.test(name))
  expect([...named].sort()).toEqual(read.sort())
})
