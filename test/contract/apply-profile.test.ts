import { expect, test } from 'vitest'
import { applyDeclaration } from '../../src/flows/apply.ts'
import { findUserByEmail } from '../../src/model/user.ts'
import { type World, world } from '../world.ts'

const primaryEmail = 'ann@example.com'

async function declare({ ctx }: World, profile: unknown): Promise<string | undefined> {
  const [applied] = await applyDeclaration(ctx, { users: [{ primaryEmail, profile }] })
  return applied?.outcome
}

const detailsIn = async ({ ctx }: World) => (await findUserByEmail(ctx, primaryEmail))?.details

test('a declared profile becomes the claims of its user, and what it does not name stays', async () => {
  const scene = await world()
  const address = { formatted: '1 Gate Street', postalCode: '10115' }
  expect(await declare(scene, { givenName: 'Ann', birthdate: '1990-12-31', address })).toBe(
    'created',
  )
  expect(await detailsIn(scene)).toEqual({ given_name: 'Ann', birthdate: '1990-12-31', address })
  expect(await declare(scene, { givenName: 'Ann', address })).toBe('unchanged')
  expect(await declare(scene, { givenName: 'Anna' })).toBe('updated')
  expect(await detailsIn(scene)).toEqual({ given_name: 'Anna', birthdate: '1990-12-31', address })
  expect(await scene.events()).toEqual(['user.created', 'user.updated'])
})

test.each([
  ['a name that is not known', { given_name: 'Ann' }],
  ['an address that is no object', { address: '1 Gate Street' }],
  ['a member of an address that is not known', { address: { street: 'Gate Street' } }],
  ['nothing between the quotes', { nickname: '' }],
  ['U+0000', { nickname: 'A\0' }],
  ['more than a line', { website: 'x'.repeat(1025) }],
  ['a number', { birthdate: 1990 }],
])('a profile with %s is refused, and nobody is made', async (_, profile) => {
  const scene = await world()
  await expect(declare(scene, profile)).rejects.toThrow()
  expect(await detailsIn(scene)).toBeUndefined()
})
