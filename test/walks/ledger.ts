import { Client } from 'pg'
import type { Place } from './server.ts'

/** One query on the place's Postgres; null for the embedded database, which its server has to itself. */
export async function query<Row extends object>(
  place: Place,
  text: string,
  values: unknown[] = [],
): Promise<Row[] | null> {
  if (place.databaseUrl === null) return null
  const client = new Client({ connectionString: place.databaseUrl })
  await client.connect()
  try {
    return (await client.query<Row>(text, values)).rows
  } finally {
    await client.end()
  }
}

/** GoTrue's names of what a user did, oldest first. */
export async function eventsOf(place: Place, userId: string): Promise<string[] | null> {
  const rows = await query<{ action: string }>(
    place,
    `select payload ->> 'action' as action from auth.audit_log_entries
     where payload ->> 'actor_id' = $1 order by created_at, payload ->> 'action'`,
    [userId],
  )
  return rows?.map(({ action }) => action) ?? null
}
