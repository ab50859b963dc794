import type { Config } from '../base/config.ts'
import type { Context } from '../base/context.ts'
import type { Survey } from '../db/survey.ts'

export interface Finding {
  level: 'ok' | 'warning' | 'problem'
  /** One sentence; never a secret. */
  says: string
  todo?: string
}

/** What is looked at; null where there is nothing to look at here. */
export interface Check {
  name: string
  run(patient: Patient): Promise<Finding | null> | Finding | null
}

export interface Patient {
  nodeVersion: string
  config: Config | null
  problems: readonly string[]
  /** Null where the embedded database was never started. */
  database: Reached | null
  /** `sekisho doctor` needs no server; what a server is asked goes out here. */
  fetch: typeof globalThis.fetch
  now(): Date
}

export type Reached =
  | { failed: string }
  | { survey: Survey; secondsOff: number; ctx: Context | null; kind: 'postgres' | 'pglite' }

export const ok = (says: string): Finding => ({ level: 'ok', says })
export const warning = (says: string, todo: string): Finding => ({ level: 'warning', says, todo })
export const problem = (says: string, todo: string): Finding => ({ level: 'problem', says, todo })

/** A check that needs a configuration that could be read. */
export function ofConfig(
  name: string,
  run: (config: Config, patient: Patient) => Promise<Finding | null> | Finding | null,
): Check {
  return { name, run: (patient) => (patient.config === null ? null : run(patient.config, patient)) }
}

/** A check that needs a database that answered. */
export function ofDatabase(
  name: string,
  run: (
    reached: Extract<Reached, { survey: Survey }>,
    config: Config,
    patient: Patient,
  ) => Promise<Finding | null> | Finding | null,
): Check {
  return ofConfig(name, (config, patient) => {
    const { database } = patient
    if (database === null || 'failed' in database) return null
    return run(database, config, patient)
  })
}

/** One or several: "1 table", "2 tables". */
export function counted(count: number, one: string): string {
  return `${count} ${one}${count === 1 ? '' : 's'}`
}
