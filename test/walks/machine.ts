import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** The top of the repository. */
export const top = join(import.meta.dirname, '../..')

const pinned = join(top, 'node_modules/.bin/node')
/** The Node of the product, which may be newer than the machine's. */
export const node = existsSync(pinned) ? pinned : process.execPath

export const chromium =
  process.env.CHROMIUM ??
  ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
    existsSync(path),
  ) ??
  null

const hasGo = spawnSync('go', ['version']).status === 0

/** False, and loudly so, where the machine lacks a tool; with CI set nothing may be left out. */
export function machineHas(tool: 'Go' | 'Chromium'): boolean {
  if (tool === 'Go' ? hasGo : chromium !== null) return true
  if (process.env.CI) throw new Error(`${tool} is missing, and with CI set no walk may be skipped.`)
  console.warn(`\n*** SKIPPED: this walk needs ${tool}, which this machine does not have. ***\n`)
  return false
}
