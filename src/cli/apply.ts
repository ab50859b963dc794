import { readFileSync } from 'node:fs'
import type { Context } from '../base/context.ts'
import { type CommandResult, runCommand } from '../flows/administer.ts'
import { ending } from './ending.ts'
import { say } from './print.ts'

/** The declaration in a file; `-` is standard input. */
export function readDeclaration(path: string): unknown {
  let text: string
  try {
    text = readFileSync(path === '-' ? 0 : path, 'utf8')
  } catch (error) {
    throw ending('usage', `${path} cannot be read: ${messageOf(error)}`, { cause: error })
  }
  try {
    return JSON.parse(text)
  } catch (error) {
    throw ending('usage', `${path} is not JSON: ${messageOf(error)}`, { cause: error })
  }
}

/** Applies a file to the database that is open here, before the server listens. */
export async function applyFile(ctx: Context, path: string): Promise<void> {
  sayApplied(await runCommand(ctx, 'apply', readDeclaration(path)))
}

export function sayApplied(applied: CommandResult<'apply'>): void {
  for (const { kind, id, name, outcome, secret } of applied) {
    const made = secret === undefined ? '' : `   secret: ${secret}`
    say(`${outcome.padEnd(9)}  ${kind}  ${name}${name === id ? '' : ` (${id})`}${made}`)
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
