import type { Tx } from '../base/context.ts'
import { sha256 } from '../base/crypto.ts'
import { sql } from '../base/sql.ts'
import { sqlNow } from './clock.ts'
import { type Consent, type ConsentRow, consentObject, toConsent } from './consent.ts'
import { isLive } from './grant.ts'
import { type Session, type SessionRow, sessionColumns, toSession } from './session.ts'

/** The session that a browser carries, as an application meets it. */
export interface BrowserSession extends Session {
  /** What its user allowed this application before; null when nothing. */
  consent: Consent | null
}

/** The session behind a browser's cookie, and the user's consent, in one query. */
export async function findBrowserSession(
  ctx: Tx,
  token: string,
  applicationId: string,
): Promise<BrowserSession | null> {
  const { rows } = await sql<SessionRow & { consent: ConsentRow | null }>`
    select ${sessionColumns}, (select ${consentObject} from idp.consents c
      where c.user_id = s.user_id and c.application_id = ${applicationId}) as consent
    from idp.session_tokens t join auth.sessions s on s.id = t.session_id join auth.users u on u.id = s.user_id
    where t.hash = ${sha256(token)} and t.carrier = 'browser' and t.expires_at > ${sqlNow(ctx)} and ${isLive(ctx)}`.execute(
    ctx.db,
  )
  const [row] = rows
  if (row === undefined) return null
  return { ...toSession(row), consent: row.consent === null ? null : toConsent(row.consent) }
}
