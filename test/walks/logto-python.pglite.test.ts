import { createHash } from 'node:crypto'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe } from 'vitest'
import { oneAtATime } from './example.ts'
import { callsOfThings, walkLogtoApp } from './logto-app.ts'
import { machineHas, top } from './machine.ts'
import { run, runToEnd } from './process.ts'

const folder = join(top, 'examples/logto-python')

describe.runIf(machineHas('Python'))('with Python', () => {
  walkLogtoApp("Logto's SDK for Python", {
    signIn: '/sign-in',
    callback: '/callback',
    signOut: '/sign-out',
    // It asks for tokens of an API or of an organization, not for both in one.
    paths: [callsOfThings.asUser, callsOfThings.ofOrganization],
    start: async (env) => run(await installedPython(), ['app.py'], { cwd: folder, env }),
  })
})

/** A Python with exactly what the example's requirements name. */
async function installedPython(): Promise<string> {
  const home = join(top, 'test/.cache/logto-python')
  const requirements = join(folder, 'requirements.txt')
  const hash = createHash('sha256').update(readFileSync(requirements)).digest('hex')
  const mark = join(home, '.installed')
  await oneAtATime('install-logto-python', async () => {
    if (existsSync(mark) && readFileSync(mark, 'utf8') === hash) return
    rmSync(home, { recursive: true, force: true })
    await runToEnd('python3', ['-m', 'venv', home], { cwd: folder })
    const options = ['--quiet', '--disable-pip-version-check', '--only-binary', ':all:']
    const pinned = ['--require-hashes', '-r', requirements]
    await runToEnd(join(home, 'bin/pip'), ['install', ...options, ...pinned], { cwd: folder })
    writeFileSync(mark, hash)
  })
  return join(home, 'bin/python')
}
