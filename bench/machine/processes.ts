import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { availableParallelism, cpus, setPriority } from 'node:os'
import { createInterface } from 'node:readline'
import pg from 'pg'

/** On two cores or more the servers have the first, and this process with the database the second. */
export const isPinned =
  availableParallelism() > 1 && spawnSync('taskset', ['--version']).status === 0

export function pinSelf(): void {
  if (isPinned) place(process.pid, '1')
}

/** Lets each of them, and all that descends from them, use every core; what is returned puts them back. */
export function spread(roots: readonly number[]): () => void {
  if (!isPinned) return () => {}
  const all = processes()
  const pids = roots.flatMap((root) => [...familyOf(root, all)])
  const places = new Map(pids.map((pid) => [pid, coresOf(pid)]))
  for (const pid of places.keys()) place(pid, `0-${cpus().length - 1}`)
  return () => {
    for (const [pid, cores] of places) place(pid, cores)
  }
}

function place(pid: number, cores: string): void {
  spawnSync('taskset', ['-acp', cores, String(pid)])
}

/** As `/proc` has them: `0-1`. */
function coresOf(pid: number): string {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return /^Cpus_allowed_list:\s+(\S+)/m.exec(status)?.[1] ?? '0'
}

/**
 * Goes before all others on its core until told otherwise, where it may: the generator sends when it is due, and not
 * when Postgres has time. What is started meanwhile would inherit it.
 */
export function hurry(): () => void {
  try {
    setPriority(0, -10)
    return () => setPriority(0, 0)
  } catch {
    return () => {}
  }
}

/** Whoever ends us ends what we started: it would keep the machine busy, and its port. */
const children = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

export interface Started {
  pid: number
  stop(): Promise<void>
}

/** Starts a server of Node, and waits for the line of JSON with which it says that it listens. */
export async function startServer(
  args: readonly string[],
  environment: Record<string, string>,
): Promise<Started> {
  const profile = process.env.BENCH_PROFILE
  const node = [process.execPath, ...(profile ? ['--cpu-prof', `--cpu-prof-dir=${profile}`] : [])]
  const [command = '', ...rest] = [...(isPinned ? ['taskset', '-c', '0'] : []), ...node, ...args]
  const child = spawn(command, rest, {
    env: environmentOf(environment),
    // A log is written, and nobody reads it.
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  children.add(child)
  const ended = new Promise<void>((resolve) =>
    child.on('exit', () => {
      children.delete(child)
      resolve()
    }),
  )
  const lines = createInterface({ input: child.stdout })
  const ready = new Promise<void>((resolve, reject) => {
    lines.on('line', (line) => {
      if (!/"url"/.test(line)) return
      child.off('exit', explain)
      resolve()
    })
    child.on('exit', explain)
    function explain() {
      // Nobody read what it said, so it says it again.
      const options = {
        env: environmentOf(environment),
        encoding: 'utf8',
        timeout: 20_000,
      } as const
      const { stderr } = spawnSync(command, rest, options)
      reject(new Error(`${args.join(' ')} ended before it listened: ${stderr.slice(-1500)}`))
    }
  })
  await ready
  return {
    pid: child.pid ?? 0,
    async stop() {
      child.kill('SIGTERM')
      await ended
    },
  }
}

function environmentOf(own: Record<string, string>) {
  return { PATH: process.env.PATH, NODE_ENV: 'production', ...own }
}

/** What a program of Node prints, run on the core of the servers. */
export function outputOf(args: readonly string[]): Promise<string> {
  const pinned = isPinned ? ['taskset', '-c', '0'] : []
  const [command = '', ...rest] = [...pinned, process.execPath, ...args]
  return new Promise((resolve, reject) => {
    const child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'inherit'] })
    let text = ''
    child.stdout.on('data', (chunk) => {
      text += chunk
    })
    child.on('error', reject)
    child.on('exit', (code) => {
      if (code === 0) resolve(text)
      else reject(new Error(`${args.join(' ')} ended with ${code}.`))
    })
  })
}

/** The process from which all of this Postgres descends; null where it runs on another machine. */
export async function postmasterOf(url: string): Promise<number | null> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const { rows } = await client.query('select pg_backend_pid() as pid')
    return statOf(rows[0].pid)?.parent ?? null
  } finally {
    await client.end()
  }
}

/** CPU seconds that a process, and all that descends from it, has had so far. */
export function cpuSeconds(root: number): number {
  const all = processes()
  const family = familyOf(root, all)
  const ticks = all.filter(({ pid }) => family.has(pid)).reduce((sum, one) => sum + one.ticks, 0)
  return ticks / ticksPerSecond
}

const ticksPerSecond = Number(spawnSync('getconf', ['CLK_TCK']).stdout) || 100

interface Stat {
  pid: number
  parent: number
  ticks: number
}

function processes(): Stat[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => statOf(Number(name)) ?? [])
}

/** A process and all that descends from it. */
function familyOf(root: number, all: readonly Stat[]): Set<number> {
  const family = new Set([root])
  for (let size = 0; size !== family.size; ) {
    size = family.size
    for (const { pid, parent } of all) if (family.has(parent)) family.add(pid)
  }
  return family
}

/** `/proc/<pid>/stat`: the name in brackets may hold anything, so it is cut off first. */
function statOf(pid: number): Stat | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number)
    const [, parent = 0] = fields
    // User and system time, and those of children that have ended.
    const ticks = fields.slice(11, 15).reduce((sum, one) => sum + one, 0)
    return { pid, parent, ticks }
  } catch {
    return null
  }
}
