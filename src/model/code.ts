import type { Tx } from '../base/context.ts'
import { sql } from '../base/sql.ts'
import { isForeignKeyViolation } from '../base/sql-error.ts'
import { day, minute } from '../base/time.ts'
import { sqlAfter, sqlNow } from './clock.ts'
import { recordingOf } from './event.ts'
import {
  type Giving,
  type GrantDetails,
  type GrantedRow,
  isLive,
  revokingGrant,
  toGranted,
} from './grant.ts'
import { type HolderRow, holdersSql } from './holder.ts'
import {
  allowing,
  boundBy,
  type Issue,
  type Issued,
  type Redeeming,
  rightsOfGrant,
} from './issue.ts'
import { readMarked, writeMarked } from './marked.ts'
import { writeRefreshValue } from './refresh-value.ts'
import { type Grounds, type TargetProblem, targetProblem, tellsRights } from './rights.ts'

/** How long a code waits to be redeemed. */
export const codeLifetime = 1 * minute

/** What the code's authorization request said, as the code has to prove it. */
export interface CodeDetails {
  applicationId: string
  redirectUri: string
  challenge: string | null
  nonce: string | null
  /** The key that has to be proved (`dpop_jkt`, RFC 9449 § 10). */
  jkt: string | null
  /** Which consent of its user it rests upon; null where nobody is asked. */
  consentSince: number | null
}

/** A code in short: it goes through the browser's address. Times are milliseconds since 1970. */
interface Payload {
  /** The id that its grant will have, and under which it is spent. */
  g: string
  /** The session. */
  s: string
  /** The application. */
  a: string
  /** The granted scope. */
  o: string
  /** Indicators of API resources, and names of their scopes. */
  r?: readonly string[]
  n?: readonly string[]
  /** When the user signed in, and when the code expires. */
  t: number
  e: number
  d: GrantDetails
  /** What has to be proved: address, challenge and key. */
  u: string
  c?: string
  k?: string
  /** The nonce. */
  w?: string
  /** Since when the user allows it. */
  y?: number
}

const purpose = 'authorization-code'

/**
 * Writes a code that says what it stands for: nothing is kept of it until it is redeemed (ADR 0008). Whether the session
 * goes on is asked then.
 */
export function writeCode(ctx: Tx, given: Giving, asked: CodeDetails): string {
  const payload: Payload = {
    g: ctx.random.uuid(),
    s: given.sessionId,
    a: asked.applicationId,
    o: given.scope,
    ...(given.resources.length > 0 && { r: given.resources }),
    ...(given.apiScopes.length > 0 && { n: given.apiScopes }),
    t: given.authenticatedAt.getTime(),
    e: ctx.now().getTime() + codeLifetime,
    d: given.details,
    u: asked.redirectUri,
    ...(asked.challenge !== null && { c: asked.challenge }),
    ...(asked.nonce !== null && { w: asked.nonce }),
    ...(asked.jkt !== null && { k: asked.jkt }),
    ...(asked.consentSince !== null && { y: asked.consentSince }),
  }
  return writeMarked(ctx, purpose, payload)
}

/** A code of this application, good or not. */
function readCode(ctx: Tx, value: string, { applicationId }: Issue): Payload | null {
  const payload = readMarked<Payload>(ctx, purpose, value)
  return payload?.a === applicationId ? payload : null
}

/**
 * Spends a code for the address that it was asked for, with its verifier's challenge, and writes its grant, in one
 * statement: of many who come at once, one gets it. Null when it is unknown, spent, expired, of another application, or does
 * not fit, and when the session has ended.
 */
export async function redeemCode(
  ctx: Tx,
  value: string,
  {
    redirectUri,
    challenge,
    alwaysRefresh,
    ...issue
  }: Redeeming & { redirectUri: string; challenge: string | null },
): Promise<Issued | null> {
  const code = readCode(ctx, value, issue)
  if (code === null || code.u !== redirectUri || (code.c ?? null) !== challenge) return null
  if (code.k !== undefined && code.k !== issue.cnf?.jkt) return null
  const isWide = tellsRights(code.o)
  const allowed = allowing(issue, code.y)
  const hasRefresh = alwaysRefresh || code.o.split(' ').includes('offline_access')
  const { rows } = await sql<HolderRow & Pick<GrantedRow, 'rights'>>`
    with held as (
      ${holdersSql(sql`auth.users u join auth.sessions s on s.user_id = u.id ${allowed.join}`, rightsOfGrant(issue, isWide, scopeOf(code)))}
      where s.id = ${code.s} and ${isLive(ctx)} and ${expiryOf(code)} > ${sqlNow(ctx)}
        and ${targetProblem(issue.target, issue, groundsOf(code))} is null ${issue.isThirdParty ? sql`for key share of u${allowed.locked}` : sql``}),
    spent as (
      insert into idp.spent_codes (expires_at, grant_id) select ${expiryOf(code)}, ${code.g}::uuid from held
      on conflict do nothing returning grant_id),
    granted as (
      insert into idp.grants (id, user_id, session_id, application_id, scope, resources, api_scopes, authenticated_at, created_at, details,
        generation, refreshable_until)
      select grant_id, held.id, ${code.s}::uuid, ${code.a}::text, ${code.o}, ${[...(code.r ?? [])]}::text[], ${[...(code.n ?? [])]}::text[],
        ${new Date(code.t)}::timestamptz, ${sqlNow(ctx)}, ${JSON.stringify({ ...code.d, ...boundBy(issue) })}::text::jsonb,
        ${hasRefresh ? 0 : null}::integer, ${hasRefresh ? sqlAfter(ctx, issue.refreshLifetime) : null}
      from held, spent
      returning user_id, session_id, application_id),
    ${recordingOf(ctx, 'code.redeemed', 'granted')}
    select held.* from held join granted on true`
    .execute(ctx.db)
    .catch((error: unknown) => {
      // Session or user were deleted at this moment.
      if (isForeignKeyViolation(error)) return { rows: [] }
      throw error
    })
  const [row] = rows
  if (row === undefined) return null
  const granted = toGranted({
    ...row,
    grant_id: code.g,
    granted_session_id: code.s,
    granted_application_id: code.a,
    granted_scope: code.o,
    granted_api_scopes: [...(code.n ?? [])],
    granted_at: new Date(code.t),
    granted_details: code.d,
  })
  return {
    ...granted,
    nonce: code.w ?? null,
    refreshToken: hasRefresh
      ? writeRefreshValue(ctx, { grantId: code.g, generation: 0, isWide })
      : null,
  }
}

/**
 * Why a code was not redeemed. When it was spent before, somebody stole it, so all that it gave falls (RFC 6749
 * § 4.1.2); a code that was only asked for too much stays good.
 */
export async function refuseCode(
  ctx: Tx,
  value: string,
  issue: Issue,
): Promise<TargetProblem | null> {
  const code = readCode(ctx, value, issue)
  // An address of old that a browser opens again is no theft.
  if (code === null || code.e + 1 * day < ctx.now().getTime()) return null
  const { rows } = await sql<{ problem: TargetProblem | null }>`
    with ${revokingGrant(ctx, 'code.reused', { grantId: code.g, applicationId: code.a })}
    select ${targetProblem(issue.target, issue, groundsOf(code))} as problem
    from auth.sessions s join auth.users u on u.id = s.user_id
    where s.id = ${code.s} and ${isLive(ctx)} and ${expiryOf(code)} > ${sqlNow(ctx)}
      and not exists (select from idp.spent_codes c where c.grant_id = ${code.g} and c.expires_at = ${expiryOf(code)})`.execute(
    ctx.db,
  )
  return rows[0]?.problem ?? null
}

const expiryOf = (code: Payload) => sql<Date>`${new Date(code.e)}::timestamptz`

const scopeOf = (code: Payload) => sql`${code.o}::text`

/** What the target is measured by, before there is a grant. */
const groundsOf = (code: Payload): Grounds => ({
  resources: sql`${[...(code.r ?? [])]}::text[]`,
  scope: scopeOf(code),
  userId: sql.ref('u.id'),
})
