import { expect, test } from 'vitest'
import { day } from '../../src/base/time.ts'
import { runCommand } from '../../src/flows/administer.ts'
import { createPersonalAccessToken } from '../../src/model/subject-token.ts'
import { deleteUser } from '../../src/model/user.ts'
import { type Gate, gate, person } from './oidc-client.ts'

// What `sekisho token` asks for, as administrators may say it.

function create(at: Gate, input: { who: string; name: string; expiresAt?: string }) {
  return runCommand(at.scene.ctx, 'token.create', input)
}

test('a user is found by any of their names, and knows their tokens by theirs', async () => {
  const at = await gate()
  const { ctx } = at.scene
  const { user } = await person(at, { username: 'ann', phone: '4915112345678' })
  const whos = [user.id, 'ann@example.com', 'ann', '4915112345678', '+4915112345678']
  for (const [index, who] of whos.entries()) await create(at, { who, name: `program ${index}` })
  const listed = await runCommand(ctx, 'token.list', { who: 'ann' })
  expect(listed.map(({ name }) => name)).toEqual(whos.map((_, index) => `program ${index}`))
  expect(listed.every(({ userId }) => userId === user.id)).toBe(true)
  expect(JSON.stringify(listed)).not.toContain('pat_')
})

test('a token rests as a hash, and events tell who made and deleted it', async () => {
  const at = await gate()
  const { ctx } = at.scene
  const { user } = await person(at)
  const before = (await at.scene.events()).length
  const { value } = await create(at, { who: user.id, name: 'laptop' })
  const rows = [
    ...(await ctx.db.selectFrom('idp.personal_access_tokens').selectAll().execute()),
    ...(await ctx.db.selectFrom('idp.events').selectAll().execute()),
  ]
  expect(JSON.stringify(rows)).not.toContain(value.slice(4))
  expect(await runCommand(ctx, 'token.delete', { who: user.id, name: 'laptop' })).toEqual({
    ...{ name: 'laptop', deleted: true },
  })
  expect((await at.scene.events()).slice(before)).toEqual([
    'personal-access-token.created',
    'personal-access-token.deleted',
  ])
})

test('a name is unique among one user’s tokens, and free again when its token is gone', async () => {
  const at = await gate()
  const ann = await person(at)
  const bob = await person(at, { email: 'bob@example.com' })
  const mine = { who: ann.user.id, name: 'laptop' }
  await create(at, mine)
  await expect(create(at, mine)).rejects.toMatchObject({ code: 'conflict' })
  await create(at, { who: bob.user.id, name: 'laptop' })
  await runCommand(at.scene.ctx, 'token.delete', mine)
  await create(at, mine)
  const others = await runCommand(at.scene.ctx, 'token.list', { who: bob.user.id })
  expect(others).toHaveLength(1)
})

test('fifty of one name at once make one', async () => {
  const at = await gate()
  const { user } = await person(at)
  const made = await Promise.allSettled(
    Array.from({ length: 50 }, () => create(at, { who: user.id, name: 'laptop' })),
  )
  expect(made.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
})

test('an end is a time to come, to the day or the second', async () => {
  const at = await gate()
  const { ctx } = at.scene
  const { user } = await person(at)
  const now = ctx.now().getTime()
  const soon = new Date(now + 1 * day).toISOString()
  const made = await create(at, { who: user.id, name: 'soon', expiresAt: soon })
  expect(made).toMatchObject({ createdAt: now, expiresAt: now + 1 * day })
  const later = await create(at, { who: user.id, name: 'later', expiresAt: '2222-02-22' })
  expect(later.expiresAt).toBe(Date.UTC(2222, 1, 22))
  const there = await create(at, {
    ...{ who: user.id, name: 'there', expiresAt: '2222-02-22T09:00:00+09:00' },
  })
  expect(there.expiresAt).toBe(Date.UTC(2222, 1, 22))
  for (const expiresAt of [
    ...[new Date(now).toISOString(), '2001-01-01', 'tomorrow', '2222-02-30', '', '9'.repeat(400)],
    ...['+99999-01-01T00:00:00Z', '2222-02-22T09:00:00'],
  ]) {
    const refused = create(at, { who: user.id, name: 'never', expiresAt })
    await expect(refused, expiresAt).rejects.toMatchObject({
      code: 'input_invalid',
      details: { issues: [{ path: ['expiresAt'] }] },
    })
  }
  expect(await runCommand(ctx, 'token.list', { who: user.id })).toHaveLength(3)
})

test('nonsense is refused, and so is who is nobody', async () => {
  const at = await gate()
  const { ctx } = at.scene
  const { user } = await person(at)
  const who = user.id
  for (const name of ['', 'n'.repeat(257), 'a\0b']) {
    await expect(create(at, { who, name })).rejects.toMatchObject({ code: 'input_invalid' })
  }
  for (const who of ['nobody@example.com', 'nobody', '', ctx.random.uuid(), 'n'.repeat(10_000)]) {
    const asked = [
      () => create(at, { who, name: 'laptop' }),
      () => runCommand(ctx, 'token.list', { who }),
      () => runCommand(ctx, 'token.delete', { who, name: 'laptop' }),
    ]
    for (const ask of asked) await expect(ask()).rejects.toMatchObject({ code: 'user_not_found' })
  }
  const unknown = runCommand(ctx, 'token.delete', { who, name: 'laptop' })
  await expect(unknown).rejects.toMatchObject({ code: 'not_found', details: { token: 'laptop' } })
  // Somebody who was deleted since they were found.
  await deleteUser(ctx, who)
  await expect(
    createPersonalAccessToken(ctx, { userId: who, name: 'laptop', expiresAt: null }),
  ).rejects.toMatchObject({ code: 'user_not_found' })
})
