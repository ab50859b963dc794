import { createHmac } from 'node:crypto'
import { expect, test } from 'vitest'
import { withDatabase } from '../../test/database.ts'
import { sql } from '../base/sql.ts'
import { hmacSql } from './hmac.ts'

const database = withDatabase()

async function signedBy(key: string | null, message: Uint8Array): Promise<Buffer | null> {
  const { rows } = await sql<{ mark: Buffer | null }>`
    select ${hmacSql(sql.ref('key'), message)} as mark from (select ${key}::text as key) given`.execute(
    database.db,
  )
  return rows[0]?.mark ?? null
}

test('the database signs as we do', async () => {
  for (let length = 0; length < 200; length += 13) {
    const key = createHmac('sha256', 'keys').update(String(length)).digest()
    const message = Buffer.alloc(length, key)
    expect(await signedBy(key.toString('base64url'), message)).toEqual(
      createHmac('sha256', key).update(message).digest(),
    )
  }
})

test('what is no key signs nothing', async () => {
  const key = Buffer.alloc(32, 7).toString('base64url')
  for (const other of [null, '', 'ünï', key.slice(1), `${key}A`, `${key}=`, `{"key":"${key}"}`]) {
    expect(await signedBy(other, Buffer.from('message'))).toBeNull()
  }
})
