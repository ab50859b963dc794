import { createHash } from 'node:crypto'
import type { Tx } from '../base/context.ts'
import { sql } from '../base/sql.ts'
import { second } from '../base/time.ts'
import { sqlAfter, sqlNow } from './clock.ts'
import { nilUuid } from './uuid.ts'

/**
 * GoTrue's codes and links: a hash in a column of `auth.users` (for the digits that a person types) and the same in a
 * row of `auth.one_time_tokens` (for the link), so that what either server mailed works on the other.
 */
export type TokenKind =
  | 'confirmation_token'
  | 'recovery_token'
  | 'reauthentication_token'
  | 'email_change_token_new'
  | 'email_change_token_current'
  | 'phone_change_token'

/** When a kind was sent, and to which column's address. A phone's confirmation rests in `confirmation_token` too. */
const columns: Record<TokenKind, { sentAt: string; recipient: string }> = {
  confirmation_token: { sentAt: 'confirmation_sent_at', recipient: 'email' },
  recovery_token: { sentAt: 'recovery_sent_at', recipient: 'email' },
  reauthentication_token: { sentAt: 'reauthentication_sent_at', recipient: 'email' },
  email_change_token_new: { sentAt: 'email_change_sent_at', recipient: 'email_change' },
  email_change_token_current: { sentAt: 'email_change_sent_at', recipient: 'email' },
  phone_change_token: { sentAt: 'phone_change_sent_at', recipient: 'phone_change' },
}

export const pkcePrefix = 'pkce_'

/** How GoTrue keeps a code: six digits are guessable in this form, so tries are limited where codes are taken. */
export function tokenHash(recipient: string, code: string): string {
  return createHash('sha224').update(`${recipient.toLowerCase()}${code}`).digest('hex')
}

/** A code that was just made: the digits for the mail, the hash for the link and the rows. */
export interface MadeToken {
  kind: TokenKind
  recipient: string
  code: string
  hash: string
}

export function makeToken(
  ctx: Tx,
  token: { kind: TokenKind; recipient: string; isPkce?: boolean },
): MadeToken {
  return tokenOf({ ...token, code: ctx.random.digits(ctx.config.gotrue.mailerOtpLength) })
}

/** The token of a code that is known already. */
export function tokenOf(token: {
  kind: TokenKind
  recipient: string
  code: string
  isPkce?: boolean
}): MadeToken {
  const { kind, recipient, code } = token
  const hash = `${token.isPkce ? pkcePrefix : ''}${tokenHash(recipient, code)}`
  return { kind, recipient, code, hash }
}

export type Kept = { outcome: 'kept' } | { outcome: 'too-soon'; retryAfter: number }

/**
 * Writes a user's tokens that are sent together (one, or those of an e-mail change), in the place of the ones before,
 * and marks them as sent, unless the last were sent less than `every` milliseconds ago: one statement.
 */
export async function keepTokens(
  ctx: Tx,
  userId: string,
  tokens: readonly [MadeToken, ...MadeToken[]],
  { every, newEmail, newPhone }: { every: number; newEmail?: string; newPhone?: string },
): Promise<Kept> {
  const sentAt = sql.ref(columns[tokens[0].kind].sentAt)
  const kinds = newEmail === undefined ? tokens.map(({ kind }) => kind) : changeKinds
  const assigned = kinds.map((kind) => {
    const hash = tokens.find((token) => token.kind === kind)?.hash ?? ''
    return sql`${sql.ref(kind)} = ${hash}`
  })
  if (newEmail !== undefined) {
    assigned.push(sql`email_change = ${newEmail}`, sql`email_change_confirm_status = 0`)
  }
  if (newPhone !== undefined) assigned.push(sql`phone_change = ${newPhone}`)
  const rows = JSON.stringify(
    tokens.map(({ kind, recipient, hash }) => ({ id: ctx.random.uuid(), kind, recipient, hash })),
  )
  const utcNow = sql`${sqlNow(ctx)} at time zone 'utc'`
  const answer = await sql<{ kept: boolean; wait: number | null }>`
    with marked as (
      update auth.users set ${sql.join(assigned)}, ${sentAt} = ${sqlNow(ctx)}, updated_at = ${sqlNow(ctx)}
      where id = ${userId} and (${sentAt} is null or ${sentAt} <= ${sqlAfter(ctx, -every)})
      returning id),
    gone as (
      delete from auth.one_time_tokens t using marked where t.user_id = marked.id
        and t.token_type::text = any(${kinds}::text[])
        and t.token_type::text <> all(${tokens.map(({ kind }) => kind)}::text[])),
    kept as (
      insert into auth.one_time_tokens (id, user_id, token_type, token_hash, relates_to, created_at, updated_at)
      select r.id, marked.id, r.kind::auth.one_time_token_type, r.hash, r.recipient, ${utcNow}, ${utcNow}
      from marked, jsonb_to_recordset(${rows}::text::jsonb) as r(id uuid, kind text, recipient text, hash text)
      on conflict (user_id, token_type) do update set token_hash = excluded.token_hash,
        relates_to = excluded.relates_to, updated_at = excluded.updated_at)
    select exists (select from marked) as kept,
      (select extract(epoch from ${sentAt} - ${sqlAfter(ctx, -every)})::float8 * 1000
       from auth.users where id = ${userId}) as wait`.execute(ctx.db)
  const [row] = answer.rows
  if (row?.kept) return { outcome: 'kept' }
  return { outcome: 'too-soon', retryAfter: Math.max(second, row?.wait ?? second) }
}

const changeKinds: readonly TokenKind[] = ['email_change_token_new', 'email_change_token_current']

/** Takes back what could not be sent, if nothing newer came: the next request need not wait. */
export async function dropTokens(
  ctx: Tx,
  userId: string,
  tokens: readonly MadeToken[],
): Promise<void> {
  for (const { kind, hash } of tokens) {
    const proposed = kind === 'phone_change_token' ? sql`, phone_change = ''` : sql``
    await sql`
      with dropped as (
        update auth.users set ${sql.ref(kind)} = '', ${sql.ref(columns[kind].sentAt)} = null${proposed}
        where id = ${userId} and ${sql.ref(kind)} = ${hash} returning id)
      delete from auth.one_time_tokens t using dropped where t.user_id = dropped.id and t.token_hash = ${hash}`.execute(
      ctx.db,
    )
  }
}

/** A token that was spent just now. */
export interface Spent {
  userId: string
  kind: TokenKind
}

/**
 * Spends a link's token in one statement: of all who come with it, one gets it. The user's row is locked first, as
 * `spendCode` does: link and digits of one mail are one token. Null for an unknown, used or expired one.
 */
export async function spendHash(
  ctx: Tx,
  hash: string,
  kinds: readonly TokenKind[],
): Promise<Spent | null> {
  const unexpired = kinds.map(
    (kind) =>
      sql`(t.token_type::text = ${kind} and u.${sql.ref(columns[kind].sentAt)} > ${sqlAfter(ctx, -lifetime(ctx, kind))})`,
  )
  const cleared = kinds.map(
    (kind) =>
      sql`${sql.ref(kind)} = case when spent.token_type::text = ${kind} then '' else u.${sql.ref(kind)} end`,
  )
  const { rows } = await sql<{ user_id: string; token_type: TokenKind }>`
    with found as (
      select t.id from auth.one_time_tokens t join auth.users u on u.id = t.user_id
      where t.token_hash = ${hash} and u.instance_id = ${nilUuid} and (${sql.join(unexpired, sql` or `)})
      limit 1 for update of u),
    spent as (
      delete from auth.one_time_tokens t using found where t.id = found.id and t.token_hash = ${hash}
      returning t.user_id, t.token_type)
    update auth.users u set ${sql.join(cleared)} from spent where u.id = spent.user_id
    returning spent.user_id, spent.token_type::text`.execute(ctx.db)
  const [row] = rows
  return row === undefined ? null : { userId: row.user_id, kind: row.token_type }
}

/** Whose link this is, without spending it; null for an unknown, used or expired one. */
export async function findHashOwner(
  ctx: Tx,
  hash: string,
  kind: TokenKind,
): Promise<string | null> {
  const { rows } = await sql<{ user_id: string }>`
    select t.user_id from auth.one_time_tokens t join auth.users u on u.id = t.user_id
    where t.token_hash = ${hash} and t.token_type::text = ${kind} and u.instance_id = ${nilUuid}
      and u.${sql.ref(columns[kind].sentAt)} > ${sqlAfter(ctx, -lifetime(ctx, kind))}`.execute(
    ctx.db,
  )
  return rows[0]?.user_id ?? null
}

/** Spends the digits that a person typed, by the address (or number) they were sent to: one statement, one winner. */
export async function spendCode(
  ctx: Tx,
  {
    recipient,
    code,
    kind,
    channel,
  }: { recipient: string; code: string; kind: TokenKind; channel: 'email' | 'phone' },
): Promise<Spent | null> {
  const hash = tokenHash(recipient, code)
  const address = kind === 'confirmation_token' ? channel : columns[kind].recipient
  const { rows } = await sql<{ id: string }>`
    with spent as (
      update auth.users set ${sql.ref(kind)} = '', updated_at = ${sqlNow(ctx)}
      where ${sql.ref(address)} = ${recipient} and instance_id = ${nilUuid} and is_sso_user = false
        and ${sql.ref(kind)} in (${hash}, ${pkcePrefix + hash})
        and ${sql.ref(columns[kind].sentAt)} > ${sqlAfter(ctx, -lifetime(ctx, kind, channel))}
      returning id),
    gone as (
      delete from auth.one_time_tokens t using spent where t.user_id = spent.id and t.token_type::text = ${kind})
    select id from spent`.execute(ctx.db)
  const [row] = rows
  return row === undefined ? null : { userId: row.id, kind }
}

/** Whether a code of these kinds waits for a number: nobody else is asked about one that was never sent. */
export async function isCodeAwaited(
  ctx: Tx,
  { phone, kind }: { phone: string; kind: TokenKind },
): Promise<boolean> {
  const { rows } = await sql`
    select id from auth.users
    where ${sql.ref(phoneColumn(kind))} = ${phone} and instance_id = ${nilUuid} and is_sso_user = false
      and ${sql.ref(kind)} <> '' limit 1`.execute(ctx.db)
  return rows.length > 0
}

/**
 * Spends the code that a number waits for, where the provider who made it has said that it is right: one statement, one
 * winner. Of several accounts that wait with one number, the last one asked for the code.
 */
export async function spendAwaitedCode(
  ctx: Tx,
  { phone, kind }: { phone: string; kind: TokenKind },
): Promise<Spent | null> {
  const { rows } = await sql<{ id: string }>`
    with awaited as (
      select id from auth.users
      where ${sql.ref(phoneColumn(kind))} = ${phone} and instance_id = ${nilUuid} and is_sso_user = false
        and ${sql.ref(kind)} <> ''
      order by ${sql.ref(columns[kind].sentAt)} desc limit 1 for update),
    spent as (
      update auth.users u set ${sql.ref(kind)} = '', updated_at = ${sqlNow(ctx)}
      from awaited where u.id = awaited.id and u.${sql.ref(kind)} <> '' returning u.id),
    gone as (
      delete from auth.one_time_tokens t using spent where t.user_id = spent.id and t.token_type::text = ${kind})
    select id from spent`.execute(ctx.db)
  const [row] = rows
  return row === undefined ? null : { userId: row.id, kind }
}

function phoneColumn(kind: TokenKind): string {
  return kind === 'phone_change_token' ? 'phone_change' : 'phone'
}

/** What somebody who is signed in typed to show that it is still them; `hash` is null where a provider said yes. */
export interface NonceProof {
  hash: string | null
  channel: 'email' | 'phone'
}

/** Spends that code: one statement, one winner. */
export async function spendNonce(ctx: Tx, userId: string, proof: NonceProof): Promise<boolean> {
  const lasts = lifetime(ctx, 'reauthentication_token', proof.channel)
  const { rows } = await sql`
    with spent as (
      update auth.users set reauthentication_token = ''
      where id = ${userId} and reauthentication_token <> '' and case when ${proof.hash}::text is null then true
        else reauthentication_token = ${proof.hash} and reauthentication_sent_at > ${sqlAfter(ctx, -lasts)} end
      returning id),
    gone as (
      delete from auth.one_time_tokens t using spent
      where t.user_id = spent.id and t.token_type = 'reauthentication_token')
    select id from spent`.execute(ctx.db)
  return rows.length > 0
}

function lifetime(ctx: Tx, kind: TokenKind, channel: 'email' | 'phone' = 'email'): number {
  const { smsOtpExpSeconds, mailerOtpExpSeconds } = ctx.config.gotrue
  const isToPhone = channel === 'phone' || kind === 'phone_change_token'
  return (isToPhone ? smsOtpExpSeconds : mailerOtpExpSeconds) * second
}

/** Forgets every code and link that waits: after a success, and with a new password. */
export async function clearTokens(ctx: Tx, userId: string): Promise<void> {
  await sql`
    with gone as (delete from auth.one_time_tokens where user_id = ${userId})
    update auth.users set confirmation_token = '', recovery_token = '', reauthentication_token = '',
      email_change_token_new = '', email_change_token_current = '', phone_change_token = ''
    where id = ${userId}`.execute(ctx.db)
}

/** Forgets the links, as GoTrue does after a success; digits of other mails still count. */
export async function clearLinks(ctx: Tx, userId: string): Promise<void> {
  await sql`delete from auth.one_time_tokens where user_id = ${userId}`.execute(ctx.db)
}

/** One of the two addresses agreed to the change; false when one had done so before. */
export async function acceptEmailChange(ctx: Tx, userId: string): Promise<boolean> {
  const { rows } = await sql`
    update auth.users set email_change_confirm_status = 1, updated_at = ${sqlNow(ctx)}
    where id = ${userId} and email_change_confirm_status = 0 returning id`.execute(ctx.db)
  return rows.length > 0
}

/** Puts the new address in the place of the old one. Throws a unique violation when somebody has it by now. */
export async function finishEmailChange(ctx: Tx, userId: string): Promise<void> {
  await sql`
    update auth.users set email = email_change, email_confirmed_at = coalesce(email_confirmed_at, ${sqlNow(ctx)}),
      email_change = '', email_change_token_new = '', email_change_token_current = '',
      email_change_confirm_status = 0, is_anonymous = false, updated_at = ${sqlNow(ctx)}
    where id = ${userId} and email_change <> ''`.execute(ctx.db)
}

/** The same for a phone number. */
export async function finishPhoneChange(ctx: Tx, userId: string): Promise<void> {
  await sql`
    update auth.users set phone = phone_change, phone_confirmed_at = coalesce(phone_confirmed_at, ${sqlNow(ctx)}),
      phone_change = '', phone_change_token = '', is_anonymous = false, updated_at = ${sqlNow(ctx)}
    where id = ${userId} and phone_change <> ''`.execute(ctx.db)
}

/** From now on the account is an invited one, which shows when it was. */
export async function markInvited(ctx: Tx, userId: string): Promise<void> {
  await sql`update auth.users set invited_at = ${sqlNow(ctx)}, updated_at = ${sqlNow(ctx)} where id = ${userId}`.execute(
    ctx.db,
  )
}

/** Begins a change of address without its mails; a change to another address than before begins anew. */
export async function proposeEmail(ctx: Tx, userId: string, newEmail: string): Promise<void> {
  await sql`
    update auth.users set email_change = ${newEmail}, email_change_confirm_status = 0, updated_at = ${sqlNow(ctx)},
      email_change_token_new = case when email_change = ${newEmail} then email_change_token_new else '' end,
      email_change_token_current = case when email_change = ${newEmail} then email_change_token_current else '' end
    where id = ${userId}`.execute(ctx.db)
}
