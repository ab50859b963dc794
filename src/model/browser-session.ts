import type { Tx } from '../base/context.ts'
import { sha256 } from '../base/crypto.ts'
import { sql } from '../base/sql.ts'
import type { Application } from './application.ts'
import { sqlNow } from './clock.ts'
import { type Consent, type ConsentRow, consentObject, toConsent } from './consent.ts'
import { methodOf } from './factor.ts'
import { isLive } from './grant.ts'
import type { Aal, Session } from './session.ts'

/** The session that a browser carries, as far as an application has to do with it. */
export interface BrowserSession extends Pick<Session, 'id' | 'userId' | 'aal'> {
  /** When the user signed in. A second factor alone is no sign-in: it makes no session younger. */
  authenticatedAt: Date
  /** What its user allowed this application before; null when nothing, and where nobody is asked. */
  consent: (Consent & Pick<ConsentRow, 'since'>) | null
}

/** The session behind a browser's cookie, while its user may act, and the user's consent, in one query. */
export async function findBrowserSession(
  ctx: Tx,
  token: string,
  { id, isThirdParty }: Application,
): Promise<BrowserSession | null> {
  const consent = isThirdParty
    ? sql`(select ${consentObject} from idp.consents c where c.user_id = s.user_id and c.application_id = ${id})`
    : sql`null::json`
  const { rows } = await sql<{
    id: string
    userId: string
    aal: Aal | null
    at: Date | null
    consent: ConsentRow | null
  }>`
    select s.id, s.user_id as "userId", s.aal::text as aal, ${consent} as consent, coalesce((
      select max(c.updated_at) from auth.mfa_amr_claims c
      where c.session_id = s.id and c.authentication_method <> all(${secondFactors}::text[])), s.created_at) as at
    from idp.session_tokens t join auth.sessions s on s.id = t.session_id join auth.users u on u.id = s.user_id
    where t.hash = ${sha256(token)} and t.carrier = 'browser' and t.expires_at > ${sqlNow(ctx)} and ${isLive(ctx)}`.execute(
    ctx.db,
  )
  const [row] = rows
  if (row === undefined) return null
  return {
    id: row.id,
    userId: row.userId,
    aal: row.aal ?? 'aal1',
    authenticatedAt: row.at ?? new Date(0),
    consent: row.consent === null ? null : { ...toConsent(row.consent), since: row.consent.since },
  }
}

const secondFactors: string[] = Object.values(methodOf)
