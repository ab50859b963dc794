import { readFileSync } from 'node:fs'
import { CompiledQuery, type Kysely } from 'kysely'
import { openDatabase } from '../../src/db/open.ts'
import type { Statement } from './record.ts'

// A process: recorded requests' statements, one after the other, as an embedded database has one connection.

const [dataDir = '', file = ''] = process.argv.slice(2)
const recorded: Statement[][] = JSON.parse(readFileSync(file, 'utf8'))
const database = await openDatabase({ dataDir })

async function say(db: Pick<Kysely<unknown>, 'executeQuery'>, statements: readonly Statement[]) {
  for (const { text, values } of statements) {
    if (text !== 'begin' && text !== 'commit')
      await db.executeQuery(CompiledQuery.raw(text, values))
  }
}

async function replay(statements: readonly Statement[]): Promise<void> {
  const begin = statements.findIndex(({ text }) => text === 'begin')
  const commit = statements.findIndex(({ text }) => text === 'commit')
  if (begin < 0) return say(database.db, statements)
  await say(database.db, statements.slice(0, begin))
  await database.db.transaction().execute((tx) => say(tx, statements.slice(begin, commit)))
  await say(database.db, statements.slice(commit))
}

// The first quarter warms up what there is to warm.
const warm = recorded.splice(0, Math.ceil(recorded.length / 4))
for (const statements of warm) await replay(statements)
const began = performance.now()
for (const statements of recorded) await replay(statements)
const perSecond = recorded.length / ((performance.now() - began) / 1000)
await database.close()
console.log(JSON.stringify({ perSecond }))
