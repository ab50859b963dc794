import { sql } from 'kysely'
import type { Tx } from '../base/context.ts'
import { after, minute } from '../base/time.ts'
import { sqlAfter, sqlNow } from './clock.ts'
import { isUuid } from './uuid.ts'

/** How long a browser has for its answer; the pages ask for another before it ends. */
export const passkeyChallengeLifetime = 5 * minute

export interface PasskeyChallenge {
  id: string
  /** Base64url, as the browser signs it. */
  challenge: string
}

interface Purpose {
  type: 'authentication' | 'registration'
  /** The interaction or the session that asked: nobody else's answer is taken. */
  holder: string
}

/** A row of `auth.webauthn_challenges`; its data in the shape that GoTrue keeps, with the holder added. */
export async function createPasskeyChallenge(
  ctx: Tx,
  asked: Purpose & { userId: string | null; relyingPartyId: string },
): Promise<PasskeyChallenge> {
  const id = ctx.random.uuid()
  const challenge = Buffer.from(ctx.random.bytes(32)).toString('base64url')
  const data = {
    challenge,
    rpId: asked.relyingPartyId,
    user_id: asked.userId === null ? null : Buffer.from(asked.userId).toString('base64'),
    expires: after(ctx.now(), passkeyChallengeLifetime).toISOString(),
    userVerification: 'preferred',
    holder: asked.holder,
  }
  await sql`
    insert into auth.webauthn_challenges (id, user_id, challenge_type, session_data, created_at, expires_at)
    values (${id}, ${asked.userId}::uuid, ${asked.type}, ${JSON.stringify(data)}::text::jsonb, ${sqlNow(ctx)},
      ${sqlAfter(ctx, passkeyChallengeLifetime)})`.execute(ctx.db)
  return { id, challenge }
}

/** Spends a challenge, right or wrong as the answer may be; of many who come with it, one gets it. */
export async function spendPasskeyChallenge(
  ctx: Tx,
  id: string,
  { type, holder }: Purpose,
): Promise<string | null> {
  if (!isUuid(id)) return null
  const { rows } = await sql<{ challenge: string }>`
    delete from auth.webauthn_challenges
    where id = ${id} and challenge_type = ${type} and session_data->>'holder' = ${holder} and expires_at > ${sqlNow(ctx)}
    returning session_data->>'challenge' as challenge`.execute(ctx.db)
  return rows[0]?.challenge ?? null
}
