import type { Tx } from '../base/context.ts'
import { seal, secretOf, unseal } from '../base/crypto.ts'
import { sql } from '../base/sql.ts'
import { findAuthjsUser } from './authjs-user.ts'
import { sqlNow } from './clock.ts'
import { type Audit, record, recording } from './event.ts'
import { deleteIdentity, updateProviders, writingProviders } from './identity.ts'
import type { Json } from './user.ts'
import { isUuid } from './uuid.ts'

/** An identity with what its provider gave for it: an Account of Auth.js. */
export interface Account {
  identityId: string
  userId: string
  provider: string
  /** Who the user is at the provider; Auth.js' `providerAccountId`. */
  subject: string
  /** How the provider speaks: `oidc`, `oauth`, `webauthn` … */
  type: string
  scope: string | null
  /** Access, refresh and ID token and whatever came with them. Empty where there is no secret to encrypt them with. */
  tokens: Json
}

export type NewAccount = Omit<Account, 'identityId'>

/** Names of the house's own identities, whose subjects are ids of users: no provider of an app goes by them. */
export function isReservedProvider(provider: string): boolean {
  return provider === 'email' || provider === 'phone'
}

/**
 * Links an account in one statement: it is inserted, never taken over. Throws a unique violation when somebody has the
 * identity, and a foreign key violation when there is no such user.
 */
export async function createAccount(ctx: Tx, account: NewAccount): Promise<Account> {
  const { userId, provider, subject, type, scope, tokens } = account
  const id = ctx.random.uuid()
  const issuer = issuerOf(tokens)
  const kept = ctx.config.secret === '' ? {} : tokens
  const sealed =
    Object.keys(kept).length === 0
      ? ''
      : seal(secretOf(ctx.config), sealedPlace(id), JSON.stringify(kept))
  // No address: GoTrue links by the addresses of identities, and nobody proved one here.
  const data = { sub: subject, ...(issuer === null ? {} : { iss: issuer }) }
  const made = { identityId: id, userId, provider, subject, type, scope, tokens: kept }
  const linked = {
    type: 'identity.linked' as const,
    userId,
    details: { provider, identityId: id },
    audit: await auditOf(ctx, 'identity_linked', made),
  }
  const now = sqlNow(ctx)
  await sql`
    with made as (
      insert into auth.identities (id, user_id, provider, provider_id, identity_data, last_sign_in_at, created_at, updated_at)
      values (${id}, ${userId}, ${provider}, ${subject}, ${JSON.stringify(data)}::text::jsonb, ${now}, ${now}, ${now})
      returning id, user_id, provider, created_at),
    kept as (
      insert into idp.identity_tokens (identity_id, type, issuer, scope, sealed, updated_at)
      select id, ${type}, ${issuer}, ${scope}, ${sealed}, ${now} from made),
    ${writingProviders(ctx, userId, sql`select provider, created_at from made`)},
    ${recording(ctx, [linked], sql`exists (select from made)`)}
    select id from made`.execute(ctx.db)
  return made
}

/** Null where nobody has this account, and for the house's own identities. */
export async function findAccount(
  ctx: Tx,
  key: { provider: string; subject: string },
): Promise<Account | null> {
  if (isReservedProvider(key.provider)) return null
  const { rows } = await sql<AccountRow>`
    select i.id, i.user_id, i.provider, i.provider_id, i.identity_data ? 'iss' as has_issuer, t.type, t.scope, t.sealed
    from auth.identities i left join idp.identity_tokens t on t.identity_id = i.id
    where i.provider = ${key.provider} and i.provider_id = ${key.subject}`.execute(ctx.db)
  return rows[0] === undefined ? null : toAccount(ctx, rows[0])
}

/** The accounts of a user, the oldest first, their tokens left sealed; none for an id that is none. */
export async function listAccounts(ctx: Tx, userId: string): Promise<Account[]> {
  if (!isUuid(userId)) return []
  const { rows } = await sql<AccountRow>`
    select i.id, i.user_id, i.provider, i.provider_id, i.identity_data ? 'iss' as has_issuer, t.type, t.scope,
      null as sealed
    from auth.identities i left join idp.identity_tokens t on t.identity_id = i.id
    where i.user_id = ${userId} order by i.created_at, i.id`.execute(ctx.db)
  return rows
    .filter(({ provider }) => !isReservedProvider(provider))
    .map((row) => toAccount(ctx, row))
}

/** Unlinks an account and returns it; null where there is none. To be called in a transaction. */
export async function deleteAccount(
  ctx: Tx,
  key: { provider: string; subject: string },
): Promise<Account | null> {
  const account = await findAccount(ctx, key)
  if (account === null) return null
  const audit = await auditOf(ctx, 'identity_unlinked', account)
  if (!(await deleteIdentity(ctx, account.identityId))) return null
  await updateProviders(ctx, account.userId)
  await record(ctx, {
    type: 'identity.unlinked',
    userId: account.userId,
    details: { provider: account.provider, identityId: account.identityId },
    audit,
  })
  return account
}

interface AccountRow {
  id: string
  user_id: string
  provider: string
  provider_id: string
  has_issuer: boolean
  type: string | null
  scope: string | null
  sealed: string | null
}

function toAccount(ctx: Tx, row: AccountRow): Account {
  const isOpen = row.sealed !== null && row.sealed !== '' && ctx.config.secret !== ''
  return {
    identityId: row.id,
    userId: row.user_id,
    provider: row.provider,
    subject: row.provider_id,
    // An identity that another face linked has no row of tokens.
    type: row.type ?? (row.has_issuer ? 'oidc' : 'oauth'),
    scope: row.scope,
    tokens: isOpen
      ? JSON.parse(unseal(secretOf(ctx.config), sealedPlace(row.id), String(row.sealed)))
      : {},
  }
}

/** Where the tokens of an identity are sealed. */
export function sealedPlace(identityId: string): string {
  return `idp.identity_tokens.sealed:${identityId}`
}

/** The `iss` of an ID token, for the record: nothing is decided by it, and the signature is not looked at. */
export function issuerOf(tokens: Json): string | null {
  const [, body] = String(tokens.id_token ?? '').split('.')
  try {
    const claims = JSON.parse(Buffer.from(body ?? '', 'base64url').toString('utf8'))
    return typeof claims?.iss === 'string' ? claims.iss : null
  } catch {
    return null
  }
}

async function auditOf(ctx: Tx, action: string, account: Account): Promise<Audit> {
  const user = await findAuthjsUser(ctx, account.userId)
  return {
    action,
    logType: 'user',
    actor: user?.actor ?? { id: account.userId, viaSso: false, username: '' },
    traits: {
      identity_id: account.identityId,
      provider: account.provider,
      provider_id: account.subject,
    },
  }
}
