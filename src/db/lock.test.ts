import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { isDataDirectoryInUse, lockDirectory } from './lock.ts'

let directory: string
let children: ChildProcess[] = []

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sekisho-lock-'))
})
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL')
  children = []
  await rm(directory, { recursive: true })
})

const lockModule = new URL('./lock.ts', import.meta.url).href

/** Another process that holds the lock until it is killed. */
async function holder(): Promise<ChildProcess> {
  const script = `
    const { lockDirectory } = await import('${lockModule}')
    await lockDirectory('${directory}')
    console.log('held')
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  await once(child.stdout, 'data')
  return child
}

const failure = (work: Promise<unknown>) => work.then(null, (error) => error)
const written = async () => JSON.parse(await readFile(`${directory}/lock`, 'utf8'))
const rewrite = async (change: object) =>
  writeFile(`${directory}/lock`, JSON.stringify({ ...(await written()), ...change }))

test('a directory in use is refused, with the process and the time', async () => {
  const before = new Date(Date.now() - 2000)
  const child = await holder()
  const error = await failure(lockDirectory(directory))
  expect(isDataDirectoryInUse(error)).toBe(true)
  expect(error.pid).toBe(child.pid)
  expect(error.since.getTime()).toBeGreaterThan(before.getTime())
  expect(error.message).toContain(`in use by process ${child.pid} since 20`)
})

test('this process is refused too, until it lets go', async () => {
  const lock = await lockDirectory(directory)
  expect(await failure(lockDirectory(directory))).toMatchObject({ pid: process.pid })
  await lock.release()
  await lock.release()
  expect(await readdir(directory)).toEqual([])
  await (await lockDirectory(directory)).release()
})

test('what a killed process left is taken over at once', async () => {
  const child = await holder()
  child.kill('SIGKILL')
  await once(child, 'exit')
  const lock = await lockDirectory(directory)
  expect((await written()).pid).toBe(process.pid)
  await lock.release()
  expect(await readdir(directory)).toEqual([])
})

test('a process that is stopped keeps its directory, from another container too', async () => {
  const child = await holder()
  child.kill('SIGSTOP')
  expect(await failure(lockDirectory(directory))).toMatchObject({ pid: child.pid })
  await rewrite({ namespace: 'pid:[of another container]', pid: 1, started: '1' })
  expect(await failure(lockDirectory(directory))).toMatchObject({ pid: 1 })
  const exit = once(child, 'exit')
  child.kill('SIGKILL')
  await exit
  await (await lockDirectory(directory)).release()
})

test('a process number that was given to another process does not hold it', async () => {
  const lock = await lockDirectory(directory)
  await rewrite({ started: '1', socket: null })
  const next = await lockDirectory(directory)
  expect(await written()).not.toMatchObject({ started: '1' })
  await next.release()
  await lock.release()
})

test('a machine that was started again holds nothing', async () => {
  const child = await holder()
  child.kill('SIGKILL')
  await once(child, 'exit')
  await rewrite({ boot: 'of yesterday', namespace: 'pid:[1]' })
  await (await lockDirectory(directory)).release()
})

const unknowable: [string, () => Promise<void>][] = [
  ['of another machine', () => rewrite({ boot: 'x', machine: 'm', host: 'h', socket: null })],
  ['of another container, without a socket', () => rewrite({ namespace: 'n', socket: null })],
  ['that is empty', () => writeFile(`${directory}/lock`, '')],
  ['that is nonsense', () => writeFile(`${directory}/lock`, '{"pid": "1"}')],
]
test.each(unknowable)('a lock %s is left alone, however old, and named', async (_, change) => {
  const child = await holder()
  child.kill('SIGKILL')
  await once(child, 'exit')
  await change()
  const before = await readFile(`${directory}/lock`, 'utf8')
  const error = await failure(lockDirectory(directory))
  expect(isDataDirectoryInUse(error)).toBe(true)
  expect(error.message).toContain('may be in use')
  expect(error.message).toContain(`delete ${directory}/lock`)
  expect(await readFile(`${directory}/lock`, 'utf8')).toBe(before)
})

test('a path that is longer than the address of a socket makes no difference', async () => {
  directory = join(directory, 'long'.repeat(30))
  await mkdir(directory)
  const child = await holder()
  expect((await written()).socket).toMatch(/^alive-/)
  await rewrite({ namespace: 'pid:[of another container]' })
  expect(await failure(lockDirectory(directory))).toMatchObject({ pid: child.pid })
  const exit = once(child, 'exit')
  child.kill('SIGKILL')
  await exit
  await (await lockDirectory(directory)).release()
  directory = dirname(directory)
})

test('of ten that find a dead lock, one gets it', async () => {
  const child = await holder()
  child.kill('SIGKILL')
  await once(child, 'exit')
  const results = await Promise.allSettled(
    Array.from({ length: 10 }, () => lockDirectory(directory)),
  )
  const locks = results.filter((result) => result.status === 'fulfilled')
  expect(locks).toHaveLength(1)
  await locks[0]?.value.release()
  expect(await readdir(directory)).toEqual([])
})

test('of processes that start at once on a dead lock, one gets it, and who dies on the way stops nobody', async () => {
  const dead = await holder()
  dead.kill('SIGKILL')
  await once(dead, 'exit')
  const lockText = await readFile(`${directory}/lock`, 'utf8')
  // As if the one who was taking it over had died too.
  const token = createHash('sha256').update(lockText).digest('hex').slice(0, 16)
  await writeFile(`${directory}/over-${token}`, lockText.replace('"token":"', '"token":"f'))
  const starters = await Promise.all(Array.from({ length: 4 }, () => starter()))
  expect(starters.filter((outcome) => outcome === 'held')).toHaveLength(1)
  expect(starters.filter((outcome) => outcome === 'refused')).toHaveLength(3)
})

/** Another process that tries once: what came of it. It holds on to what it has until the test is over. */
async function starter(): Promise<string> {
  const script = `
    const { lockDirectory, isDataDirectoryInUse } = await import('${lockModule}')
    await lockDirectory('${directory}').then(
      () => { console.log('held'); setInterval(() => {}, 1000) },
      (error) => console.log(isDataDirectoryInUse(error) ? 'refused' : error))`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  const [text] = await once(child.stdout, 'data')
  return String(text).trim()
}
