import { ZodError } from 'zod'
import { networkOf } from '../base/client-ip.ts'
import { actingAs, type Context, type Tx, transaction } from '../base/context.ts'
import { sameSecret, sha256 } from '../base/crypto.ts'
import { Fault } from '../base/fault.ts'
import { hour, minute } from '../base/time.ts'
import { type Application, deleteApplication, findApplication } from '../model/application.ts'
import { isSecretOf, listApplicationSecrets } from '../model/application-secret.ts'
import { type Introduction, type Read, readIntroduction } from '../model/client-metadata.ts'
import { refusedFor, take } from '../model/limit.ts'
import {
  findRegistration,
  registerApplication,
  replaceIntroduction,
} from '../model/registration.ts'
import { openScopes } from './consent.ts'

/** What a registered application is told (RFC 7591 § 3.2.1); the token brings it here again (RFC 7592). */
export interface Registered {
  application: Application
  metadata: Record<string, unknown>
  secret: string | null
  token: string
  createdAt: Date
}

/** Of one address, and of all together: whoever writes rows here is a stranger. */
const perAddress = { limit: 20, window: 1 * hour }
const altogether = { limit: 1000, window: 1 * hour }
const wrongTokens = { limit: 20, window: 10 * minute }

/**
 * Registers an application by its own word, where the configuration allows it. It is somebody else's: its users are
 * asked what it may have. Throws `not_found` where it is off, `invalid_token` for a wrong initial access token.
 */
export async function registerClient(
  ctx: Context,
  { input, token }: { input: unknown; token: string | null },
): Promise<Registered> {
  await checkMayRegister(ctx, token)
  const introduction = understood(await withScope(ctx, readIntroduction(input, reading)))
  const registrationToken = ctx.random.token()
  const { application, secret } = await refusing(() =>
    transaction(ctx, (ctx) => registerApplication(ctx, introduction, registrationToken)),
  )
  return {
    application,
    metadata: introduction.metadata,
    secret,
    token: registrationToken,
    createdAt: application.createdAt,
  }
}

/** RFC 7591 § 2: who names no way to prove itself gets a secret. */
const reading = { fallback: 'client_secret_basic', home: null } as const

async function checkMayRegister(ctx: Context, token: string | null): Promise<void> {
  switch (ctx.config.registration) {
    case 'off':
      throw new Fault('not_found')
    case 'token':
      if (token === null) throw new Fault('invalid_token', { isBare: true })
      return countWrong(ctx, async () =>
        sameSecret(sha256(token), sha256(ctx.config.registrationToken ?? '')),
      )
    case 'open':
      await takeOne(ctx, `registration:${networkOf(ctx.client.ip)}`, perAddress)
      return takeOne(ctx, 'registration', altogether)
  }
}

/** What is registered (RFC 7592 § 2.1). Throws `invalid_token`, also where the application is gone. */
export async function readClient(
  ctx: Context,
  id: string,
  token: string | null,
): Promise<Registered> {
  if (token === null) throw new Fault('invalid_token', { isBare: true })
  const application = await findApplication(ctx, id)
  const isRegistered = application?.origin === 'registration'
  let found: Awaited<ReturnType<typeof findRegistration>> = null
  await countWrong(ctx, async () => {
    found = isRegistered ? await findRegistration(ctx, id, token) : null
    return found !== null
  })
  if (application === null || found === null) throw new Fault('invalid_token')
  const { metadata, createdAt } = found
  return { application, metadata, token, createdAt, secret: await secretOfClient(ctx, application) }
}

/** Puts a new introduction in the place of the old one (RFC 7592 § 2.2); its token and its secret stay. */
export async function changeClient(
  ctx: Context,
  id: string,
  { input, token }: { input: unknown; token: string | null },
): Promise<Registered> {
  const known = await readClient(ctx, id, token)
  const { application } = known
  await checkNamesItself(ctx, application, input)
  const introduction = understood(await withScope(ctx, readIntroduction(input, reading)))
  const before = String(known.metadata.token_endpoint_auth_method)
  // Another kind of proof would leave tokens that were given for the old one.
  if (kindOfProof(introduction.method) !== kindOfProof(before)) {
    throw invalid('token_endpoint_auth_method', `must stay ${before}`)
  }
  const changed = await refusing(() =>
    transaction(actingFor(ctx, id), (ctx) => replaceIntroduction(ctx, id, introduction)),
  )
  if (changed === null) throw new Fault('invalid_token')
  return { ...known, application: changed, metadata: introduction.metadata }
}

/** Takes the application away, with its grants and tokens (RFC 7592 § 2.3). */
export async function removeClient(ctx: Context, id: string, token: string | null): Promise<void> {
  await readClient(ctx, id, token)
  await deleteApplication(actingFor(ctx, id), id)
}

function actingFor(ctx: Context, applicationId: string): Context {
  return actingAs(ctx, { kind: 'application', applicationId })
}

async function secretOfClient(ctx: Tx, { id }: Application): Promise<string | null> {
  const [first] = await listApplicationSecrets(ctx, id)
  return first?.value ?? null
}

/** What only the server says, and what the application must say as it is (RFC 7592 § 2.2). */
const saidByServer = [
  'registration_access_token',
  'registration_client_uri',
  'client_secret_expires_at',
  'client_id_issued_at',
]

async function checkNamesItself(ctx: Tx, application: Application, input: unknown): Promise<void> {
  const said = new Map(Object.entries(typeof input === 'object' && input !== null ? input : {}))
  if (said.get('client_id') !== application.id) throw invalid('client_id', 'must be the own one')
  const theirs = saidByServer.find((name) => said.has(name))
  if (theirs !== undefined) throw invalid(theirs, 'does not belong here')
  const secret = said.get('client_secret')
  if (secret === undefined) return
  const isTheirs = typeof secret === 'string' && (await isSecretOf(ctx, application, secret))
  if (!isTheirs) throw invalid('client_secret', 'must be the present one')
}

function kindOfProof(method: string): string {
  return method === 'client_secret_post' ? 'client_secret_basic' : method
}

/** Of the scopes that it names, those that it may ask for (RFC 7591 § 2). */
async function withScope(ctx: Tx, read: Read): Promise<Read> {
  if (read.outcome !== 'understood') return read
  const { scope } = read.introduction.metadata
  if (typeof scope !== 'string') return read
  const open = await openScopes(ctx)
  const kept = [...new Set(scope.split(' '))].filter((name) => open.includes(name))
  const metadata = { ...read.introduction.metadata, scope: kept.join(' ') }
  return { outcome: 'understood', introduction: { ...read.introduction, metadata } }
}

/** The introduction, or what is wrong with it as a fault (RFC 7591 § 3.2.2). */
export function understood(read: Read): Introduction {
  if (read.outcome === 'understood') return read.introduction
  throw read.field === 'redirect_uris'
    ? new Fault('invalid_redirect_uri', { field: read.field, problem: read.problem })
    : invalid(read.field, read.problem)
}

function invalid(field: string, problem: string): Fault {
  return new Fault('invalid_client_metadata', { field, problem })
}

/** What no application may be, whoever brings it, in RFC 7591's words. */
export async function refusing<T>(write: () => Promise<T>): Promise<T> {
  try {
    return await write()
  } catch (error) {
    if (!(error instanceof ZodError)) throw error
    const [issue] = error.issues
    const names = issue?.path.filter((step) => typeof step === 'string' && step !== 'keys') ?? []
    const field = String(names.at(-1) ?? 'request').replace(
      /[A-Z]/g,
      (one) => `_${one.toLowerCase()}`,
    )
    throw invalid(field, issue?.message ?? 'cannot be registered')
  }
}

async function countWrong(ctx: Context, isRight: () => Promise<boolean>): Promise<void> {
  const key = `registration-token:${networkOf(ctx.client.ip)}`
  const wait = refusedFor(ctx, key)
  if (wait > 0) throw new Fault('over_request_rate_limit', { retryAfter: wait })
  if (await isRight()) return
  await takeOne(ctx, key, wrongTokens)
  throw new Fault('invalid_token')
}

async function takeOne(
  ctx: Context,
  key: string,
  allowance: { limit: number; window: number },
): Promise<void> {
  const taken = await take(ctx, key, allowance)
  if (!taken.allowed) throw new Fault('over_request_rate_limit', { retryAfter: taken.retryAfter })
}
