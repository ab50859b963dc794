import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { node, top } from './machine.ts'
import { type Running, run, runToEnd } from './process.ts'

/** The folder of an example, with the dependencies that its lock file names. */
export function installedExample(name: string): Promise<string> {
  return installedFolder(join(top, 'examples', name), name)
}

/** Other projects' adapters, which the contract of ours is run against. */
export function installedPeers(): Promise<string> {
  return installedFolder(join(top, 'test/peers'), 'peers')
}

async function installedFolder(folder: string, name: string): Promise<string> {
  const lock = createHash('sha256')
    .update(readFileSync(join(folder, 'package-lock.json')))
    .digest('hex')
  const mark = join(folder, 'node_modules/.installed')
  await oneAtATime(`install-${name}`, async () => {
    if (existsSync(mark) && readFileSync(mark, 'utf8') === lock) return
    await runToEnd('npm', ['ci', '--no-audit', '--no-fund', '--ignore-scripts'], { cwd: folder })
    writeFileSync(mark, lock)
  })
  return folder
}

/** The story that the Supabase example tells with one version of its client. */
export async function supabaseStory(version: 'v1' | 'v2') {
  const file = join(await installedExample('supabase'), `with-${version}.js`)
  const { withV1, withV2 } = await import(pathToFileURL(file).href)
  return version === 'v1' ? withV1 : withV2
}

/** The Supabase example's site, which keeps the session in cookies. */
export async function supabaseSite() {
  const file = join(await installedExample('supabase'), 'site.js')
  const { createSite, serveSite } = await import(pathToFileURL(file).href)
  return { createSite, serveSite }
}

/** The built program of the Go example. */
export async function builtShop(): Promise<string> {
  const folder = join(top, 'examples/go-gin')
  const program = join(folder, 'bin/shop')
  await oneAtATime('build-go-gin', async () => {
    await runToEnd('go', ['build', '-o', program, '.'], { cwd: folder })
  })
  return program
}

export async function startExample(name: string, env: Record<string, string>): Promise<Running> {
  return run(node, ['app.js'], { cwd: await installedExample(name), env })
}

// Both databases' walks may want the same folder at once, in two processes.
export async function oneAtATime<T>(name: string, work: () => Promise<T>): Promise<T> {
  const cache = join(top, 'test/.cache')
  mkdirSync(cache, { recursive: true })
  const lock = join(cache, `${name}.lock`)
  for (let tries = 0; ; tries += 1) {
    try {
      mkdirSync(lock)
      break
    } catch (error) {
      if (tries > 600) throw error
      // Left behind by a run that was killed.
      if (existsSync(lock) && Date.now() - statSync(lock).mtimeMs > 5 * 60_000) {
        rmSync(lock, { recursive: true, force: true })
      }
      await sleep(500)
    }
  }
  try {
    return await work()
  } finally {
    rmSync(lock, { recursive: true, force: true })
  }
}
