import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const log = fileURLToPath(new URL('./log.ts', import.meta.url))

/** Starts a program that has what this module has. */
function start(program: string, stdio: StdioOptions): ChildProcess {
  const source = `import { createLog, logRequest, logWith } from ${JSON.stringify(log)}\n${program}`
  return spawn(process.execPath, ['--input-type=module', '-e', source], { stdio })
}

/** Runs a program that logs, and returns what was on its standard error. */
async function run(program: string): Promise<string[]> {
  const child = start(program, ['ignore', 'ignore', 'pipe'])
  let text = ''
  child.stderr?.on('data', (chunk) => {
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
  const child = start(
    `      const log = createLog('info')
      const line = 'x'.repeat(1000)
      for (let number = 0; number < 20_000; number++) log.info({ line })
      process.stdout.write(String(log.dropped()))`,
    ['ignore', 'pipe', 'pipe'],
  )
  // Standard error is not read, until what was lost is known.
  const [told] = await once(child.stdout ?? child, 'data')
  expect(Number(String(told))).toBeGreaterThan(10_000)
  child.stderr?.resume()
  await once(child, 'close')
})

test('who reads the log has gone: the process goes on, and ends', async () => {
  const child = start(
    `      const log = createLog('info')
      process.stdin.once('data', () => {
        log.info('nobody reads this')
        process.stdout.write('said')
        setTimeout(() => {
          log.info('nor this')
          process.stdout.write(' again ' + log.dropped())
          process.exit(7)
        }, 400)
      })`,
    ['pipe', 'pipe', 'pipe'],
  )
  let said = ''
  child.stdout?.on('data', (chunk) => {
    said += chunk
  })
  child.stderr?.destroy()
  child.stdin?.write('go')
  const [code] = await once(child, 'close')
  expect([code, said]).toEqual([7, 'said again 2'])
})

test.runIf(process.platform === 'linux').each([
  ['at its end', ''],
  ['before it', 'await new Promise((resolve) => setTimeout(resolve, 300));'],
])('a full disk keeps no process, %s', async (_, wait) => {
  const program = `const log = createLog('info')
    for (let number = 0; number < 100; number++) log.info({ number }, 'a line')
    ${wait}
    process.stdout.write(String(log.dropped()))
    process.exit(7)`
  const full = openSync('/dev/full', 'w')
  const child = start(program, ['ignore', 'pipe', full])
  closeSync(full)
  let said = ''
  child.stdout?.on('data', (chunk) => {
    said += chunk
  })
  const [code] = await once(child, 'close')
  expect([code, said]).toEqual([7, wait === '' ? '0' : '100'])
})

test('the lines of a request have its fields, and are looked through for secrets', async () => {
  const program = `const log = logWith(createLog('info'), { requestId: 'one' })
    log.warn({ password: 'hidden', token: 'hidden' }, 'first')
    log.child({ more: 2 }).info('second')
    log.debug('nobody asked')`
  const lines = (await run(program)).filter(Boolean).map((line) => JSON.parse(line))
  expect(lines).toMatchObject([
    { requestId: 'one', password: '[redacted]', token: '[redacted]', msg: 'first' },
    { requestId: 'one', more: 2, msg: 'second' },
  ])
})

test('the line that each request has keeps to the level, too', async () => {
  const line = `{ requestId: 'one', method: 'GET', path: '/', status: 200, tookMs: 3 }`
  const [written] = await run(`logRequest(createLog('info'), ${line})`)
  expect(JSON.parse(written ?? '')).toMatchObject({ requestId: 'one', tookMs: 3, msg: 'request' })
  expect((await run(`logRequest(createLog('warn'), ${line})`)).filter(Boolean)).toEqual([])
})
