import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { installedExample } from '../walks/example.ts'
import { node, top } from '../walks/machine.ts'
import { runToEnd } from '../walks/process.ts'

// The compiler of the house: TypeScript is the same in the example, whose own copy is for its readers.
const compiler = join(top, 'node_modules/typescript/bin/tsc')

test.each(['tsconfig.json', 'tsconfig.loose.json'])(
  'the adapter is one for @auth/core from 0.30 on, and next-auth 4 and 5, by %s',
  async (config) => {
    const cwd = await installedExample('authjs-types')
    await expect(runToEnd(node, [compiler, '-p', config], { cwd })).resolves.toBeDefined()
  },
  180_000,
)

test.each([
  ['@auth/core', '0.41.'],
  ['auth-core-0.30', '0.30.'],
  ['next-auth-v4', '4.24.'],
  ['next-auth-v5', '5.0.0-'],
])(
  '%s is the version that the example says it is',
  async (name, version) => {
    const folder = join(await installedExample('authjs-types'), 'node_modules', name)
    const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    expect(manifest.version.startsWith(version)).toBe(true)
  },
  180_000,
)
