import type { CommandName, CommandResult } from '../flows/administer.ts'
import { type Reach, reach } from './reach.ts'

export interface CommonOptions {
  json?: boolean
  dataDir?: string
}

/** Runs one command, wherever the database is at the moment. */
export async function ask<Name extends CommandName>(
  { dataDir }: CommonOptions,
  name: Name,
  input: unknown,
): Promise<CommandResult<Name>> {
  const way: Reach = await reach(dataDir === undefined ? {} : { dataDir })
  try {
    // What was not given is absent, here as over HTTP.
    return await way.call(name, JSON.parse(JSON.stringify(input)))
  } finally {
    await way.close()
  }
}
