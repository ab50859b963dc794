import { createHash } from 'node:crypto'
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { installedExample, oneAtATime } from './example.ts'
import { node, top } from './machine.ts'
import { type Running, run, runToEnd } from './process.ts'

const next = 'node_modules/next/dist/bin/next'
const quiet = { NEXT_TELEMETRY_DISABLED: '1', NODE_ENV: 'production' }

/** The folder of a built app; a build is kept for as long as nothing of what it is made of changes, `ours` of the repository included. */
export async function builtNextApp(name: string, ours: string[] = []): Promise<string> {
  const folder = await installedExample(name)
  const mark = join(folder, '.next/.walked')
  const hash = hashOf(folder, ours)
  await oneAtATime(`build-${name}`, async () => {
    if (existsSync(mark) && readFileSync(mark, 'utf8') === hash) return
    await runToEnd(node, [next, 'build'], { cwd: folder, env: quiet })
    writeFileSync(mark, hash)
  })
  return folder
}

export function startNextApp(
  folder: string,
  port: number,
  env: Record<string, string>,
): Promise<Running> {
  return run(node, [next, 'start', '--hostname', 'localhost', '--port', String(port)], {
    cwd: folder,
    env: { ...quiet, ...env },
    readyWhen: /Ready in/,
  })
}

function hashOf(folder: string, ours: string[]): string {
  const hash = createHash('sha256')
  const own = globSync(['*.{js,json}', 'app/**/*.{js,css}'], { cwd: folder })
  for (const path of [
    ...own.map((file) => join(folder, file)),
    ...globSync(ours, { cwd: top }).map((file) => join(top, file)),
  ].sort()) {
    hash.update(path).update(readFileSync(path))
  }
  return hash.digest('hex')
}
