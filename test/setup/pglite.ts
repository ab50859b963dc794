import { rmSync } from 'node:fs'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import type { TestProject } from 'vitest/node'
import { migrate } from '../../src/db/migrate.ts'
import { connectPGlite } from '../../src/db/pglite.ts'
import { preparedDatabase } from '../../src/db/unpack.ts'
import './provided.ts'

/** Once per run: a migrated data directory, packed, which every test file unpacks into memory. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'sekisho-pglite-'))
  // An interrupted run ends without the function below.
  const clear = () => rmSync(folder, { recursive: true, force: true })
  process.on('exit', clear)
  const snapshot = join(folder, 'database.tar')
  const engine = await PGlite.create({ loadDataDir: new Blob([await preparedDatabase()]) })
  const database = connectPGlite(engine, async () => {})
  await migrate(database)
  const packed = await engine.dumpDataDir('none')
  await writeFile(snapshot, Buffer.from(await packed.arrayBuffer()))
  await database.close()
  project.provide('databaseKind', 'pglite')
  project.provide('snapshot', snapshot)
  return async () => clear()
}
