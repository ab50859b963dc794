import { type ChildProcess, spawn } from 'node:child_process'
import { appendFileSync, mkdtempSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

/** A program that the lab started. */
export interface Program {
  pid: number
  /** Its exit code, or the name of the signal that ended it; null while it runs. */
  ending(): number | string | null
  ended: Promise<void>
  signal(name: NodeJS.Signals): void
  /** Everything that it printed. */
  printed(): string
}

export interface ProgramOptions {
  cwd?: string
  env?: Record<string, string>
  /** As whom it runs; Postgres refuses to be root. */
  user?: { uid: number; gid: number } | undefined
}

/** A folder for everything of one lab, which is gone with all its processes when this process is, however it ends. */
export interface Yard {
  folder: string
  start(name: string, command: readonly string[], options?: ProgramOptions): Program
  /** A shell command that undoes something of the machine; run at the end, the last one first. */
  undoLater(command: string): void
  close(): Promise<void>
}

/** Outlives us: our end, even by kill -9, closes its standard input. A pid counts with its start time alone, since pids come again. */
const janitor = `
cat >/dev/null
while read -r pid began; do
  now=$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null | cut -d' ' -f20)
  if [ "$now" = "$began" ]; then kill -CONT "$pid"; kill -KILL "$pid"; fi
done <"$1/pids" 2>/dev/null
sleep 0.3
tac "$1/undo" 2>/dev/null | sh >/dev/null 2>&1
rm -rf "$1"
`

export function openYard(): Yard {
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-faults-'))
  for (const file of ['pids', 'undo']) writeFileSync(join(folder, file), '')
  const keeper = spawn('/bin/sh', ['-c', janitor, 'janitor', folder], {
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  const gone = new Promise<void>((resolve) => keeper.once('exit', () => resolve()))
  let count = 0
  return {
    folder,
    start(name, [command = '', ...args], { cwd = folder, env = {}, user } = {}) {
      count += 1
      const file = join(folder, `${name}.${count}.log`)
      const log = openSync(file, 'a')
      const child = spawn(command, args, {
        cwd,
        env: { PATH: process.env.PATH ?? '', HOME: folder, LANG: 'C', ...env },
        // Nobody here spends time on reading what a program says.
        stdio: ['ignore', log, log],
        ...user,
      })
      const pid = child.pid ?? 0
      appendFileSync(join(folder, 'pids'), `${pid} ${beginningOf(pid)}\n`)
      return {
        pid,
        ended: endOf(child),
        ending: () => child.exitCode ?? child.signalCode,
        signal: (signal) => void child.kill(signal),
        printed: () => readFileSync(file, 'utf8'),
      }
    },
    undoLater(command) {
      appendFileSync(join(folder, 'undo'), `${command}\n`)
    },
    async close() {
      keeper.stdin.end()
      await gone
    },
  }
}

function endOf(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', () => resolve())
  })
}

/** When a process began, in the clock ticks of `/proc/<pid>/stat`. */
function beginningOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
  } catch {
    return ''
  }
}

/** The children of a process, by pid. */
export function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
      .split(' ')
      .filter((one) => one !== '')
      .map(Number)
  } catch {
    return []
  }
}

/** Asks until there is an answer; throws with `why` when none came in time. */
export async function until<T>(
  ask: () => Promise<T | null> | T | null,
  {
    patienceMs = 60_000,
    everyMs = 50,
    why,
  }: { patienceMs?: number; everyMs?: number; why: () => string },
): Promise<T> {
  const end = performance.now() + patienceMs
  for (;;) {
    const answer = await ask()
    if (answer !== null) return answer
    if (performance.now() > end) throw new Error(why())
    await pause(everyMs)
  }
}
