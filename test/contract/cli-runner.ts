import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { node, top } from '../walks/machine.ts'
import { type Running, run } from '../walks/process.ts'

const cli = join(top, 'src/cli.ts')

export interface Ended {
  code: number | null
  stdout: string
  stderr: string
  tookMs: number
}

/** An empty folder that is gone after the test. */
export function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'sekisho-cli-'))
  onTestFinished(() => rmSync(made, { recursive: true, force: true }))
  return made
}

/** Runs a command to its end, in `cwd`, with nothing of this machine's own settings. */
export function sekisho(
  args: string[],
  { cwd, env = {}, input = '' }: { cwd: string; env?: Record<string, string>; input?: string },
): Promise<Ended> {
  const began = performance.now()
  const child = spawn(node, [cli, ...args], {
    cwd,
    env: { PATH: process.env.PATH ?? '', HOME: cwd, ...env },
  })
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk) => {
    stdout += chunk
  })
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  child.stdin.end(input)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) =>
      resolve({ code, stdout, stderr, tookMs: performance.now() - began }),
    )
  })
}

/** A server that runs until the test ends, or until it is stopped. */
export async function serve(
  args: string[],
  { cwd, env = {} }: { cwd: string; env?: Record<string, string> },
): Promise<Running> {
  const running = await run(node, [cli, ...args], { cwd, env })
  onTestFinished(() => running.kill())
  return running
}

/** The lines of a command's standard output, which are JSON each. */
export function jsonLines({ stdout }: Ended): Record<string, unknown>[] {
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
}
