import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { transaction } from '../../src/base/context.ts'
import { day } from '../../src/base/time.ts'
import { tidy } from '../../src/flows/housekeeping.ts'
import { type ImportBatch, importAuthjs, importBatch } from '../../src/flows/import-authjs.ts'
import { putDelivery, takeDeliveries } from '../../src/model/delivery.ts'
import { record } from '../../src/model/event.ts'
import { createUser, deleteUser } from '../../src/model/user.ts'
import { nilUuid } from '../../src/model/uuid.ts'
import { top } from '../walks/machine.ts'
import { type World, world } from '../world.ts'

/** Events and entries of GoTrue's log, numbered from 1, the oldest first, one each hour; the last is an hour old. */
async function log({ ctx }: World, count: number) {
  await sql`insert into idp.events (type, actor, details, created_at)
    select 'user.signed-in', 'anonymous', jsonb_build_object('n', n), ${ctx.now()}::timestamptz - (${count}::int + 1 - n) * interval '1 hour'
    from generate_series(1, ${count}::int) n`.execute(ctx.db)
  await sql`insert into auth.audit_log_entries (instance_id, id, payload, created_at)
    select ${nilUuid}, gen_random_uuid(), json_build_object('n', n), ${ctx.now()}::timestamptz - (${count}::int + 1 - n) * interval '1 hour'
    from generate_series(1, ${count}::int) n`.execute(ctx.db)
}

/** How many there are, and which is the oldest. */
async function left({ ctx }: World) {
  const { rows } = await sql<{ name: string; count: number; oldest: number }>`
    select 'events' as name, count(*)::int as count, min((details->>'n')::int) as oldest from idp.events
    union all
    select 'audit', count(*)::int, min((payload->>'n')::int) from auth.audit_log_entries`.execute(
    ctx.db,
  )
  return Object.fromEntries(rows.map(({ name, count, oldest }) => [name, { count, oldest }]))
}

const events = { SEKISHO_EVENTS_RETENTION_DAYS: '10' }
const audit = { SEKISHO_AUDIT_LOG_RETENTION_DAYS: '10' }

test('events and GoTrue’s log are kept for ever, unless somebody says for how long', async () => {
  const scene = await world()
  await log(scene, 500)
  scene.pass(4000 * day)
  expect(Object.keys(await tidy(scene.ctx))).not.toContain('idp.events')
  expect(await left(scene)).toEqual({
    events: { count: 500, oldest: 1 },
    audit: { count: 500, oldest: 1 },
  })
})

test.each([
  ['idp.events', events, { events: { count: 240, oldest: 3 * 240 + 1 } }],
  ['auth.audit_log_entries', audit, { audit: { count: 240, oldest: 3 * 240 + 1 } }],
])(
  'what of %s is older than its setting goes, and nothing of the other',
  async (table, setting, cut) => {
    const scene = await world(setting)
    await log(scene, 4 * 240)
    const all = { count: 4 * 240, oldest: 1 }
    expect(await tidy(scene.ctx)).toMatchObject({ [table]: 3 * 240 })
    expect(await left(scene)).toEqual({ events: all, audit: all, ...cut })

    // An hour later it is one more; and then nobody needs to look again.
    scene.pass(day / 24)
    expect(await tidy(scene.ctx)).toMatchObject({ [table]: 1 })
    expect(await tidy(scene.ctx)).toMatchObject({ [table]: 0 })
  },
)

test('a cut goes on where it stopped, and what came meanwhile is found in its time', async () => {
  const scene = await world({ ...events, ...audit })
  for (let round = 1; round <= 3; round += 1) {
    await log(scene, 3000)
    scene.pass(200 * day)
    expect(await tidy(scene.ctx), `round ${round}`).toMatchObject({
      'idp.events': 3000,
      'auth.audit_log_entries': 3000,
    })
  }
  await log(scene, 1)
  expect(await left(scene)).toEqual({
    events: { count: 1, oldest: 1 },
    audit: { count: 1, oldest: 1 },
  })
})

test('events that bear a date to come hold up none of those behind them, and stay until then', async () => {
  const scene = await world(events)
  await sql`insert into idp.events (type, actor, details, created_at)
    select 'user.signed-in', 'anonymous', '{"n":0}',
      ${scene.ctx.now()}::timestamptz + case when n in (2, 150, 1700) then 3000 else -30 end * interval '1 day'
    from generate_series(1, 2000) n`.execute(scene.ctx.db)
  expect(await tidy(scene.ctx)).toMatchObject({ 'idp.events': 1997 })
  await log(scene, 500)
  scene.pass(40 * day)
  expect(await tidy(scene.ctx)).toMatchObject({ 'idp.events': 500 })
  scene.pass(3000 * day)
  expect(await tidy(scene.ctx)).toMatchObject({ 'idp.events': 3 })
})

test('what an import noted stays, so that nobody comes back whom somebody deleted here', async () => {
  const scene = await world({ SEKISHO_EVENTS_RETENTION_DAYS: '1' })
  const { ctx } = scene
  const person = (id: string) => ({
    ...{ id, email: `${id}@example.com`, emailVerifiedAt: null, name: null, avatar: null },
    ...{ extra: {}, passwordHash: null, createdAt: null, refused: null },
    ...{ accounts: [], sessions: [], authenticators: [] },
  })
  const batch: ImportBatch = {
    source: 'app',
    mode: 'write',
    users: Array.from({ length: 300 }, (_, n) => person(`person-${n}`)),
  }
  const bring = () => importAuthjs(ctx, importBatch.parse(batch))
  const { mapped } = await bring()
  const ann = mapped[0]?.to ?? ''
  await transaction(ctx, (ctx) => deleteUser(ctx, ann))
  await log(scene, 100)
  scene.pass(400 * day)

  expect(await tidy(ctx)).toMatchObject({ 'idp.events': 100 })
  expect(await bring()).toMatchObject({
    counts: { users: { imported: 0, unchanged: 299, skipped: 1 } },
    problems: [{ id: 'person-0', reason: 'deleted_here' }],
  })

  // The notes are passed over once: the next round begins behind them.
  await log(scene, 2)
  scene.queries()
  scene.pass(400 * day)
  expect(await tidy(ctx)).toMatchObject({ 'idp.events': 2 })
  const cuts = scene.queries().filter((text) => text.includes('delete from "idp"."events"'))
  expect(cuts.length).toBeLessThan(4)
})

test('what is still to be told to somebody outside does not go with its event', async () => {
  const scene = await world({ SEKISHO_EVENTS_RETENTION_DAYS: '1' })
  const { ctx } = scene
  const ann = await createUser(ctx, { email: 'ann@example.com', emailVerified: true })
  await transaction(ctx, async (ctx) => {
    await record(ctx, { type: 'user.password-changed', userId: ann.id })
    await putDelivery(ctx, 'mail-notice', { userId: ann.id, notice: 'passwordChanged' })
  })
  scene.pass(30 * day)
  await tidy(ctx)
  expect(await scene.events()).toEqual([])
  const due = await takeDeliveries(ctx, { kinds: ['mail-notice'], waits: [1000], limit: 10 })
  expect(due).toMatchObject([{ kind: 'mail-notice', details: { userId: ann.id } }])
})

test('an import alone reads events again: whoever else begins to must say here what is kept for it', () => {
  const texts = globSync(['src/**/*.ts', 'migrations/*.sql'], { cwd: top })
  expect(texts.length).toBeGreaterThan(200)
  const readers = texts.filter((file) =>
    /\b(from|join|selectFrom\()\s*['"`]?idp['"`]?\.['"`]?events\b/.test(
      readFileSync(join(top, file), 'utf8'),
    ),
  )
  expect(readers).toEqual(['src/model/authjs-import.ts'])
})

test('a time that is no number of days is refused at the start', async () => {
  for (const wrong of ['30d', '-1', '0.5', 'ever']) {
    await expect(world({ SEKISHO_EVENTS_RETENTION_DAYS: wrong })).rejects.toThrow(
      'SEKISHO_EVENTS_RETENTION_DAYS must be a whole number',
    )
  }
})
