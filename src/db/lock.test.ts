import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type DirectoryLock, isDataDirectoryInUse, lockDirectory } from './lock.ts'

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
})

test('a process number that was given to another process does not hold it', async () => {
  const lock = await lockDirectory(directory)
  await rewrite({ started: '1' })
  const next = await lockDirectory(directory)
  expect(await written()).not.toMatchObject({ started: '1' })
  await next.release()
  await lock.release()
})

test('a lock that was never written is taken over', async () => {
  await writeFile(`${directory}/lock`, '')
  await (await lockDirectory(directory)).release()
})

test('of a holder in another container only its pulse tells whether it lives', async () => {
  const child = await holder()
  const elsewhere = { place: 'another container', pid: 1 }
  let pulse = rewrite(elsewhere)
  const alive = setInterval(() => {
    pulse = pulse.then(() => rewrite(elsewhere))
  }, 500)
  await pulse
  expect(await failure(lockDirectory(directory))).toMatchObject({ pid: 1 })
  // A write still under way would be one more sign of life.
  clearInterval(alive)
  await pulse
  const exit = once(child, 'exit')
  child.kill('SIGKILL')
  await exit
  await rewrite(elsewhere)
  await (await lockDirectory(directory)).release()
})

test('of ten that find a dead lock, one gets it', async () => {
  await writeFile(`${directory}/lock`, JSON.stringify({ pid: 4_194_305, place: 'x', since: '' }))
  await rewrite({ place: await placeOfThisProcess() })
  const results = await Promise.allSettled(
    Array.from({ length: 10 }, () => lockDirectory(directory)),
  )
  const locks = results.filter(
    (result): result is PromiseFulfilledResult<DirectoryLock> => result.status === 'fulfilled',
  )
  expect(locks).toHaveLength(1)
  await locks[0]?.value.release()
})

async function placeOfThisProcess(): Promise<string> {
  const other = await mkdtemp(join(tmpdir(), 'sekisho-lock-'))
  const lock = await lockDirectory(other)
  const { place } = JSON.parse(await readFile(`${other}/lock`, 'utf8'))
  await lock.release()
  await rm(other, { recursive: true })
  return place
}
