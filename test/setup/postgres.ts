import type { TestProject } from 'vitest/node'
import { migrate } from '../../src/db/migrate.ts'
import { openDatabase } from '../../src/db/open.ts'
import { onServer, withName } from './names.ts'
import { startPostgres } from './postgres-server.ts'
import './provided.ts'

/** Once per run: a server, and in it the migrated database that every test file gets a copy of. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const given = process.env.TEST_POSTGRES
  const server = given ? { url: given, stop: async () => {} } : await startPostgres('forgetful')
  const template = `sekisho_template_${process.pid}`
  try {
    await onServer(server.url, `create database ${template}`)
    const database = await openDatabase({ url: withName(server.url, template), poolSize: 1 })
    await migrate(database)
    await database.close()
  } catch (error) {
    await server.stop()
    throw error
  }
  project.provide('databaseKind', 'postgres')
  project.provide('postgres', { url: server.url, template })
  return async () => {
    if (given) await onServer(server.url, `drop database ${template} with (force)`)
    await server.stop()
  }
}
