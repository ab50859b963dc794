import { createApplication } from '../../src/model/application.ts'
import {
  createOrganization,
  saveMember,
  saveMemberApplication,
} from '../../src/model/organization.ts'
import {
  saveOrganizationRole,
  saveOrganizationScope,
} from '../../src/model/organization-template.ts'
import { createResource } from '../../src/model/resource.ts'
import { createRole, setApplicationRoles, setUserRoles } from '../../src/model/role.ts'
import {
  answerOf,
  basic,
  encoded,
  type Gate,
  gate,
  machineBasic,
  type Person,
  person,
  redemption,
  refresh,
  request,
  shopBasic,
  type Tokens,
} from './oidc-client.ts'

export const things = 'https://api.example.com/things'
export const bills = 'https://api.example.com/bills'
export const organizationScopes = 'urn:logto:scope:organizations'

export interface Authority extends Gate {
  ann: Person
}

/**
 * Two APIs; Ann reads things, and in the organization `acme` she invites members and reads bills; the machine reads
 * bills, and in `acme` it writes things.
 */
export async function authority(environment: Record<string, string> = {}): Promise<Authority> {
  const at = await gate(environment)
  const { ctx } = at.scene
  const scopes = ['read:things', 'write:things', 'delete:things'].map((name) => ({ name }))
  await createResource(ctx, { name: 'Things', indicator: things, scopes })
  await createResource(ctx, {
    ...{ name: 'Bills', indicator: bills, accessTokenTtl: 600 },
    scopes: [{ name: 'read:bills' }, { name: 'write:things' }],
  })
  await createRole(ctx, { name: 'reader', scopes: [{ resource: things, name: 'read:things' }] })
  await createRole(ctx, {
    ...{ name: 'auditor', type: 'MachineToMachine' },
    scopes: [{ resource: bills, name: 'read:bills' }],
  })
  await saveOrganizationScope(ctx, { name: 'invite:members' })
  await saveOrganizationScope(ctx, { name: 'remove:members' })
  await saveOrganizationRole(ctx, {
    ...{ name: 'admin', scopes: ['invite:members', 'remove:members'] },
    resourceScopes: [{ resource: bills, name: 'read:bills' }],
  })
  await saveOrganizationRole(ctx, {
    ...{ name: 'robot', type: 'MachineToMachine', scopes: ['invite:members'] },
    resourceScopes: [{ resource: things, name: 'write:things' }],
  })
  await createOrganization(ctx, { id: 'acme', name: 'Acme', description: 'Makes everything' })
  await createOrganization(ctx, { id: 'other', name: 'Other' })
  const ann = await person(at)
  await setUserRoles(ctx, ann.user.id, ['reader'])
  await saveMember(ctx, 'acme', { id: ann.user.id, roles: ['admin'] })
  await setApplicationRoles(ctx, 'machine', ['auditor'])
  await saveMemberApplication(ctx, 'acme', { id: 'machine', roles: ['robot'] })
  await createApplication(ctx, {
    ...{ id: 'api', secret: 'the-secret-of-the-api', name: 'API', type: 'MachineToMachine' },
  })
  at.scene.queries()
  return { ...at, ann }
}

/** Asks for tokens as the machine, and reads the answer. */
export async function machineTokens(
  at: Gate,
  changes: Record<string, string | undefined>,
): Promise<Tokens> {
  const form = { grant_type: 'client_credentials', ...changes }
  const response = await at.post('/oidc/token', form, machineBasic)
  if (response.status !== 200) throw new Error(await response.text())
  return (await response.json()) as Tokens
}

export const apiBasic = basic('api', 'the-secret-of-the-api')

/** The authorization request of an application that uses both APIs and organizations. */
export function widePath(resources: readonly string[] = [things, bills]): string {
  const query = new URLSearchParams(
    encoded(
      request({
        scope: `openid offline_access profile ${organizationScopes} read:things write:things read:bills invite:members unheard:of`,
      }),
    ),
  )
  for (const resource of resources) query.append('resource', resource)
  return `/oidc/auth?${query}`
}

export async function wideTokens(at: Authority, resources?: readonly string[]): Promise<Tokens> {
  const { code } = answerOf(await at.ann.browser.open(widePath(resources)))
  const answer = await at.post('/oidc/token', redemption(code ?? ''), shopBasic)
  if (answer.status !== 200) throw new Error(await answer.text())
  return (await answer.json()) as Tokens
}

export async function refreshed(
  at: Authority,
  { refresh_token }: Tokens,
  changes: Record<string, string>,
): Promise<Tokens> {
  const answer = await refresh(at, refresh_token, changes)
  if (answer.status !== 200) throw new Error(await answer.text())
  return (await answer.json()) as Tokens
}

export const headerOf = (jwt: string) =>
  JSON.parse(Buffer.from(jwt.split('.')[0] ?? '', 'base64url').toString())

export function introspect(at: Authority, token: string, who = apiBasic): Promise<unknown> {
  return at.post('/oidc/token/introspection', { token }, who).then((answer) => answer.json())
}
