import type { Tx } from '../base/context.ts'
import { sql } from '../base/sql.ts'
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
  /** The interaction or the session that asked: nobody else's answer is taken. Null for clients, who hold the id. */
  holder: string | null
  /** Whose passkey it will be; null at a sign-in. */
  userId: string | null
}

/** A row of `auth.webauthn_challenges`; its data in the shape that GoTrue keeps, with the holder added. */
export async function createPasskeyChallenge(
  ctx: Tx,
  asked: Purpose & { relyingPartyId: string; lifetime: number },
): Promise<PasskeyChallenge> {
  const id = ctx.random.uuid()
  const challenge = Buffer.from(ctx.random.bytes(32)).toString('base64url')
  const data = {
    challenge,
    rpId: asked.relyingPartyId,
    user_id: asked.userId === null ? null : Buffer.from(asked.userId).toString('base64'),
    expires: after(ctx.now(), asked.lifetime).toISOString(),
    userVerification: 'preferred',
    ...(asked.holder === null ? {} : { holder: asked.holder }),
  }
  await sql`
    insert into auth.webauthn_challenges (id, user_id, challenge_type, session_data, created_at, expires_at)
    values (${id}, ${asked.userId}::uuid, ${asked.type}, ${JSON.stringify(data)}::text::jsonb, ${sqlNow(ctx)},
      ${sqlAfter(ctx, asked.lifetime)})`.execute(ctx.db)
  return { id, challenge }
}

/** Spends a challenge, right, wrong or late as the answer may be; of many who come with it, one gets it. */
export async function spendPasskeyChallenge(
  ctx: Tx,
  id: string,
  { type, holder, userId }: Purpose,
): Promise<{ challenge: string; isLate: boolean } | null> {
  if (!isUuid(id)) return null
  const { rows } = await sql<{ challenge: string; late: boolean }>`
    delete from auth.webauthn_challenges
    where id = ${id} and challenge_type = ${type} and session_data->>'holder' is not distinct from ${holder}
      and user_id is not distinct from ${userId}::uuid
    returning session_data->>'challenge' as challenge, expires_at <= ${sqlNow(ctx)} as late`.execute(
    ctx.db,
  )
  return rows[0] === undefined ? null : { challenge: rows[0].challenge, isLate: rows[0].late }
}
