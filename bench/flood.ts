import { hashPassword, passwordMatches } from '../src/base/password.ts'
import { startPostgres } from '../test/setup/postgres-server.ts'
import { createClient } from './load/client.ts'
import { closedLoop, kindOf, type Lane, type Loaded, openLoop } from './load/load.ts'
import { spread } from './machine/processes.ts'
import { compare, printTable } from './measure.ts'
import { memoryMiB } from './measurement.ts'
import { type Ask, askOver, json, someClient } from './scenarios/act.ts'
import { readUser, refresh, signInWithPassword } from './scenarios/gotrue.ts'
import { fill } from './world/fill.ts'
import { type People, password } from './world/people.ts'
import { onPostgres, type World } from './world/world.ts'

const isQuick = process.argv.includes('--quick')
const seconds = isQuick ? 10 : 30
/** Few against what the server can do, enough for a percentile. */
const calmRate = 30
/** The flood comes from so many addresses. */
const flooders = 4

/**
 * Passwords at twice the rate at which they can be hashed, from a few addresses, beside the requests that need no hash and people who
 * sign in from elsewhere. `BENCH_POSTGRES` names a Postgres; else one is started.
 */
export async function bench(): Promise<void> {
  const given = process.env.BENCH_POSTGRES
  const server = given ? { url: given, stop: async () => {} } : await startPostgres('durable')
  const world = await onPostgres(server.url, `sekisho_bench_flood_${process.pid}`)
  const ends = [() => world.remove(), () => server.stop()]
  const end = async () => {
    for (const one of ends.splice(0)) await one().catch(console.error)
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void end().finally(() => process.exit(1)))
  }
  try {
    const people = await world.within((ctx) => fill(ctx, { people: 500, sessions: 300 }))
    const bare = await bareRate()
    const started = await world.start()
    ends.unshift(() => started.stop())
    // Hashes are to have a core of their own, as in production.
    spread([started.pid])
    await measure(world, people, { bare, pid: started.pid })
  } finally {
    await end()
  }
}

/** How often a hash is verified in a second, with nothing else to do. */
async function bareRate(): Promise<number> {
  const nobody = { client: { ip: null, userAgent: null } }
  const hash = await hashPassword(nobody, password)
  const name = 'hash'
  const once = async () => {
    await passwordMatches(nobody, password, hash)
  }
  const figures = await compare([{ name, once }], { atOnce: 4, seconds: 2, repeats: 3 })
  return figures.get(name)?.perSecond ?? Number.NaN
}

async function measure(
  world: World,
  people: People,
  { bare, pid }: { bare: number; pid: number },
): Promise<void> {
  const client = createClient({ origin: world.origin, connections: 1024 })
  const ask = askOver(client)
  const calm = await calmLanes(ask, people)
  const { operation: signIn } = await signInWithPassword(ask, people)
  const full = await closedLoop({
    name: 'password',
    workers: Array<typeof signIn>(8).fill(signIn),
    seconds: isQuick ? 5 : 10,
    warmSeconds: 3,
  })
  const inFull = full.perSecond / bare
  console.log(
    `The bare hash: ${bare.toFixed(0)}/s. Sign-ins with a password, eight at a time: ${full.perSecond.toFixed(0)}/s, ${inFull.toFixed(2)} of it.\n`,
  )

  const idle = await openLoop({ lanes: calm, seconds, warmSeconds: 3 })
  const told = { refused: 0, withTime: 0 }
  const flood: Lane[] = [
    { name: floodName, rate: 2 * bare, operation: flooding(ask, people, told) },
    { name: 'passwords from elsewhere', rate: 5, operation: signIn },
  ]
  const memory = watchMemory(pid)
  const flooded = await openLoop({ lanes: [...calm, ...flood], seconds, warmSeconds: 3 })
  client.close()
  print(idle, flooded)
  const { kinds, ended } = flooded.find(({ name }) => name === floodName) ?? full
  const refused = (kinds.get('limited')?.count ?? 0) + (kinds.get('unavailable')?.count ?? 0)
  const share = (part: number, whole: number) =>
    `${((100 * part) / Math.max(1, whole)).toFixed(1)} %`
  console.log(
    `\nOf the flood ${share(refused, ended)} was refused, ${share(told.withTime, told.refused)} of that with Retry-After. ` +
      `Memory, MiB, each tenth of the time: ${memory().join(', ')}.`,
  )
}

const floodName = 'flood of passwords'

async function calmLanes(ask: Ask, people: People): Promise<Lane[]> {
  const jwks = async () => kindOf(await ask({ method: 'GET', path: '/oidc/jwks' }))
  return [
    { name: 'refresh', operation: (await refresh(ask, people)).operation, rate: calmRate },
    { name: 'user info', operation: (await readUser(ask, people)).operation, rate: calmRate },
    { name: 'JWKS', operation: jwks, rate: calmRate },
  ]
}

function flooding(ask: Ask, { emails }: People, told: { refused: number; withTime: number }) {
  let sent = 0
  return async () => {
    sent += 1
    // One in four has no account: it costs as much.
    const email = sent % 4 === 0 ? `nobody-${sent}@example.com` : emails[sent % emails.length]
    const answer = await ask({
      ...{ method: 'POST', path: '/auth/v1/token?grant_type=password' },
      headers: { ...json, ...someClient(0xf00000 + (sent % flooders)) },
      body: JSON.stringify({ email, password: sent % 4 === 0 ? 'wrong' : password }),
    })
    if (answer.status === 429 || answer.status === 503) {
      told.refused += 1
      if (Number(answer.header('retry-after')) >= 1) told.withTime += 1
    }
    return kindOf(answer, 400)
  }
}

function print(idle: readonly Loaded[], flooded: readonly Loaded[]): void {
  const ms = (micros: number) => (Number.isNaN(micros) ? '–' : (micros / 1000).toFixed(1))
  const rows = [['', 'idle p50', 'p99 ms', 'flood p50', 'p99 ms', 'ratio', 'answers']]
  for (const lane of flooded) {
    const calm = idle.find(({ name }) => name === lane.name)
    const [was, is] = [calm?.good.percentile(99) ?? Number.NaN, lane.good.percentile(99)]
    rows.push([
      lane.name + (lane.isVoid || calm?.isVoid ? ' (void: the generator was late)' : ''),
      ms(calm?.good.percentile(50) ?? Number.NaN),
      ms(was),
      ms(lane.good.percentile(50)),
      ms(is),
      Number.isNaN(was) ? '–' : (is / was).toFixed(1),
      [...lane.kinds].map(([kind, { count }]) => `${count} ${kind}`).join(', '),
    ])
    const refusals = lane.kinds.get('limited') ?? lane.kinds.get('unavailable')
    if (refusals !== undefined) {
      const [p50, p99] = [refusals.percentile(50), refusals.percentile(99)].map(ms)
      rows.push([`  its refusals`, '', '', p50 ?? '', p99 ?? '', '', ''])
    }
  }
  printTable(rows)
}

function watchMemory(pid: number): () => string[] {
  const seen: string[] = []
  const look = () => seen.push(memoryMiB(pid, 'VmRSS').toFixed(0))
  look()
  const watch = setInterval(look, (seconds * 1000) / 10)
  return () => {
    clearInterval(watch)
    return seen
  }
}
