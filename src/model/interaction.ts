import type { Tx } from '../base/context.ts'
import { sha256 } from '../base/crypto.ts'
import { sql } from '../base/sql.ts'
import { day, hour } from '../base/time.ts'
import { sqlAfter, sqlNow } from './clock.ts'
import type { Consent } from './consent.ts'
import { isUuid } from './uuid.ts'
import type { VerificationPurpose } from './verification.ts'

/** One sign-in under way, before there is a session. It belongs to the browser that began it. */
export interface Interaction {
  id: string
  /** Who asked; null where somebody opened the pages by themselves. */
  applicationId: string | null
  /**
   * The authorization request as it came, checked, in OAuth's spelling; the OpenID Provider reads it again when the
   * user comes back. The pages look at `redirect_uri`, `ui_locales` and `display`.
   */
  request: Record<string, unknown>
  state: InteractionState
  /** Set when the user has signed in: who comes back with it need not sign in again. */
  sessionId: string | null
  createdAt: Date
  expiresAt: Date
}

/** How far the user got. */
export interface InteractionState {
  /** What was typed; kept through every mistake. */
  identifier?: string
  /** The code under way. */
  code?: { id: string; purpose: VerificationPurpose }
  /** What a code has proved, until it is used. */
  proof?: Proof
  /** The session of this browser that the user chose to go on with. */
  selected?: string
  /** The code that a phone was sent. */
  challenge?: { factorId: string; id: string }
  /** What the user is asked to allow the application. */
  wish?: Consent
  /** The user who said yes to what the application asks for. */
  consented?: string
  /** The session whose user allowed a device to sign in. */
  confirmed?: string
  /** The user does not want the application to have what it asks for. */
  isDenied?: boolean
}

export interface Proof {
  purpose: VerificationPurpose
  email: string
}

/** How long a page may stay open between two steps. */
export const interactionLifetime = 1 * hour

export interface NewInteraction {
  applicationId: string | null
  request?: Record<string, unknown>
  state?: InteractionState
  /** The secret in the browser's flow cookie; only its hash is kept. */
  browser: string
}

export async function createInteraction(ctx: Tx, one: NewInteraction): Promise<Interaction> {
  const { rows } = await sql<InteractionRow>`
    insert into idp.interactions (id, cookie_hash, application_id, request, state, created_at, expires_at)
    values (${ctx.random.uuid()}, ${sha256(one.browser)}, ${one.applicationId}, ${json(one.request ?? {})},
      ${json(one.state ?? {})}, ${sqlNow(ctx)}, ${sqlAfter(ctx, interactionLifetime)})
    returning *`.execute(ctx.db)
  const [row] = rows
  if (row === undefined) throw new Error('The interaction was not returned.')
  return toInteraction(row)
}

/** Null for an interaction that has ended, or that another browser began. */
export async function findInteraction(
  ctx: Tx,
  id: string,
  browser: string,
): Promise<Interaction | null> {
  if (!isUuid(id)) return null
  const { rows } = await sql<InteractionRow>`
    select * from idp.interactions
    where id = ${id} and cookie_hash = ${sha256(browser)} and expires_at > ${sqlNow(ctx)}`.execute(
    ctx.db,
  )
  return rows[0] === undefined ? null : toInteraction(rows[0])
}

/** The interaction that a browser began last: for a page that was opened without saying which. */
export async function findLastInteraction(ctx: Tx, browser: string): Promise<Interaction | null> {
  const { rows } = await sql<InteractionRow>`
    select * from idp.interactions
    where cookie_hash = ${sha256(browser)} and session_id is null and expires_at > ${sqlNow(ctx)}
    order by created_at desc limit 1`.execute(ctx.db)
  return rows[0] === undefined ? null : toInteraction(rows[0])
}

/** Begins again, for the same request, an interaction that ended while its page stood open; within a day. */
export async function renewInteraction(
  ctx: Tx,
  id: string,
  browser: string,
): Promise<Interaction | null> {
  if (!isUuid(id)) return null
  const { rows } = await sql<InteractionRow>`
    update idp.interactions
    set state = state - 'code' - 'proof', expires_at = ${sqlAfter(ctx, interactionLifetime)}
    where id = ${id} and cookie_hash = ${sha256(browser)} and session_id is null
      and expires_at <= ${sqlNow(ctx)} and expires_at > ${sqlAfter(ctx, -1 * day)}
    returning *`.execute(ctx.db)
  return rows[0] === undefined ? null : toInteraction(rows[0])
}

/** Writes how far the user got; the page has its whole lifetime again. */
export async function updateInteraction(
  ctx: Tx,
  id: string,
  state: InteractionState,
): Promise<void> {
  await sql`
    update idp.interactions set state = ${json(state)}, expires_at = ${sqlAfter(ctx, interactionLifetime)}
    where id = ${id} and session_id is null`.execute(ctx.db)
}

/** Writes what the user answered, who may have signed in already. Returns whether the interaction goes on. */
export async function answerInteraction(
  ctx: Tx,
  { id, browser }: { id: string; browser: string },
  answer: Pick<
    InteractionState,
    'selected' | 'challenge' | 'wish' | 'consented' | 'confirmed' | 'isDenied'
  >,
): Promise<boolean> {
  const { rows } = await sql`
    update idp.interactions set state = state || ${json(answer)}, expires_at = ${sqlAfter(ctx, interactionLifetime)}
    where id = ${id} and cookie_hash = ${sha256(browser)} and expires_at > ${sqlNow(ctx)}
    returning id`.execute(ctx.db)
  return rows.length > 0
}

/** Spends a proof. Of many who come with it at once, one gets true. */
export async function spendProof(ctx: Tx, id: string, proof: Proof): Promise<boolean> {
  const { rows } = await sql`
    update idp.interactions set state = state - 'proof'
    where id = ${id} and state->'proof' = ${json({ ...proof })} and expires_at > ${sqlNow(ctx)}
    returning id`.execute(ctx.db)
  return rows.length > 0
}

/** The user has signed in: what is left is the way back to the application. */
export async function finishInteraction(ctx: Tx, id: string, sessionId: string): Promise<void> {
  await sql`
    update idp.interactions set session_id = ${sessionId}, state = '{}'::jsonb where id = ${id}`.execute(
    ctx.db,
  )
}

/** Takes a finished or abandoned interaction away; of many who come at once, one gets it. */
export async function deleteInteraction(
  ctx: Tx,
  id: string,
  browser: string,
): Promise<Interaction | null> {
  if (!isUuid(id)) return null
  const { rows } = await sql<InteractionRow>`
    delete from idp.interactions
    where id = ${id} and cookie_hash = ${sha256(browser)} and expires_at > ${sqlNow(ctx)}
    returning *`.execute(ctx.db)
  return rows[0] === undefined ? null : toInteraction(rows[0])
}

interface InteractionRow {
  id: string
  application_id: string | null
  request: Record<string, unknown>
  state: InteractionState
  session_id: string | null
  created_at: Date
  expires_at: Date
}

function toInteraction(row: InteractionRow): Interaction {
  return {
    id: row.id,
    applicationId: row.application_id,
    request: row.request,
    state: row.state,
    sessionId: row.session_id,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
  }
}

function json(value: object) {
  return sql`${JSON.stringify(value)}::text::jsonb`
}
