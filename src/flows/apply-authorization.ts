import { z } from 'zod'
import type { Tx } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { sameJson } from '../base/json.ts'
import { second } from '../base/time.ts'
import { findConsentScopes, setConsentScopes } from '../model/application-consent.ts'
import {
  type ConsentScopes,
  newOrganization,
  newOrganizationRole,
  newOrganizationScope,
  newResource,
  newRole,
} from '../model/authorization-input.ts'
import {
  createOrganization,
  listMemberApplications,
  listMembers,
  listOrganizations,
  type Member,
  saveMember,
  saveMemberApplication,
  updateOrganization,
} from '../model/organization.ts'
import {
  listOrganizationRoles,
  listOrganizationScopes,
  saveOrganizationRole,
  saveOrganizationScope,
} from '../model/organization-template.ts'
import { createResource, listResources, updateResource } from '../model/resource.ts'
import {
  createRole,
  listApplicationRoles,
  listRoles,
  listUserRoles,
  setApplicationRoles,
  setUserRoles,
  updateRole,
} from '../model/role.ts'
import type { Applied } from './applied.ts'
import { findPerson } from './people.ts'

const memberOf = z.strictObject({
  /** An address, a user name or an id; of an application its id. */
  user: z.string(),
  roles: z.array(z.string()).default([]),
})

/** What a declaration may say of who may do what. */
export const authorizationDeclaration = {
  resources: z.array(newResource).default([]),
  roles: z.array(newRole).default([]),
  organizationScopes: z.array(newOrganizationScope).default([]),
  organizationRoles: z.array(newOrganizationRole).default([]),
  organizations: z
    .array(
      newOrganization.safeExtend({
        members: z.array(memberOf).default([]),
        applications: z
          .array(z.strictObject({ id: z.string(), roles: z.array(z.string()).default([]) }))
          .default([]),
      }),
    )
    .default([]),
}

const whole = z.object(authorizationDeclaration)

export type WantedAuthorization = z.output<typeof whole>

/**
 * Makes resources, roles and organizations what the declaration says: resources are known by their indicator, all else
 * by its name. Scopes of what is named become exactly those; members and roles that nobody names stay.
 */
export async function applyAuthorization(ctx: Tx, wanted: WantedAuthorization): Promise<Applied[]> {
  return [
    ...(await applyResources(ctx, wanted.resources)),
    ...(await applyRoles(ctx, wanted.roles)),
    ...(await applyTemplate(ctx, wanted)),
    ...(await applyOrganizations(ctx, wanted.organizations)),
  ]
}

async function applyResources(
  ctx: Tx,
  wanted: WantedAuthorization['resources'],
): Promise<Applied[]> {
  const known = await listResources(ctx)
  const all: Applied[] = []
  for (const { indicator, ...rest } of wanted) {
    const found = known.find((one) => one.indicator === indicator)
    const result = (id: string, outcome: Applied['outcome']): Applied => ({
      ...{ kind: 'resource', id, name: indicator, outcome },
    })
    if (found === undefined) {
      all.push(result(await createResource(ctx, { indicator, ...rest }), 'created'))
      continue
    }
    const same = sameJson(
      { ...rest, scopes: byName(rest.scopes) },
      {
        name: found.name,
        isDefault: found.isDefault,
        accessTokenTtl: found.accessTokenLifetime / second,
        signingAlgorithm: found.signingAlgorithm,
        isOpen: found.isOpen,
        scopes: byName(found.scopes.map(({ name, description }) => ({ name, description }))),
      },
    )
    if (!same) await updateResource(ctx, found.id, rest)
    all.push(result(found.id, same ? 'unchanged' : 'updated'))
  }
  return all
}

async function applyRoles(ctx: Tx, wanted: WantedAuthorization['roles']): Promise<Applied[]> {
  const known = await listRoles(ctx)
  const all: Applied[] = []
  for (const role of wanted) {
    const found = known.find(({ name }) => name === role.name)
    const result = (id: string, outcome: Applied['outcome']): Applied => ({
      ...{ kind: 'role', id, name: role.name, outcome },
    })
    if (found === undefined) {
      all.push(result(await createRole(ctx, role), 'created'))
      continue
    }
    const { type, ...change } = role
    if (found.type !== type) throw new Fault('conflict', { role: role.name, field: 'type' })
    const { id, ...stored } = found
    const same = sameJson(sorted(role), sorted(stored))
    if (!same) await updateRole(ctx, id, change)
    all.push(result(id, same ? 'unchanged' : 'updated'))
  }
  return all
}

async function applyTemplate(ctx: Tx, wanted: WantedAuthorization): Promise<Applied[]> {
  const all: Applied[] = []
  const knownScopes = await listOrganizationScopes(ctx)
  for (const scope of wanted.organizationScopes) {
    const found = knownScopes.find(({ name }) => name === scope.name)
    const same = found !== undefined && found.description === scope.description
    const id = same ? found.id : await saveOrganizationScope(ctx, scope)
    all.push({ kind: 'organizationScope', id, name: scope.name, outcome: outcomeOf(found, same) })
  }
  const knownRoles = await listOrganizationRoles(ctx)
  for (const role of wanted.organizationRoles) {
    const found = knownRoles.find(({ name }) => name === role.name)
    const { id: known, ...stored } = found ?? { id: '' }
    const same = found !== undefined && sameJson(sorted(role), sorted(stored))
    const id = same ? known : await saveOrganizationRole(ctx, role)
    all.push({ kind: 'organizationRole', id, name: role.name, outcome: outcomeOf(found, same) })
  }
  return all
}

async function applyOrganizations(
  ctx: Tx,
  wanted: WantedAuthorization['organizations'],
): Promise<Applied[]> {
  const known = await listOrganizations(ctx)
  const all: Applied[] = []
  for (const { members, applications, id: wantedId, ...rest } of wanted) {
    const found = known.find((one) =>
      wantedId === undefined ? one.name === rest.name : one.id === wantedId,
    )
    const id = found?.id ?? (await createOrganization(ctx, { id: wantedId, ...rest }))
    const { id: _id, ...stored } = found ?? { id }
    const isSame = found === undefined || sameJson(rest, stored)
    if (!isSame) await updateOrganization(ctx, id, rest)
    const users: Member[] = []
    for (const { user, roles } of members) users.push({ id: await userId(ctx, user), roles })
    const changes = [
      await applyMembers(await listMembers(ctx, id), users, (one) => saveMember(ctx, id, one)),
      await applyMembers(await listMemberApplications(ctx, id), applications, (one) =>
        saveMemberApplication(ctx, id, one),
      ),
    ]
    const same = isSame && !changes.includes(true)
    all.push({ kind: 'organization', id, name: rest.name, outcome: outcomeOf(found, same) })
  }
  return all
}

async function applyMembers(
  known: readonly Member[],
  wanted: readonly Member[],
  save: (member: Member) => Promise<void>,
): Promise<boolean> {
  let isChanged = false
  for (const member of wanted) {
    const found = known.find(({ id }) => id === member.id)
    if (found !== undefined && sameNames(found.roles, member.roles)) continue
    await save(member)
    isChanged = true
  }
  return isChanged
}

async function userId(ctx: Tx, who: string): Promise<string> {
  const user = await findPerson(ctx, who)
  if (user === null) throw new Fault('user_not_found', { user: who })
  return user.id
}

/** What an application may in its own name, and what it may ask of users; returns whether anything changed. */
export async function applyApplicationRights(
  ctx: Tx,
  id: string,
  {
    roles,
    userConsentScopes,
  }: { roles?: string[] | undefined; userConsentScopes?: ConsentScopes | undefined },
): Promise<boolean> {
  let isChanged = false
  if (roles !== undefined && !sameNames(roles, await listApplicationRoles(ctx, id))) {
    await setApplicationRoles(ctx, id, roles)
    isChanged = true
  }
  if (userConsentScopes !== undefined) {
    ctx.cache.forget(`consent-scopes:${id}`)
    const before = await findConsentScopes(ctx, id)
    if (!sameJson(sorted(userConsentScopes), sorted(before))) {
      await setConsentScopes(ctx, id, userConsentScopes)
      isChanged = true
    }
  }
  return isChanged
}

/** Returns whether the user's roles changed. */
export async function applyUserRoles(ctx: Tx, userId: string, roles: string[]): Promise<boolean> {
  if (sameNames(roles, await listUserRoles(ctx, userId))) return false
  await setUserRoles(ctx, userId, roles)
  return true
}

/** The database may sort by a language's rules. */
function sameNames(one: readonly string[], other: readonly string[]): boolean {
  return sameJson([...one].sort(), [...other].sort())
}

function outcomeOf(found: unknown, isSame: boolean): Applied['outcome'] {
  if (found === undefined) return 'created'
  return isSame ? 'unchanged' : 'updated'
}

function byName<T extends { name: string }>(list: readonly T[]): T[] {
  return [...list].sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** The same with its lists in order: of scopes and roles the order means nothing. */
function sorted(value: object): object {
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      Array.isArray(inner) ? inner.map((one) => JSON.stringify(one)).sort() : inner,
    ]),
  )
}
