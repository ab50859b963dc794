import { z } from 'zod'
import { type Context, type Tx, transaction } from '../base/context.ts'
import { sha256 } from '../base/crypto.ts'
import { isUniqueViolation } from '../base/sql-error.ts'
import { isReservedProvider } from '../model/account.ts'
import {
  credentialHex,
  findImportState,
  type ImportRows,
  type ImportState,
  writeImport,
} from '../model/authjs-import.ts'
import { normalEmail } from '../model/user.ts'
import { isUuid } from '../model/uuid.ts'

/** Milliseconds since 1970, as far as Postgres can count. */
const time = z
  .number()
  .int()
  .min(-62_135_596_800_000)
  .max(253_402_300_799_999)
  .transform((value) => new Date(value))

const importedUser = z.strictObject({
  /** The id in the other database. */
  id: z.string().min(1),
  email: z.string().nullable(),
  emailVerifiedAt: time.nullable(),
  name: z.string().nullable(),
  avatar: z.string().nullable(),
  extra: z.record(z.string(), z.unknown()),
  passwordHash: z.string().nullable(),
  createdAt: time.nullable(),
  /** Why the reader says that the user cannot come in. */
  refused: z.enum(['email_twice', 'account_twice', 'too_large']).nullable(),
  accounts: z.array(
    z.strictObject({
      provider: z.string().min(1),
      subject: z.string().min(1),
      type: z.string(),
      tokens: z.record(z.string(), z.unknown()),
    }),
  ),
  sessions: z.array(z.strictObject({ token: z.string().min(1), expiresAt: time })),
  authenticators: z.array(
    z.strictObject({
      credentialId: z.string().min(1),
      publicKey: z.string().min(1),
      counter: z.number().int().min(0),
      isBackedUp: z.boolean(),
      deviceType: z.string(),
      transports: z.array(z.string()),
      subject: z.string().min(1),
    }),
  ),
})

export const importBatch = z.strictObject({
  /** Whose ids these are, where they are no UUIDs: another database's `1` is somebody else. */
  source: z.string().min(1),
  mode: z.enum(['write', 'dry-run']),
  users: z.array(importedUser).default([]),
  tokens: z
    .array(
      z.strictObject({ identifier: z.string().min(1), token: z.string().min(1), expiresAt: time }),
    )
    .default([]),
})

export type ImportBatch = z.input<typeof importBatch>
type SourceUser = z.output<typeof importedUser>

export const importKinds = [
  'users',
  'accounts',
  'sessions',
  'authenticators',
  'verificationTokens',
] as const
export type ImportKind = (typeof importKinds)[number]

export interface ImportCount {
  imported: number
  unchanged: number
  skipped: number
}

export interface ImportProblem {
  what: 'user' | 'account'
  /** The user's id in the other database. */
  id: string
  reason: string
  /** Who has it already, with us. */
  owner?: string
  provider?: string
}

export interface ImportReport {
  counts: Record<ImportKind, ImportCount>
  /** Ids that could not be kept. */
  mapped: { from: string; to: string }[]
  problems: ImportProblem[]
}

export function emptyReport(): ImportReport {
  const count = () => ({ imported: 0, unchanged: 0, skipped: 0 })
  return {
    counts: {
      users: count(),
      accounts: count(),
      sessions: count(),
      authenticators: count(),
      verificationTokens: count(),
    },
    mapped: [],
    problems: [],
  }
}

/**
 * Writes a batch of another adapter's rows in one transaction; a user comes with all that hangs on it, or not at all.
 * What was imported once is not imported again: it may have been changed, signed out or deleted here since.
 */
export async function importAuthjs(
  ctx: Context,
  batch: z.output<typeof importBatch>,
): Promise<ImportReport> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await transaction(ctx, async (ctx) => {
        const plan = makePlan(ctx, batch, await findImportState(ctx, wishOf(batch)))
        if (batch.mode === 'write') await writeImport(ctx, plan.rows)
        return plan.report
      })
    } catch (error) {
      // Somebody signed up between the look and the write: look again.
      if (!isUniqueViolation(error) || tries === 3) throw error
    }
  }
}

type Batch = z.output<typeof importBatch>

/** The rows as they would be, if nothing stood against them. */
function wishOf(batch: Batch): ImportRows {
  const all = batch.users.map((user) => rowsOf(batch, user))
  return {
    users: all.map(({ user }) => user),
    identities: all.flatMap(({ identities }) => identities),
    sessions: all.flatMap(({ sessions }) => sessions),
    authenticators: all.flatMap(({ authenticators }) => authenticators),
    tokens: batch.tokens.map(({ identifier, token, expiresAt }) => ({
      id: idFrom('link', identifier, token),
      recipient: identifier,
      hash: sha256(token),
      expiresAt,
    })),
  }
}

function rowsOf({ source }: Batch, given: SourceUser) {
  const id = isUuid(given.id) ? given.id.toLowerCase() : idFrom('user', source, given.id)
  const email = given.email ? normalEmail(given.email) : null
  const verifiedAt = email === null ? null : given.emailVerifiedAt
  const accounts = given.accounts.filter(({ provider }) => !isReservedProvider(provider))
  const own =
    email === null || verifiedAt === null
      ? {}
      : { sub: id, email, email_verified: true, phone_verified: false }
  const isProved = Object.keys(own).length > 0
  const providers = [
    ...(isProved ? ['email'] : []),
    ...new Set(accounts.map(({ provider }) => provider)),
  ]
  const [first] = providers
  return {
    user: {
      id,
      email,
      emailVerifiedAt: verifiedAt,
      name: given.name,
      avatar: given.avatar,
      extra: given.extra,
      passwordHash: given.passwordHash,
      createdAt: given.createdAt,
      metadata: { app: first === undefined ? {} : { provider: first, providers }, own },
      origin: { from: 'authjs', source, id: null, sourceId: given.id, trait: traitOf(given) },
    },
    identities: [
      ...(isProved
        ? [
            {
              id: idFrom('identity', 'email', id),
              userId: id,
              provider: 'email',
              subject: id,
              data: own,
              account: null,
            },
          ]
        : []),
      ...accounts.map(({ provider, subject, type, tokens }) => ({
        id: idFrom('identity', provider, subject),
        userId: id,
        provider,
        subject,
        // No address: GoTrue links by the addresses of identities, and nobody proved one here.
        data: { sub: subject },
        account: { type, tokens },
      })),
    ],
    sessions: given.sessions.map(({ token, expiresAt }) => ({
      id: idFrom('session', token),
      userId: id,
      hash: sha256(token),
      expiresAt,
    })),
    authenticators: given.authenticators.map((one) => ({
      ...one,
      userId: id,
      id: idFrom('authenticator', one.credentialId),
    })),
  }
}

/** What tells two databases' `1` apart. */
function traitOf({ email, accounts }: SourceUser): string {
  const [account] = accounts.map(({ provider, subject }) => `${provider} ${subject}`).sort()
  return idFrom('trait', email ? normalEmail(email) : '', email ? '' : (account ?? ''))
}

/** The same id in every import. Version 8: a hash of our own (RFC 9562 § 5.8). */
function idFrom(...parts: string[]): string {
  const hex = sha256(JSON.stringify(['authjs', ...parts])).toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

interface Plan {
  rows: ImportRows
  report: ImportReport
}

function makePlan(ctx: Tx, batch: Batch, state: ImportState): Plan {
  const report = emptyReport()
  const rows: ImportRows = {
    users: [],
    identities: [],
    sessions: [],
    authenticators: [],
    tokens: [],
  }
  const known = knownFrom(state)
  for (const user of batch.users) planUser(ctx, { batch, user, known, rows, report })
  for (const token of wishOf({ ...batch, users: [] }).tokens) {
    const count = report.counts.verificationTokens
    if (token.expiresAt <= ctx.now()) count.skipped += 1
    else if (known.imported.has(token.id)) count.unchanged += 1
    else {
      known.imported.set(token.id, {})
      rows.tokens.push(token)
      count.imported += 1
    }
  }
  return { rows, report }
}

/** Who has what: in our database, and of this batch so far. */
function knownFrom(state: ImportState) {
  return {
    users: new Map(state.users.map(({ id, email }) => [id, email])),
    emails: new Map(state.users.map(({ id, email }) => [email ?? '', id])),
    identities: new Map(
      state.identities.map(({ provider, subject, userId }) => [
        JSON.stringify([provider, subject]),
        userId,
      ]),
    ),
    sessions: new Map(state.sessions.map(({ hash, userId }) => [hash, userId])),
    authenticators: new Map(
      state.authenticators.map(({ credentialId, userId }) => [credentialId, userId]),
    ),
    imported: new Map(state.imported.map(({ id, details }) => [id, details])),
  }
}

type Known = ReturnType<typeof knownFrom>

interface Step {
  batch: Batch
  user: SourceUser
  known: Known
  rows: ImportRows
  report: ImportReport
}

function planUser(ctx: Tx, { batch, user, known, rows, report }: Step): void {
  const wish = rowsOf(batch, user)
  const { counts, problems } = report
  const sessions = wish.sessions.filter(({ expiresAt }) => expiresAt > ctx.now())
  const accounts = wish.identities.filter(({ account }) => account !== null)
  const problem = problemOf(user, wish, known)
  for (const { provider } of user.accounts) {
    if (!isReservedProvider(provider)) continue
    problems.push({ what: 'account', id: user.id, reason: 'reserved_provider', provider })
    counts.accounts.skipped += 1
  }
  counts.sessions.skipped += wish.sessions.length - sessions.length
  if (problem !== null) {
    problems.push({ what: 'user', id: user.id, ...problem })
    counts.users.skipped += 1
    counts.accounts.skipped += accounts.length
    counts.sessions.skipped += sessions.length
    counts.authenticators.skipped += wish.authenticators.length
    return
  }
  const { id, email } = wish.user
  if (id !== user.id.toLowerCase()) report.mapped.push({ from: user.id, to: id })
  const isNew = !known.users.has(id)
  const take = <Row>(all: Row[], isThere: (row: Row) => boolean, kind: ImportKind): Row[] => {
    const fresh = all.filter((row) => !isThere(row))
    counts[kind].imported += fresh.length
    counts[kind].unchanged += all.length - fresh.length
    return fresh
  }
  rows.users.push(...take([wish.user], () => !isNew, 'users'))
  // The address of somebody who is here already is as it is here.
  if (isNew) rows.identities.push(...wish.identities.filter(({ account }) => account === null))
  const wasImported = (row: { id: string }) => known.imported.has(row.id)
  rows.identities.push(
    ...take(accounts, (row) => wasImported(row) || known.identities.has(keyOf(row)), 'accounts'),
  )
  rows.sessions.push(
    ...take(sessions, (row) => wasImported(row) || known.sessions.has(hashOf(row)), 'sessions'),
  )
  rows.authenticators.push(
    ...take(
      wish.authenticators,
      (row) => wasImported(row) || known.authenticators.has(credentialHex(row)),
      'authenticators',
    ),
  )
  known.users.set(id, email)
  if (email !== null) known.emails.set(email, id)
  for (const row of accounts) known.identities.set(keyOf(row), id)
  for (const row of sessions) known.sessions.set(hashOf(row), id)
  for (const row of wish.authenticators) known.authenticators.set(credentialHex(row), id)
}

function ownerIn<Row>(reason: string, owners: Map<string, string>, key: (row: Row) => string) {
  return (row: Row): [string, string | undefined] => [reason, owners.get(key(row))]
}

function hashOf({ hash }: { hash: Buffer }): string {
  return hash.toString('hex')
}

function keyOf({ provider, subject }: { provider: string; subject: string }): string {
  return JSON.stringify([provider, subject])
}

/** Why the user cannot come in, or, when it is here, why what it has there cannot. */
function problemOf(
  user: SourceUser,
  wish: ReturnType<typeof rowsOf>,
  known: Known,
): Pick<ImportProblem, 'reason' | 'owner'> | null {
  const { id, email, origin } = wish.user
  if (user.refused !== null) return { reason: user.refused }
  if (email !== null && email.length > 255) return { reason: 'email_too_long' }
  const earlier = known.imported.get(id)
  const isHere = known.users.has(id)
  if (!isHere && earlier !== undefined) return { reason: 'deleted_here' }
  const isSame = earlier === undefined ? known.users.get(id) === email : isUuid(user.id)
  if (isHere && !isSame && earlier?.trait !== origin.trait) return { reason: 'id_taken', owner: id }
  const fresh = <Row extends { id: string }>(rows: Row[]) =>
    rows.filter((row) => !known.imported.has(row.id))
  const owners: [string, string | undefined][] = [
    ['email_exists', !isHere && email !== null ? known.emails.get(email) : undefined],
    ...fresh(wish.identities).map(ownerIn('account_exists', known.identities, keyOf)),
    ...fresh(wish.sessions).map(ownerIn('session_exists', known.sessions, hashOf)),
    ...fresh(wish.authenticators).map(
      ownerIn('authenticator_exists', known.authenticators, credentialHex),
    ),
  ]
  const [taken] = owners.filter(([, owner]) => owner !== undefined && owner !== id)
  return taken?.[1] === undefined ? null : { reason: taken[0], owner: taken[1] }
}
