import { z } from 'zod'
import { type Context, type Tx, transaction } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { sameJson, unknownPaths } from '../base/json.ts'
import { checkConfig, findConnector } from '../connectors/index.ts'
import {
  type Application,
  createApplication,
  listApplications,
  updateApplication,
} from '../model/application.ts'
import { type NewApplication, newApplication } from '../model/application-input.ts'
import {
  deleteApplicationSecret,
  firstSecret,
  isSecretOf,
  listApplicationSecrets,
  replaceApplicationSecret,
  saveApplicationSecret,
} from '../model/application-secret.ts'
import { consentScopes } from '../model/authorization-input.ts'
import {
  createConnector,
  deleteConnector,
  listConnectors,
  updateConnectorConfig,
} from '../model/connector.ts'
import { type CustomClaimsInput, customClaimsInput } from '../model/custom-claims.ts'
import { forgetCatalog } from '../model/resource.ts'
import { forgetApplicationRights } from '../model/rights.ts'
import { findSettings, signInExperience, updateSettings } from '../model/settings.ts'
import type { User, UserChange } from '../model/user.ts'
import type { Applied } from './applied.ts'
import {
  applyApplicationRights,
  applyAuthorization,
  applyUserRoles,
  authorizationDeclaration,
} from './apply-authorization.ts'
import { saveCustomClaims } from './custom-claims.ts'
import {
  changePerson,
  findPerson,
  type Person,
  person,
  planChange,
  prepare,
  writePerson,
} from './people.ts'

const namedSecret = z.strictObject({
  name: z
    .string()
    .regex(/^[\w .-]{1,64}$/, 'must be 1 to 64 letters, digits, spaces and . _ -')
    .refine((name) => name !== firstSecret, 'is the name of the first secret'),
  value: newApplication.shape.secret.unwrap(),
  /** When it stops being good. */
  expiresAt: z.iso.datetime({ offset: true }).nullable().default(null),
})

/** What an installation should be like, in the Management API's shapes. What it does not name is left alone. */
export const declaration = z.strictObject({
  $schema: z.string().optional(),
  applications: z
    .array(
      newApplication.safeExtend({
        /** Names of its own roles, and what it may ask of users: both become exactly these. */
        roles: z.array(z.string()).optional(),
        userConsentScopes: consentScopes.optional(),
        /** Secrets beside the first; they become exactly these. */
        secrets: z.array(namedSecret).optional(),
      }),
    )
    .default([]),
  ...authorizationDeclaration,
  customClaims: customClaimsInput.optional(),
  connectors: z
    .array(
      z.strictObject({
        id: z
          .string()
          .regex(/^[\w-]{1,128}$/)
          .optional(),
        connectorId: z
          .string()
          .refine((id) => findConnector(id) !== null, 'is not a connector of this version'),
        config: z.record(z.string(), z.unknown()),
      }),
    )
    .default([]),
  signInExperience: z.record(z.string(), z.unknown()).optional(),
  users: z.array(person.safeExtend({ roles: z.array(z.string()).optional() })).default([]),
})

/**
 * Makes the installation what the declaration says, in one transaction: all of it or nothing. A second time it changes
 * nothing. Applications are known by their id, else by their name; users by their address; there is one e-mail connector.
 */
export async function applyDeclaration(ctx: Context, input: unknown): Promise<Applied[]> {
  const wanted = declaration.parse(input)
  const connectors = wanted.connectors.map(checkedConnector)
  const experience = checkedExperience(wanted.signInExperience)
  const people = await Promise.all(
    wanted.users.map(async ({ roles, ...one }) => ({ roles, write: await planPerson(ctx, one) })),
  )
  // Passwords were hashed above: a transaction is no place for slow work.
  const applied = await transaction(ctx, async (ctx) => {
    const all: Applied[] = []
    const known = await listApplications(ctx)
    const applications: Applied[] = []
    for (const { roles, userConsentScopes, secrets, ...one } of wanted.applications) {
      applications.push(await applyApplication(ctx, known, one))
    }
    all.push(...applications)
    all.push(...(await applyConnectors(ctx, connectors)))
    if (experience !== null) all.push(await applyExperience(ctx, experience))
    if (wanted.customClaims !== undefined) all.push(await applyClaims(ctx, wanted.customClaims))
    const written: Applied[] = []
    for (const { write } of people) written.push(await write(ctx))
    all.push(...(await applyAuthorization(ctx, wanted)), ...written)
    // Who has which roles comes last: they name what was made just now.
    for (const [index, rights] of wanted.applications.entries()) {
      const applied = applications[index]
      if (applied === undefined) continue
      tell(applied, await applyApplicationRights(ctx, applied.id, rights))
      const { name, type, secrets } = rights
      tell(applied, await applySecrets(ctx, { id: applied.id, name, type }, secrets))
    }
    for (const [index, { roles }] of people.entries()) {
      const applied = written[index]
      if (applied === undefined || roles === undefined) continue
      tell(applied, await applyUserRoles(ctx, applied.id, roles))
    }
    return all
  })
  // What another request read before the commit is not what is there now.
  ctx.cache.forget('connectors')
  ctx.cache.forget('settings:sign-in-experience')
  ctx.cache.forget('settings:custom-claims')
  forgetCatalog(ctx)
  for (const { kind, id } of applied) if (kind === 'application') forgetApplicationRights(ctx, id)
  return applied
}

/** Returns whether a secret beside the first came, changed or went; where none are named, all stay. */
async function applySecrets(
  ctx: Tx,
  owner: Parameters<typeof saveApplicationSecret>[1],
  wanted: z.output<typeof namedSecret>[] | undefined,
): Promise<boolean> {
  if (wanted === undefined) return false
  const stored = (await listApplicationSecrets(ctx, owner.id)).filter(
    ({ name }) => name !== firstSecret,
  )
  let isChanged = false
  for (const { name } of stored) {
    if (wanted.some((one) => one.name === name)) continue
    isChanged = (await deleteApplicationSecret(ctx, owner.id, name)) || isChanged
  }
  for (const { name, value, expiresAt } of wanted) {
    const until = expiresAt === null ? null : new Date(expiresAt)
    const found = stored.find((one) => one.name === name)
    const isSame = found?.value === value && found.expiresAt?.getTime() === until?.getTime()
    if (isSame) continue
    await saveApplicationSecret(ctx, owner, { name, value, expiresAt: until })
    isChanged = true
  }
  return isChanged
}

function tell(applied: Applied, isChanged: boolean): void {
  if (isChanged && applied.outcome === 'unchanged') applied.outcome = 'updated'
}

async function applyClaims(ctx: Tx, wanted: CustomClaimsInput): Promise<Applied> {
  const isChanged = await saveCustomClaims(ctx, wanted)
  const outcome = isChanged ? 'updated' : 'unchanged'
  return { kind: 'customClaims', id: 'default', name: 'Custom claims', outcome }
}

async function applyApplication(
  ctx: Tx,
  known: readonly Application[],
  input: z.output<typeof newApplication>,
): Promise<Applied> {
  const { id, secret, type, ...rest } = input
  // By its name only one that an administrator brought: a stranger may register under any.
  const found = known.find((one) =>
    id === undefined ? one.origin === 'admin' && one.name === rest.name : one.id === id,
  )
  if (found === undefined) return createOne(ctx, input)
  // The type decides what every other field means, and so it never changes.
  if (found.type !== type) throw new Fault('conflict', { application: found.id, field: 'type' })
  // Nor does whose it is: consents were given, or left out, for that.
  if (found.isThirdParty !== rest.isThirdParty) {
    throw new Fault('conflict', { application: found.id, field: 'isThirdParty' })
  }
  const isNewSecret = secret !== undefined && !(await isSecretOf(ctx, found, secret))
  const change = changeOf(found, rest)
  if (isNewSecret) await replaceApplicationSecret(ctx, found, secret)
  if (change !== null) await updateApplication(ctx, found.id, change)
  const outcome = isNewSecret || change !== null ? 'updated' : 'unchanged'
  return { kind: 'application', id: found.id, name: rest.name, outcome }
}

async function createOne(ctx: Tx, input: NewApplication): Promise<Applied> {
  const { application, secret } = await createApplication(ctx, input)
  return {
    kind: 'application',
    id: application.id,
    name: application.name,
    outcome: 'created',
    ...(secret !== null && input.secret === undefined ? { secret } : {}),
  }
}

type ApplicationFields = Omit<z.output<typeof newApplication>, 'id' | 'secret' | 'type'>

function changeOf(found: Application, wanted: ApplicationFields) {
  const { isThirdParty: _neverChanges, ...fields } = wanted
  const differs = Object.entries({ ...fields, description: fields.description ?? null }).some(
    ([key, value]) => !sameJson(value, Reflect.get(found, key)),
  )
  return differs ? { ...fields, description: fields.description ?? null } : null
}

interface WantedConnector {
  id?: string | undefined
  connectorId: string
  config: Record<string, unknown>
}

/** Throws `connector_invalid_config`, also for keys that the connector would pass over in silence. */
function checkedConnector(wanted: WantedConnector): WantedConnector {
  const connector = findConnector(wanted.connectorId)
  if (connector === null) throw new Fault('connector_not_found')
  const config: unknown = checkConfig(connector, wanted.config)
  refuseUnknown(`connectors.${wanted.connectorId}.config`, wanted.config, config)
  return { ...wanted, config: config as Record<string, unknown> }
}

/** There is one connector for e-mail: another takes its place. */
async function applyConnectors(ctx: Tx, wanted: WantedConnector[]): Promise<Applied[]> {
  if (wanted.length > 1) {
    const message = 'there can be one e-mail connector'
    throw new Fault('input_invalid', { issues: [{ path: ['connectors'], message }] })
  }
  const [one] = wanted
  if (one === undefined) return []
  ctx.cache.forget('connectors')
  const stored = await listConnectors(ctx)
  const same = stored.find(
    ({ id, connectorId }) => connectorId === one.connectorId && (one.id ?? id) === id,
  )
  for (const { id } of stored) if (id !== same?.id) await deleteConnector(ctx, id)
  const result = (id: string, outcome: Applied['outcome']): Applied[] => [
    { kind: 'connector', id, name: one.connectorId, outcome },
  ]
  if (same === undefined) {
    return result(await createConnector(ctx, one), stored.length > 0 ? 'replaced' : 'created')
  }
  if (sameJson(same.config, one.config)) return result(same.id, 'unchanged')
  await updateConnectorConfig(ctx, same.id, one.config)
  return result(same.id, 'updated')
}

function checkedExperience(wanted: Record<string, unknown> | undefined) {
  if (wanted === undefined) return null
  refuseUnknown('signInExperience', wanted, signInExperience.parse(wanted))
  return wanted
}

async function applyExperience(ctx: Tx, change: Record<string, unknown>): Promise<Applied> {
  ctx.cache.forget('settings:sign-in-experience')
  const before = await findSettings(ctx, 'sign-in-experience')
  const isSame = sameJson(before, signInExperience.parse({ ...before, ...change }))
  if (!isSame) await updateSettings(ctx, 'sign-in-experience', change)
  return {
    kind: 'signInExperience',
    id: 'default',
    name: 'Sign-in experience',
    outcome: isSame ? 'unchanged' : 'updated',
  }
}

/** Reads and hashes now; what it answers writes, in the transaction. */
async function planPerson(ctx: Context, input: Person): Promise<(ctx: Tx) => Promise<Applied>> {
  const { primaryEmail, username, primaryPhone } = input
  const who = primaryEmail ?? username ?? primaryPhone ?? ''
  const result = (user: User, outcome: Applied['outcome']): Applied => ({
    kind: 'user',
    id: user.id,
    name: who,
    outcome,
  })
  const found = await findPerson(ctx, who)
  if (found === null) {
    const prepared = await prepare(ctx, input)
    return async (ctx) => result(await writePerson(ctx, prepared), 'created')
  }
  const change: UserChange = await planChange(ctx, found, input)
  if (Object.keys(change).length === 0) return async () => result(found, 'unchanged')
  return async (ctx) => result(await changePerson(ctx, found.id, change), 'updated')
}

function refuseUnknown(place: string, given: unknown, understood: unknown): void {
  const paths = unknownPaths(given, understood)
  if (paths.length === 0) return
  const issues = paths.map((path) => ({
    path: [...place.split('.'), ...path.split('.')],
    message: 'is not known to this version',
  }))
  throw new Fault('input_invalid', { issues })
}
