import { expect, test } from 'vitest'
import { hour } from '../../src/base/time.ts'
import { applyDeclaration } from '../../src/flows/apply.ts'
import { findApplication } from '../../src/model/application.ts'
import { findConsentScopes } from '../../src/model/application-consent.ts'
import { isSecretOf, listApplicationSecrets } from '../../src/model/application-secret.ts'
import { listMemberApplications, listMembers } from '../../src/model/organization.ts'
import { listOrganizationRoles } from '../../src/model/organization-template.ts'
import { listResources } from '../../src/model/resource.ts'
import { findApplicationRights } from '../../src/model/rights.ts'
import { listUserRoles } from '../../src/model/role.ts'
import { findUserByEmail } from '../../src/model/user.ts'
import { type World, world } from '../world.ts'

const api = 'https://api.example.com'

const declared = {
  resources: [
    {
      name: 'API',
      indicator: api,
      accessTokenTtl: 600,
      scopes: [{ name: 'write', description: 'Change things' }, { name: 'read' }],
    },
  ],
  roles: [
    { name: 'reader', isDefault: true, scopes: [{ resource: api, name: 'read' }] },
    { name: 'robot', type: 'MachineToMachine', scopes: [{ resource: api, name: 'write' }] },
  ],
  organizationScopes: [{ name: 'invite' }, { name: 'Remove' }],
  organizationRoles: [
    {
      name: 'admin',
      scopes: ['invite', 'Remove'],
      resourceScopes: [{ resource: api, name: 'read' }],
    },
    { name: 'helper', type: 'MachineToMachine', scopes: ['invite'] },
  ],
  organizations: [
    {
      id: 'acme',
      name: 'Acme',
      customData: { plan: 'gold' },
      members: [{ user: 'ann@example.com', roles: ['admin'] }],
      applications: [{ id: 'worker', roles: ['helper'] }],
    },
  ],
  applications: [
    {
      id: 'worker',
      secret: 'a-secret-of-work',
      name: 'W',
      type: 'MachineToMachine',
      roles: ['robot'],
    },
    {
      ...{ id: 'partner', name: 'Partner', type: 'SPA', isThirdParty: true },
      userConsentScopes: {
        userScopes: ['profile'],
        resourceScopes: [{ resource: api, name: 'read' }],
        organizationScopes: ['invite'],
      },
    },
  ],
  customClaims: { accessToken: { plan: 'user.custom_data.plan' } },
  users: [{ primaryEmail: 'ann@example.com', roles: ['reader'] }],
}

async function outcomes({ ctx }: World, input: unknown): Promise<string[]> {
  const applied = await applyDeclaration(ctx, input)
  return applied.map(({ kind, name, outcome }) => `${outcome} ${kind} ${name}`)
}

test('a declaration makes resources, roles and organizations, and the second time nothing', async () => {
  const scene = await world()
  const { ctx } = scene
  const first = await outcomes(scene, declared)
  expect(first).toHaveLength(12)
  expect(first.filter((one) => !one.startsWith('created'))).toEqual([
    'updated customClaims Custom claims',
  ])
  const ann = await findUserByEmail(ctx, 'ann@example.com')
  expect(await listUserRoles(ctx, ann?.id ?? '')).toEqual(['reader'])
  expect(await listMembers(ctx, 'acme')).toEqual([{ id: ann?.id, roles: ['admin'] }])
  expect(await listMemberApplications(ctx, 'acme')).toEqual([{ id: 'worker', roles: ['helper'] }])
  expect(await findApplicationRights(ctx, 'worker')).toEqual({
    resources: { [api]: ['write'] },
    organizations: { acme: { scopes: ['invite'], resources: {} } },
  })
  expect(await findConsentScopes(ctx, 'partner')).toEqual({
    userScopes: ['profile'],
    resourceScopes: [{ resource: api, name: 'read' }],
    organizationScopes: ['invite'],
    organizationResourceScopes: [],
  })
  const events = (await scene.events()).length
  const second = await outcomes(scene, declared)
  expect(second.filter((one) => !one.startsWith('unchanged'))).toEqual([])
  // A reading of rights may leave an event; a declaration that changes nothing leaves none.
  expect((await scene.events()).length).toBe(events)
})

test('what a declaration names becomes exactly that, and a scope that stays keeps its roles', async () => {
  const scene = await world()
  const { ctx } = scene
  await applyDeclaration(ctx, declared)
  const changed = await outcomes(scene, {
    resources: [{ name: 'API', indicator: api, scopes: [{ name: 'read', description: 'See' }] }],
    organizationRoles: [{ name: 'admin', scopes: ['invite'] }],
    users: [{ primaryEmail: 'ann@example.com', roles: [] }],
    applications: [{ id: 'worker', name: 'W', type: 'MachineToMachine', roles: [] }],
  })
  expect(changed.every((one) => one.startsWith('updated'))).toBe(true)
  const [resource] = await listResources(ctx)
  expect(resource?.scopes.map(({ name, description }) => [name, description])).toEqual([
    ['read', 'See'],
  ])
  const [admin] = await listOrganizationRoles(ctx)
  expect(admin).toMatchObject({ name: 'admin', scopes: ['invite'], resourceScopes: [] })
  expect((await findApplicationRights(ctx, 'worker')).resources).toEqual({})
})

test.each([
  [{ roles: [{ name: 'r', scopes: [{ resource: api, name: 'no' }] }] }, 'not_found'],
  [{ users: [{ username: 'bob', roles: ['nobody'] }] }, 'not_found'],
  [{ organizations: [{ name: 'O', members: [{ user: 'no@example.com' }] }] }, 'user_not_found'],
  [{ organizationRoles: [{ name: 'r', scopes: ['no'] }] }, 'not_found'],
])('a name that does not exist stops all of it: %j', async (input, code) => {
  const scene = await world()
  await expect(applyDeclaration(scene.ctx, input)).rejects.toMatchObject({ code })
  expect(await scene.events()).toEqual([])
})

test.each([
  { resources: [{ name: 'A', indicator: 'not a uri' }] },
  { resources: [{ name: 'A', indicator: 'https://a.example#x' }] },
  { resources: [{ name: 'A', indicator: 'urn:logto:resource:organizations' }] },
  { resources: [{ name: 'A', indicator: api, scopes: [{ name: 'two words' }] }] },
  { resources: [{ name: 'A', indicator: api, scopes: [{ name: 'profile' }] }] },
  { organizationScopes: [{ name: 'urn:logto:scope:organizations' }] },
  { customClaims: { accessToken: { sub: 'user.name' } } },
])('a shape that is wrong is refused: %j', async (input) => {
  const scene = await world()
  await expect(applyDeclaration(scene.ctx, input)).rejects.toMatchObject({ name: 'ZodError' })
})

test('an application has several secrets, each until its day', async () => {
  const scene = await world()
  const { ctx } = scene
  const worker = { id: 'worker', name: 'W', type: 'MachineToMachine', secret: 'the-first-secret' }
  const secrets = [
    { name: 'next', value: 'the-next-secret' },
    { name: 'short', value: 'the-short-secret', expiresAt: '2025-11-22T13:00:00Z' },
  ]
  expect(await outcomes(scene, { applications: [{ ...worker, secrets }] })).toEqual([
    'created application W',
  ])
  expect(await outcomes(scene, { applications: [{ ...worker, secrets }] })).toEqual([
    'unchanged application W',
  ])
  const application = await findApplication(ctx, 'worker')
  if (application === null) throw new Error('It has just been made.')
  const good = async () => {
    const all = ['the-first-secret', 'the-next-secret', 'the-short-secret', 'no-secret-of-it']
    const answers = await Promise.all(all.map((one) => isSecretOf(ctx, application, one)))
    return all.filter((_, index) => answers[index])
  }
  expect(await good()).toEqual(['the-first-secret', 'the-next-secret', 'the-short-secret'])
  scene.pass(1 * hour)
  expect(await good()).toEqual(['the-first-secret', 'the-next-secret'])
  await applyDeclaration(ctx, { applications: [{ ...worker, secrets: secrets.slice(1) }] })
  expect(await good()).toEqual(['the-first-secret'])
  await applyDeclaration(ctx, { applications: [worker] })
  expect((await listApplicationSecrets(ctx, 'worker')).map(({ name }) => name)).toEqual([
    'Default secret',
    'short',
  ])
  const reader = { id: 'reader', name: 'R', type: 'SPA', secrets: secrets.slice(0, 1) }
  await expect(applyDeclaration(ctx, { applications: [reader] })).rejects.toMatchObject({
    name: 'ZodError',
  })
})
