import type { Tx } from '../base/context.ts'
import { seal, secretOf } from '../base/crypto.ts'
import { sql } from '../base/sql.ts'
import { issuerOf, sealedPlace } from './account.ts'
import type { Authenticator } from './authenticator.ts'
import { credentialRow } from './authenticator.ts'
import { sqlAfter, sqlNow } from './clock.ts'
import { importer, type NewEvent, recordAll } from './event.ts'
import { updateProviders } from './identity.ts'
import type { Json } from './user.ts'
import { nilUuid } from './uuid.ts'

/** Rows that another adapter of Auth.js kept, many at once, written as they were: nobody signs in or up by it. */
export interface ImportRows {
  users: ImportedUser[]
  identities: ImportedIdentity[]
  sessions: ImportedSession[]
  authenticators: (Authenticator & { id: string })[]
  tokens: ImportedToken[]
}

export interface ImportedUser {
  id: string
  email: string | null
  emailVerifiedAt: Date | null
  name: string | null
  avatar: string | null
  extra: Json
  passwordHash: string | null
  createdAt: Date | null
  metadata: { app: Json; own: Json }
  /** For the log, and for the next import: where it came from. */
  origin: Json
}

export interface ImportedIdentity {
  id: string
  userId: string
  provider: string
  subject: string
  data: Json
  /** Null for the house's own `email` identity, which has no tokens. */
  account: { type: string; tokens: Json } | null
}

export interface ImportedSession {
  id: string
  userId: string
  /** SHA-256 of the session token. */
  hash: Buffer
  expiresAt: Date
}

export interface ImportedToken {
  id: string
  recipient: string
  hash: Buffer
  expiresAt: Date
}

/** What there is of the rows that are to be imported, and who has it. Hashes and credential ids are in hex. */
export interface ImportState {
  users: { id: string; email: string | null }[]
  identities: { provider: string; subject: string; userId: string }[]
  sessions: { hash: string; userId: string }[]
  authenticators: { credentialId: string; userId: string }[]
  /** What an earlier import wrote, by its id, with what it noted: also what is gone since. */
  imported: { id: string; details: Json }[]
}

/**
 * In a few queries, whatever the number of rows. Imports wait for each other, until the transaction ends: else one could see
 * the notes of another and not its rows.
 */
export async function findImportState(
  ctx: Tx,
  rows: Pick<ImportRows, 'identities' | 'sessions' | 'authenticators' | 'tokens'> & {
    users: Pick<ImportedUser, 'id' | 'email'>[]
  },
): Promise<ImportState> {
  await sql`select pg_advisory_xact_lock(hashtext('sekisho import'))`.execute(ctx.db)
  const ids = listed(rows.users.map(({ id }) => id))
  const emails = listed(rows.users.flatMap(({ email }) => (email === null ? [] : [email])))
  const users = await sql<{ id: string; email: string | null }>`
    select id, email from auth.users where instance_id = ${nilUuid} and (
      id in (select value::uuid from jsonb_array_elements_text(${ids}::text::jsonb) value)
      or (is_sso_user = false and email in (select jsonb_array_elements_text(${emails}::text::jsonb))))`.execute(
    ctx.db,
  )
  const keys = listed(rows.identities.map(({ provider, subject }) => ({ provider, subject })))
  const identities = await sql<{ provider: string; subject: string; userId: string }>`
    select i.provider, i.provider_id as subject, i.user_id as "userId"
    from jsonb_to_recordset(${keys}::text::jsonb) as k(provider text, subject text)
    join auth.identities i on i.provider = k.provider and i.provider_id = k.subject`.execute(ctx.db)
  const sessions = await sql<{ hash: string; userId: string }>`
    select encode(t.hash, 'hex') as hash, s.user_id as "userId"
    from jsonb_array_elements_text(${listed(rows.sessions.map(({ hash }) => hash.toString('hex')))}::text::jsonb) k
    join idp.session_tokens t on t.hash = decode(k, 'hex') join auth.sessions s on s.id = t.session_id`.execute(
    ctx.db,
  )
  const authenticators = await sql<{ credentialId: string; userId: string }>`
    select encode(c.credential_id, 'hex') as "credentialId", c.user_id as "userId"
    from jsonb_array_elements_text(${listed(rows.authenticators.map(credentialHex))}::text::jsonb) k
    join auth.webauthn_credentials c on c.credential_id = decode(k, 'hex')`.execute(ctx.db)
  // A link is good for a day, or a few; what was imported longer ago has expired.
  const imported = await sql<{ id: string; details: Json }>`
    select coalesce(details->>'id', session_id::text, user_id::text) as id, details from idp.events
    where actor = ${importer} and user_id in (select value::uuid from jsonb_array_elements_text(${ids}::text::jsonb) value)
    union all
    select details->>'id', details from idp.events
    where actor = ${importer} and user_id is null and type = 'verification.sent' and created_at > ${sqlAfter(ctx, -90 * 86_400_000)}
      and details->>'id' in (select jsonb_array_elements_text(${listed(rows.tokens.map(({ id }) => id))}::text::jsonb))`.execute(
    ctx.db,
  )
  return {
    users: users.rows,
    identities: identities.rows,
    sessions: sessions.rows,
    authenticators: authenticators.rows,
    imported: imported.rows,
  }
}

export function credentialHex(authenticator: Authenticator): string {
  return credentialRow(authenticator).credential_id.toString('hex')
}

/** Writes all of it, with an event for each. To be called in a transaction. Throws a unique violation. */
export async function writeImport(ctx: Tx, rows: ImportRows): Promise<void> {
  await writeUsers(ctx, rows.users)
  await writeIdentities(ctx, rows.identities)
  await writeSessions(ctx, rows.sessions)
  await writeAuthenticators(ctx, rows.authenticators)
  await writeTokens(ctx, rows.tokens)
  const made = new Set(rows.users.map(({ id }) => id))
  const others = rows.identities.filter(({ userId }) => !made.has(userId))
  for (const userId of new Set(others.map(({ userId }) => userId))) {
    await updateProviders(ctx, userId)
  }
  await recordAll({ ...ctx, actor: { kind: 'system', name: 'import' } }, eventsOf(rows))
}

async function writeUsers(ctx: Tx, users: ImportedUser[]): Promise<void> {
  if (users.length === 0) return
  const { gotrue } = ctx.config
  const now = sqlNow(ctx)
  const rows = users.map((user) => ({
    ...user,
    app: user.metadata.app,
    own: user.metadata.own,
    custom: Object.keys(user.extra).length === 0 ? {} : { authjs: user.extra },
  }))
  await sql`
    with given as (
      select * from jsonb_to_recordset(${listed(rows)}::text::jsonb) as g(id uuid, email text, "emailVerifiedAt" timestamptz,
        name text, avatar text, "passwordHash" text, "createdAt" timestamptz, app jsonb, own jsonb, custom jsonb)),
    made as (
      insert into auth.users (instance_id, id, aud, role, email, encrypted_password, email_confirmed_at, raw_app_meta_data,
        raw_user_meta_data, is_anonymous, is_sso_user, confirmation_token, recovery_token, email_change_token_new,
        email_change, created_at, updated_at)
      select ${nilUuid}::uuid, id, ${gotrue.jwtAudience}, ${gotrue.jwtDefaultRole}, email, "passwordHash", "emailVerifiedAt",
        app, own, false, false, '', '', '', '', coalesce("createdAt", ${now}), ${now}
      from given returning id)
    insert into idp.profiles (user_id, name, avatar, custom_data, created_at, updated_at)
    select g.id, g.name, g.avatar, g.custom, coalesce(g."createdAt", ${now}), ${now}
    from given g join made on made.id = g.id`.execute(ctx.db)
}

async function writeIdentities(ctx: Tx, identities: ImportedIdentity[]): Promise<void> {
  if (identities.length === 0) return
  const now = sqlNow(ctx)
  const rows = identities.map(({ id, userId, provider, subject, data, account }) => {
    const issuer = account === null ? null : issuerOf(account.tokens)
    return {
      id,
      userId,
      provider,
      subject,
      data: issuer === null ? data : { ...data, iss: issuer },
      issuer,
      type: account?.type ?? null,
      ...(account === null ? {} : sealed(ctx, id, account.tokens)),
    }
  })
  await sql`
    with given as (
      select * from jsonb_to_recordset(${listed(rows)}::text::jsonb) as g(id uuid, "userId" uuid, provider text, subject text,
        data jsonb, type text, issuer text, scope text, sealed text)),
    made as (
      insert into auth.identities (id, user_id, provider, provider_id, identity_data, created_at, updated_at)
      select id, "userId", provider, subject, data, ${now}, ${now} from given returning id)
    insert into idp.identity_tokens (identity_id, type, issuer, scope, sealed, updated_at)
    select g.id, g.type, g.issuer, g.scope, g.sealed, ${now} from given g join made on made.id = g.id
    where g.type is not null`.execute(ctx.db)
}

/** As `createAccount` keeps them: the scope in clear, all else in one sealed text. */
function sealed(ctx: Tx, identityId: string, tokens: Json) {
  const { scope, ...rest } = tokens
  const kept = typeof scope === 'string' ? rest : tokens
  const isEmpty = Object.keys(kept).length === 0 || ctx.config.secret === ''
  return {
    scope: typeof scope === 'string' ? scope : null,
    sealed: isEmpty
      ? ''
      : seal(secretOf(ctx.config), sealedPlace(identityId), JSON.stringify(kept)),
  }
}

async function writeSessions(ctx: Tx, sessions: ImportedSession[]): Promise<void> {
  if (sessions.length === 0) return
  const now = sqlNow(ctx)
  const rows = sessions.map((session) => ({ ...session, hash: session.hash.toString('hex') }))
  await sql`
    with given as (
      select * from jsonb_to_recordset(${listed(rows)}::text::jsonb)
        as g(id uuid, "userId" uuid, hash text, "expiresAt" timestamptz)),
    made as (
      insert into auth.sessions (id, user_id, created_at, updated_at, aal, not_after)
      select id, "userId", ${now}, ${now}, 'aal1', "expiresAt" from given returning id)
    insert into idp.session_tokens (hash, session_id, carrier, created_at, expires_at)
    select decode(g.hash, 'hex'), g.id, 'authjs', ${now}, g."expiresAt" from given g join made on made.id = g.id`.execute(
    ctx.db,
  )
}

async function writeAuthenticators(
  ctx: Tx,
  authenticators: ImportRows['authenticators'],
): Promise<void> {
  if (authenticators.length === 0) return
  const now = sqlNow(ctx)
  const rows = authenticators.map((one) => {
    const { credential_id, public_key, backup_eligible, verbatim } = credentialRow(one)
    return {
      ...one,
      backup_eligible,
      verbatim,
      credential: credential_id.toString('hex'),
      key: public_key.toString('hex'),
    }
  })
  await sql`
    with given as (
      select * from jsonb_to_recordset(${listed(rows)}::text::jsonb) as g(id uuid, "userId" uuid, credential text, key text,
        counter bigint, transports jsonb, backup_eligible boolean, "isBackedUp" boolean, verbatim jsonb)),
    made as (
      insert into auth.webauthn_credentials (id, user_id, credential_id, public_key, sign_count, transports,
        backup_eligible, backed_up, created_at, updated_at)
      select id, "userId", decode(credential, 'hex'), decode(key, 'hex'), counter, transports, backup_eligible,
        "isBackedUp", ${now}, ${now} from given returning id)
    insert into idp.authenticators (credential_id, verbatim, created_at)
    select g.id, g.verbatim, ${now} from given g join made on made.id = g.id`.execute(ctx.db)
}

/** One that is there already stays: the same link, of the same recipient. */
async function writeTokens(ctx: Tx, tokens: ImportedToken[]): Promise<void> {
  if (tokens.length === 0) return
  const rows = tokens.map((token) => ({ ...token, hash: token.hash.toString('hex') }))
  await sql`
    insert into idp.verifications (id, purpose, channel, recipient, hash, created_at, expires_at)
    select id, 'authjs', 'email', recipient, decode(hash, 'hex'), ${sqlNow(ctx)}, "expiresAt"
    from jsonb_to_recordset(${listed(rows)}::text::jsonb)
      as g(id uuid, recipient text, hash text, "expiresAt" timestamptz)
    on conflict (hash, recipient) where purpose = 'authjs' do nothing`.execute(ctx.db)
}

function eventsOf({ users, identities, sessions, authenticators, tokens }: ImportRows): NewEvent[] {
  return [
    ...users.map(({ id, origin }) => ({
      type: 'user.created' as const,
      userId: id,
      details: origin,
    })),
    ...identities.map(({ id, userId, provider }) => ({
      type: 'identity.linked' as const,
      userId,
      details: { id, provider, identityId: id },
    })),
    ...sessions.map(({ id, userId }) => ({
      type: 'session.created' as const,
      userId,
      sessionId: id,
      details: { carrier: 'authjs' },
    })),
    ...authenticators.map(({ id, userId }) => ({
      type: 'factor.created' as const,
      userId,
      details: { factor: 'passkey', id },
    })),
    ...tokens.map(({ id, recipient }) => ({
      type: 'verification.sent' as const,
      details: { purpose: 'authjs', channel: 'email', recipient, id },
    })),
  ]
}

/** Lists go in as JSON, which both drivers take alike. */
function listed(values: readonly unknown[]): string {
  return JSON.stringify(values)
}
