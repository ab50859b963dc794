import { spawn } from 'node:child_process'
import { stat } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Config } from '../base/config.ts'
import type { Log } from '../base/log.ts'
import { minute } from '../base/time.ts'
import { listBackups } from '../db/damage.ts'

/** So many of the backups that a server made by itself stay. */
export const backupsKept = 5

/**
 * Backs the embedded database up from time to time, in a process of its own: reading everything would hold up whoever waits
 * for an answer here. Returns how to stop.
 */
export function keepBackups({ dataDir, databaseUrl, backupEvery }: Config, log: Log): () => void {
  if (databaseUrl !== null || backupEvery === 0) return () => {}
  let stopped: (() => void) | null = null
  let isUnderWay = false
  const look = async () => {
    if (isUnderWay || !(await isDue(dataDir, backupEvery))) return
    isUnderWay = true
    stopped = backUp(dataDir, (problem) => {
      isUnderWay = false
      if (problem !== null) log.warn({ problem }, 'The backup failed.')
    })
  }
  const timer = setInterval(() => {
    look().catch((error: unknown) => log.warn({ err: error }, 'The backup failed.'))
  }, minute)
  timer.unref()
  return () => {
    clearInterval(timer)
    stopped?.()
  }
}

async function isDue(dataDir: string, every: number): Promise<boolean> {
  const [newest] = await listBackups(dataDir)
  if (newest === undefined) return true
  return Date.now() - (await stat(newest)).mtimeMs >= every
}

/** Asks another process for it; `done` is told what went wrong, if anything. Returns how to end it. */
export function backUp(dataDir: string, done: (problem: string | null) => void): () => void {
  const cli = fileURLToPath(new URL('../cli.ts', import.meta.url))
  const words = ['db', 'backup', '--data-dir', dataDir, '--keep', String(backupsKept)]
  const child = spawn(process.execPath, [...process.execArgv, cli, ...words], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.on('data', (chunk) => {
    said += chunk
  })
  let isOver = false
  const end = (problem: string | null) => {
    if (!isOver) done(problem)
    isOver = true
  }
  child.once('error', (error) => end(error.message))
  child.once('close', (code) => end(code === 0 ? null : said.trim()))
  child.unref()
  return () => child.kill('SIGTERM')
}
