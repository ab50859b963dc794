import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

/** A program of ours that runs beside the test. */
export interface Running {
  pid: number
  /** The first line of JSON that it printed. */
  ready: Record<string, unknown>
  /** Every line of JSON that it printed since. */
  lines: Record<string, unknown>[]
  /** What it printed that is not JSON, and its standard error. */
  log(): string
  /** SIGTERM; how long it took to end, in milliseconds, and with which code. */
  stop(): Promise<{ code: number | null; tookMs: number }>
  /** SIGKILL: no chance to tidy up. */
  kill(): Promise<void>
}

const alive = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of alive) child.kill('SIGKILL')
})

/** Starts a program and waits for its first line of JSON. */
export async function run(
  command: string,
  args: string[],
  {
    cwd,
    env,
    patienceMs = 60_000,
    readyWhen,
  }: {
    cwd: string
    env: Record<string, string>
    patienceMs?: number
    /** For a program that prints no JSON: a line like this one says that it is ready. */
    readyWhen?: RegExp
  },
): Promise<Running> {
  const child = spawn(command, args, {
    cwd,
    env: { ...inherited(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  alive.add(child)
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => {
      alive.delete(child)
      resolve()
    })
  })
  const lines: Record<string, unknown>[] = []
  let log = ''
  child.stderr.on('data', (chunk) => {
    log += chunk
  })
  const ready = await new Promise<Record<string, unknown>>((resolve, reject) => {
    const fail = (why: string) => reject(new Error(`${command} ${args.join(' ')} ${why}\n${log}`))
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      fail(`was not ready after ${patienceMs} ms.`)
    }, patienceMs)
    child.once('error', (error) => fail(error.message))
    child.once('close', (code) => {
      clearTimeout(timer)
      fail(`ended with ${code}.`)
    })
    createInterface({ input: child.stdout }).on('line', (line) => {
      const value = parsed(line)
      if (value === null) {
        log += `${line}\n`
        if (!readyWhen?.test(line)) return
      } else {
        lines.push(value)
      }
      clearTimeout(timer)
      resolve(value ?? {})
    })
  })
  return {
    pid: child.pid ?? 0,
    ready,
    lines,
    log: () => log,
    async stop() {
      const began = performance.now()
      child.kill('SIGTERM')
      await ended
      return { code: child.exitCode, tookMs: performance.now() - began }
    },
    async kill() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** Runs a program to its end; its standard output. */
export async function runToEnd(
  command: string,
  args: string[],
  { cwd, env = {} }: { cwd: string; env?: Record<string, string> },
): Promise<string> {
  const child = spawn(command, args, {
    cwd,
    env: { ...inherited(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  alive.add(child)
  let output = ''
  let errors = ''
  child.stdout.on('data', (chunk) => {
    output += chunk
  })
  child.stderr.on('data', (chunk) => {
    errors += chunk
  })
  const [code] = await once(child, 'close')
  alive.delete(child)
  if (code !== 0)
    throw new Error(`${command} ${args.join(' ')} ended with ${code}.\n${output}${errors}`)
  return output
}

// The machine's own settings would make the walk another one elsewhere.
function inherited(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      (entry): entry is [string, string] =>
        entry[1] !== undefined &&
        !/^(SEKISHO_|GOTRUE_|DATABASE_URL$|PORT$|HOST$|AUTH_|VITE|NODE_ENV$|NODE_OPTIONS$|(BASE_URL|MODE|DEV|PROD|SSR|TEST)$)/.test(
          entry[0],
        ),
    ),
  )
}

function parsed(line: string): Record<string, unknown> | null {
  if (!line.startsWith('{')) return null
  try {
    return JSON.parse(line)
  } catch {
    return null
  }
}
