import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const folder = join(import.meta.dirname, 'peers')

/** A module of bench/peers, installed from its lock file at the first use. */
export async function peer(path: string) {
  const file = join(folder, 'node_modules', path)
  if (!existsSync(file)) {
    console.error('Installing what is compared with (bench/peers) …')
    const args = ['ci', '--no-audit', '--no-fund', '--ignore-scripts']
    const { status } = spawnSync('npm', args, {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    if (status !== 0) throw new Error('npm ci in bench/peers failed.')
  }
  return import(pathToFileURL(file).href)
}
