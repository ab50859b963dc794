import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../base/config.ts'
import { systemNow } from '../base/context.ts'
import { isDamagedDirectory, type OpenDatabase } from '../db/open.ts'
import { surveyDatabase } from '../db/survey.ts'
import { createContext } from '../main.ts'
import type { CommonOptions } from './ask.ts'
import { readForDoctor } from './configuration.ts'
import { withSource } from './db.ts'
import type { Check, Finding, Patient, Reached } from './doctor-check.ts'
import { databaseChecks } from './doctor-database.ts'
import { serverChecks } from './doctor-server.ts'
import { exitCodes, isEnding } from './ending.ts'
import { printJson } from './print.ts'

export const checks: readonly Check[] = [...serverChecks, ...databaseChecks]

/** `sekisho doctor` */
export async function doctor(options: CommonOptions): Promise<void> {
  const { dataDir } = options
  const { config, problems } = readForDoctor(dataDir === undefined ? {} : { dataDir })
  const found = await withDatabase(config, (database) =>
    examineAll({
      nodeVersion: process.versions.node,
      config,
      problems,
      database,
      fetch: globalThis.fetch,
      now: systemNow,
    }),
  )
  for (const finding of found) {
    if (options.json) printJson(finding)
    else process.stdout.write(`${textOf(finding)}\n`)
  }
  const problemCount = found.filter(({ level }) => level === 'problem').length
  if (problemCount > 0) process.exitCode = exitCodes.failed
}

export interface Named extends Finding {
  check: string
}

/** A check that breaks tells of a problem too: the others are still worth hearing. */
export async function examineAll(patient: Patient): Promise<Named[]> {
  const found: Named[] = []
  for (const { name, run } of checks) {
    try {
      const finding = await run(patient)
      if (finding !== null) found.push({ check: name, ...finding })
    } catch (error) {
      const says = `This check failed: ${error instanceof Error ? error.message : error}.`
      found.push({ check: name, level: 'problem', says })
    }
  }
  return found
}

const marks = { ok: 'ok      ', warning: 'warning ', problem: 'PROBLEM ' } as const

function textOf({ check, level, says, todo }: Named): string {
  const line = `${marks[level]} ${check.padEnd(16)} ${says}`
  return todo === undefined ? line : `${line}\n${' '.repeat(26)}${todo}`
}

async function withDatabase<T>(
  config: Config | null,
  work: (database: Reached | null) => Promise<T>,
): Promise<T> {
  if (config === null) return work(null)
  const { databaseUrl, dataDir } = config
  if (databaseUrl === null && !existsSync(join(dataDir, 'database'))) return work(null)
  let isOpen = false
  try {
    return await withSource(config, async (database) => {
      isOpen = true
      return work(await reachedOf(config, database))
    })
  } catch (error) {
    if (isOpen) throw error
    return work({ failed: whyClosed(error) })
  }
}

async function reachedOf(config: Config, database: OpenDatabase): Promise<Reached> {
  try {
    const before = systemNow().getTime()
    const survey = await surveyDatabase(database.db)
    const middle = (before + systemNow().getTime()) / 2
    const ctx = config.secret.length < 32 ? null : createContext({ config, database })
    return {
      survey,
      secondsOff: (survey.now.getTime() - middle) / 1000,
      ctx,
      kind: database.kind,
    }
  } catch (error) {
    return { failed: whyClosed(error) }
  }
}

function whyClosed(error: unknown): string {
  if (isDamagedDirectory(error)) return `${error.findings.slice(0, 3).join('; ')}.`
  if (isEnding(error)) return error.message.replace(/^The database at \S+ cannot be opened: /, '')
  return error instanceof Error ? error.message : String(error)
}
