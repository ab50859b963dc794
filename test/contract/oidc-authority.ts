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
import { type Gate, gate, machineBasic, type Person, person, type Tokens } from './oidc-client.ts'

export const things = 'https://api.example.com/things'
export const bills = 'https://api.example.com/bills'
export const organizationScopes = 'urn:logto:scope:organizations'

/** What an application of Logto's SDKs asks for that uses APIs and organizations. */
export const wide = {
  scope: `openid offline_access ${organizationScopes} read:things write:things read:bills invite:members`,
  resource: undefined,
}

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
