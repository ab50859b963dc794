import { setTimeout as pause } from 'node:timers/promises'
import type { Config } from '../base/config.ts'
import { actingAs } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { second } from '../base/time.ts'
import { migrate } from '../db/migrate.ts'
import { type DataDirectoryInUse, isDataDirectoryInUse, type OpenDatabase } from '../db/open.ts'
import { type CommandName, type CommandResult, runCommand } from '../flows/administer.ts'
import { createContext } from '../main.ts'
import { open, readForCommand, whereabouts } from './configuration.ts'
import { type Door, readDoor } from './data-directory.ts'
import { ending } from './ending.ts'
import { say } from './print.ts'

/** A way to the users and applications, wherever they are at the moment. */
export interface Reach {
  call<Name extends CommandName>(name: Name, input: unknown): Promise<CommandResult<Name>>
  close(): Promise<void>
}

/**
 * The database of `DATABASE_URL`; else the embedded one: through the server that runs on it, or, when none does, by
 * opening it. Which it is, is said on standard error.
 */
export async function reach({ dataDir }: { dataDir?: string }): Promise<Reach> {
  const config = readForCommand(dataDir === undefined ? {} : { dataDir })
  if (config.databaseUrl !== null) {
    say(`Using the database ${whereabouts(config.databaseUrl)}.`)
    return direct(config, await open(config))
  }
  const found = await openOrDoor(config)
  if ('token' in found) {
    say(`Using the server at ${found.url} (process ${found.pid}).`)
    return through(found)
  }
  say(`Using the data directory ${config.dataDir}; no server runs on it.`)
  await migrate(found)
  return direct(config, found)
}

/** Another command may hold the directory for a moment, and a server that starts has no door yet. */
async function openOrDoor(config: Config): Promise<OpenDatabase | Door> {
  let holder: DataDirectoryInUse | null = null
  for (let tries = 0; tries < 50; tries += 1) {
    try {
      return await open(config)
    } catch (error) {
      if (!isDataDirectoryInUse(error)) throw error
      holder = error
    }
    if (holder.pid === null) throw holder
    const door = readDoor(config.dataDir)
    if (door !== null && door.pid === holder.pid) return door
    await pause(0.2 * second)
  }
  throw ending(
    'actionNeeded',
    `The data directory ${config.dataDir} is in use by process ${holder?.pid}, which does not let the command line in. End it, or try again.`,
  )
}

function direct(config: Config, database: OpenDatabase): Reach {
  const ctx = actingAs(createContext({ config, database }), { kind: 'system', name: 'cli' })
  return {
    call: (name, input) => runCommand(ctx, name, input),
    close: () => database.close(),
  }
}

function through({ url, token }: Door): Reach {
  return {
    async call(name, input) {
      const answer = await fetch(`${url}/api/dev/commands/${name}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify(input),
      })
      const body = await answer.json()
      if (answer.ok) return body.result
      if (answer.status === 401) throw ending('notAuthorised', 'The server did not let us in.')
      if (answer.status !== 400)
        throw ending('failed', `The server failed: ${body.message ?? answer.status}`)
      throw new Fault(body.code, body.details)
    },
    async close() {},
  }
}
