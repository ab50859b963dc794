import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { tablesFile, tablesSource } from '../../scripts/tables.ts'
import { withDatabase } from '../database.ts'

const database = withDatabase()

test('src/db/tables.ts is what `npm run tables` writes', async () => {
  expect(await tablesSource(database)).toBe(await readFile(tablesFile, 'utf8'))
})
