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

const answers = (command: string, args: string[]) => spawnSync(command, args).status === 0

const tools = {
  Go: () => answers('go', ['version']),
  Chromium: () => chromium !== null,
  // Debian ships `venv` without its pip unless one asks for it.
  Python: () => answers('python3', ['-c', 'import venv, ensurepip']),
  Apache: () => existsSync(apache.program) && existsSync(apache.oidcModule),
}

/** Where Debian puts them. */
export const apache = {
  program: '/usr/sbin/apache2',
  modules: '/usr/lib/apache2/modules',
  oidcModule: '/usr/lib/apache2/modules/mod_auth_openidc.so',
}

/** False, and loudly so, where the machine lacks a tool; with CI set nothing may be left out. */
export function machineHas(tool: keyof typeof tools): boolean {
  if (tools[tool]()) return true
  if (process.env.CI) throw new Error(`${tool} is missing, and with CI set no walk may be skipped.`)
  console.warn(`\n*** SKIPPED: this walk needs ${tool}, which this machine does not have. ***\n`)
  return false
}
