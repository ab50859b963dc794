import { mkdirSync, writeFileSync } from 'node:fs'
import { hashSync } from '@node-rs/argon2'
import { sql } from 'kysely'
import type { Context } from '../src/base/context.ts'
import { issueApiKeys } from '../src/flows/api-keys.ts'
import { createApplication } from '../src/model/application.ts'
import { onServer, withName } from '../test/setup/names.ts'
import { startPostgres } from '../test/setup/postgres-server.ts'
import { copyUsers } from './growth/copy.ts'
import { type Line, latencies, lists } from './growth/latency.ts'
import { callback, password, refreshTokenOf, shop } from './growth/names.ts'
import { narrow, type Seeded, seed, wide } from './growth/seed.ts'
import { tidyTimed, type Updates, updatesOf } from './growth/upkeep.ts'
import { describeMachine } from './machine/weather.ts'
import { printTable } from './measure.ts'
import { onPostgres, type World } from './world/world.ts'

/** Millions of rows go in without WAL, of which there would be as much as of them. */
const roomy = ['wal_level=minimal', 'max_wal_senders=0', 'max_wal_size=4GB', 'shared_buffers=1GB']

interface Grown {
  users: number
  seeded: Seeded
  gigabytes: number
  lines: Line[]
  updates: Updates[]
}

/**
 * `npm run bench -- growth --users=100k,1m`: fills Postgres, and asks at each size. `BENCH_POSTGRES` names a server of
 * one's own; its databases are removed again. `--quick` asks less often, `--copy` times the other way to fill a table.
 */
export async function bench(): Promise<void> {
  const given = process.env.BENCH_POSTGRES
  const server = given
    ? { url: given, stop: async () => {} }
    : await startPostgres('durable', roomy)
  const sizes = sizesOf(process.argv)
  const isBrief = process.argv.includes('--quick')
  const grown: Grown[] = []
  let world: World | null = null
  const interrupted = () => process.exit(130)
  process.once('SIGINT', interrupted)
  process.once('SIGTERM', interrupted)
  try {
    console.log(`Node ${process.version}, ${describeMachine()}, Postgres beside it.\n`)
    for (const users of sizes) {
      world = await onPostgres(server.url, `sekisho_bench_growth_${process.pid}`)
      grown.push(await growTo(world, users, isBrief ? 40 : 200))
      await world.remove()
      world = null
      keep(grown)
    }
    print(grown)
  } finally {
    await world?.remove()
    await server.stop()
  }
}

async function growTo(world: World, users: number, samples: number): Promise<Grown> {
  const url = withName(world.server ?? '', world.name)
  const known = await world.within(async (ctx) => {
    await prepare(ctx)
    const { serviceRoleKey: serviceKey } = await issueApiKeys(ctx)
    return { serviceKey, refreshTokenOf: (user: number) => refreshTokenOf(ctx, user) }
  })
  // Each row says for itself when it is over, so the seeder's clock is the machine's.
  const now = new Date()
  const hash = hashSync(password, { algorithm: 2, memoryCost: 19_456, timeCost: 2, parallelism: 1 })
  const plan = { url, users, now, passwordHash: hash, shape: users > 2_000_000 ? narrow : wide }
  if (process.argv.includes('--copy')) {
    const perSecond = await copyUsers(url, Math.min(users, 100_000), hash)
    console.log(`COPY of users from this process: ${perSecond.toFixed(0)} rows/s, indexes in place`)
  }
  const seeded = await seed({
    ...plan,
    onProgress: (done) => {
      if (users > 100_000) console.log(`  ${done} users`)
    },
  })
  await onServer(url, 'checkpoint')
  const gigabytes = await world.within((ctx) => sizeOf(ctx))
  console.log(
    `${users} users: ${seeded.rows} rows in ${seeded.seconds.toFixed(0)} s with indexes and vacuum (${(seeded.rows / seeded.fillSeconds).toFixed(0)} rows/s filled), ${gigabytes.toFixed(2)} GB`,
  )
  const running = await world.start()
  try {
    const place = { origin: world.origin, users, samples, ...known }
    const lines = [...(await latencies(place)), ...(await lists(place, ''))]
    await onServer(url, 'create index idx_users_created_at_desc on auth.users (created_at desc)')
    lines.push(...(await lists(place, ', with GoTrue’s index')))
    const updates = await world.within(updatesOf)
    lines.push(...(await world.within((ctx) => tidyTimed(ctx))))
    return { users, seeded, gigabytes, lines, updates }
  } finally {
    await running.stop()
  }
}

async function prepare(ctx: Context): Promise<void> {
  await createApplication(ctx, {
    ...{ id: shop.id, name: 'The Shop', type: 'Traditional', secret: shop.secret },
    oidcClientMetadata: { redirectUris: [callback], idTokenSignedResponseAlg: 'ES256' },
    customClientMetadata: { alwaysIssueRefreshToken: true },
  })
}

async function sizeOf(ctx: Context): Promise<number> {
  const { rows } = await sql<{ bytes: number }>`
    select pg_database_size(current_database())::float8 as bytes`.execute(ctx.db)
  return (rows[0]?.bytes ?? 0) / 1e9
}

/** `100k`, `1m`, `2500`; several with commas. */
function sizesOf(args: readonly string[]): number[] {
  const asked = args.find((one) => one.startsWith('--users='))?.slice('--users='.length) ?? '100k'
  return asked.split(',').map((size) => {
    const [, number, unit = ''] = /^(\d+)([km]?)$/i.exec(size.trim()) ?? []
    if (number === undefined) throw new Error(`How many users is ${size}?`)
    return Number(number) * ({ k: 1000, m: 1_000_000 }[unit.toLowerCase()] ?? 1)
  })
}

function keep(grown: readonly Grown[]): void {
  const folder = `${import.meta.dirname}/results`
  mkdirSync(folder, { recursive: true })
  const sizes = grown.map(({ users }) => users).join('-')
  writeFileSync(
    `${folder}/growth-${sizes}.json`,
    `${JSON.stringify({ node: process.version, machine: describeMachine(), grown }, null, 2)}\n`,
  )
}

function print(grown: readonly Grown[]): void {
  const names = [...new Set(grown.flatMap(({ lines }) => lines.map(({ name }) => name)))]
  console.log('\nMilliseconds, one at a time: median / 95 % / longest.\n')
  printTable([
    ['', ...grown.map(({ users }) => `${users} users`)],
    ...names.map((name) => [
      name,
      ...grown.map(({ lines }) => {
        const line = lines.find((one) => one.name === name)
        if (line === undefined) return '–'
        const { p50, p95, max } = line
        const figures = [p50, p95, max].map((ms) => ms.toFixed(1)).join(' / ')
        return line.failed > 0 ? `${figures} (${line.failed} failed)` : figures
      }),
    ]),
  ])
  const last = grown.at(-1)
  console.log(`\nRows changed in place at ${last?.users} users (heap-only, R28).\n`)
  printTable([
    ['', 'updates', 'heap-only', 'dead'],
    ...(last?.updates ?? []).map((one) => [
      one.table,
      String(one.updates),
      `${((100 * one.heapOnly) / Math.max(1, one.updates)).toFixed(0)} %`,
      String(one.dead),
    ]),
  ])
}
