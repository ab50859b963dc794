import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const log = fileURLToPath(new URL('./log.ts', import.meta.url))

/** Runs a program that logs, and returns what was on its standard error. */
async function run(program: string): Promise<string[]> {
  const child = spawn(
    process.execPath,
    ['--input-type=module', '-e', `import { createLog } from ${JSON.stringify(log)}\n${program}`],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  let text = ''
  child.stderr.on('data', (chunk) => {
    text += chunk
  })
  await once(child, 'close')
  return text.split('\n')
}

const numbersIn = (lines: string[]) =>
  lines
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line).number)
    .sort((one, other) => one - other)

const thousand = Array.from({ length: 1000 }, (_, index) => index)
const logThousand = `const log = createLog('info'); for (let number = 0; number < 1000; number++) log.info({ number }, 'a line')`

test.each([
  ['an exception that nobody catches', `${logThousand}; throw new Error('the end')`],
  ['a rejection that nobody catches', `${logThousand}; Promise.reject(new Error('the end'))`],
  ['an exit', `${logThousand}; process.exit(1)`],
  ['an exit a moment later', `${logThousand}; setImmediate(() => process.exit(1))`],
  ['an ending of its own', logThousand],
])('no line before %s is lost', async (_, program) => {
  expect(numbersIn(await run(program))).toEqual(thousand)
})

test('a reader that stands still costs lines, not memory, and they are counted', async () => {
  const child = spawn(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `import { createLog } from ${JSON.stringify(log)}
      const log = createLog('info')
      const line = 'x'.repeat(1000)
      for (let number = 0; number < 20_000; number++) log.info({ line })
      process.stdout.write(String(log.dropped()))`,
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  // Standard error is not read, until what was lost is known.
  const [told] = await once(child.stdout, 'data')
  expect(Number(String(told))).toBeGreaterThan(10_000)
  child.stderr.resume()
  await once(child, 'close')
})
