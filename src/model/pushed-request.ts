import type { Tx } from '../base/context.ts'
import { sha256 } from '../base/crypto.ts'
import { sql } from '../base/sql.ts'
import { second } from '../base/time.ts'
import { sqlAfter, sqlNow } from './clock.ts'

/** How long a pushed request waits for its browser. */
export const pushedRequestLifetime = 90 * second

/** An authorization request that an application left here. */
export interface PushedRequest {
  /** Its parameters as a query. */
  query: string
  /** Whom its ID token hint named; the token itself is not kept. */
  subject: string | null
}

/** Keeps a request and returns the secret that asks for it. */
export async function createPushedRequest(
  ctx: Tx,
  applicationId: string,
  request: PushedRequest,
): Promise<string> {
  const value = ctx.random.token()
  await sql`
    insert into idp.pushed_requests (hash, application_id, request, created_at, expires_at)
    values (${sha256(value)}, ${applicationId}, ${JSON.stringify(request)}::text::jsonb, ${sqlNow(ctx)},
      ${sqlAfter(ctx, pushedRequestLifetime)})`.execute(ctx.db)
  return value
}

/** Takes a request away; of many who come for it at once, one gets it. Another application's stays where it is. */
export async function takePushedRequest(
  ctx: Tx,
  value: string,
  applicationId: string,
): Promise<PushedRequest | null> {
  const { rows } = await sql<{ request: PushedRequest }>`
    delete from idp.pushed_requests
    where hash = ${sha256(value)} and application_id = ${applicationId} and expires_at > ${sqlNow(ctx)}
    returning request`.execute(ctx.db)
  return rows[0]?.request ?? null
}
