import { join } from 'node:path'
import { expect, test } from 'vitest'
import { installedExample } from '../walks/example.ts'
import { node, top } from '../walks/machine.ts'
import { runToEnd } from '../walks/process.ts'

// The compiler of the house: TypeScript is the same in the example, whose own copy is for its readers.
const compiler = join(top, 'node_modules/typescript/bin/tsc')

test.each(['tsconfig.json', 'tsconfig.loose.json'])(
  'the adapter is one for @auth/core and next-auth 4 and 5, by %s',
  async (config) => {
    const cwd = await installedExample('authjs-types')
    await expect(runToEnd(node, [compiler, '-p', config], { cwd })).resolves.toBeDefined()
  },
  180_000,
)
