import { cpus } from 'node:os'
import { Pool } from 'undici'
import { freePort } from '../test/setup/free-port.ts'
import { onServer, withName } from '../test/setup/names.ts'
import { startPostgres } from '../test/setup/postgres-server.ts'
import { cpuSeconds, isPinned, pinSelf, postmasterOf } from './machine/processes.ts'
import { median, printTable } from './measure.ts'
import { startOurs } from './oidc/ours.ts'
import { startPeer } from './oidc/peer.ts'
import { api, type Competitor, callback, challenge, secret, verifier } from './oidc/scene.ts'

interface Pace {
  atOnce: number
  warmSeconds: number
  seconds: number
  repeats: number
}

const isQuick = process.argv.includes('--quick')
const only = process.argv.find((one) => one.startsWith('--only='))?.slice('--only='.length)
const pace: Pace = isQuick
  ? { atOnce: 16, warmSeconds: 3, seconds: 2, repeats: 2 }
  : { atOnce: 16, warmSeconds: 3, seconds: 6, repeats: 5 }

/** Our provider against `oidc-provider`, both over HTTP, each on its own database of one Postgres. */
export async function bench(): Promise<void> {
  pinSelf()
  const given = process.env.BENCH_POSTGRES
  const server = given ? { url: given, stop: async () => {} } : await startPostgres('durable')
  const names = ['ours', 'peer'].map((part) => `sekisho_bench_oidc_${part}_${process.pid}`)
  const competitors: Competitor[] = []
  try {
    for (const name of names) await onServer(server.url, `create database ${name}`)
    const [ourUrl = '', peerUrl = ''] = names.map((name) => withName(server.url, name))
    competitors.push(await startOurs(ourUrl, await freePort()))
    competitors.push(await startPeer(peerUrl, await freePort()))
    const postmaster = await postmasterOf(server.url)
    const processor = cpus()[0]?.model ?? 'an unknown processor'
    console.log(`Node ${process.version}, ${cpus().length} × ${processor}, Postgres beside it.`)
    console.log(
      `Servers ${isPinned ? 'on a core of their own' : 'not pinned'}; ${pace.atOnce} at a time; the best of ${pace.repeats} × ${pace.seconds} s, in turns.`,
    )
    console.log(
      'Operations per CPU second: of the server and the database, and of the server alone.\n',
    )
    printTable(await throughput(competitors, postmaster))
    console.log('\nOne at a time, milliseconds (median).\n')
    printTable(await latency(competitors))
  } finally {
    for (const one of competitors) await one.stop()
    for (const name of names)
      await onServer(server.url, `drop database if exists ${name} with (force)`)
    await server.stop()
  }
}

async function throughput(
  competitors: Competitor[],
  postmaster: number | null,
): Promise<string[][]> {
  const head = competitors.flatMap(({ name }) => [name, 'server'])
  const table = [['', ...head, 'ratio', 'server']]
  for (const [title, story] of chosen()) {
    const best = competitors.map(() => ({ both: 0, server: 0 }))
    const runs = await Promise.all(competitors.map((one) => begin(story, one, pace.atOnce)))
    for (let repeat = 0; repeat < pace.repeats; repeat += 1) {
      for (const [at, one] of competitors.entries()) {
        const run = runs[at]
        const record = best[at]
        if (run === undefined || record === undefined) continue
        if (repeat === 0) {
          await run.go(pace.warmSeconds)
          // As autovacuum would, a minute after the first rows: until then Postgres plans for empty tables.
          await onServer(one.databaseUrl, 'analyze')
        }
        await run.go(pace.warmSeconds / 4)
        const before = used(one, postmaster)
        const { times } = await run.go(pace.seconds)
        const after = used(one, postmaster)
        record.both = Math.max(record.both, times.length / (after.both - before.both))
        record.server = Math.max(record.server, times.length / (after.server - before.server))
      }
    }
    for (const run of runs) await run.end()
    const [ours, peer] = best
    table.push([
      title,
      ...best.flatMap(({ both, server }) => [both.toFixed(0), server.toFixed(0)]),
      ((ours?.both ?? 0) / (peer?.both ?? 1)).toFixed(1),
      ((ours?.server ?? 0) / (peer?.server ?? 1)).toFixed(1),
    ])
  }
  return table
}

function used({ pid }: Competitor, postmaster: number | null) {
  const server = cpuSeconds(pid)
  return { server, both: server + (postmaster === null ? 0 : cpuSeconds(postmaster)) }
}

async function latency(competitors: Competitor[]): Promise<string[][]> {
  const table = [['', ...competitors.map(({ name }) => name)]]
  for (const [title, story] of chosen()) {
    const row = [title]
    for (const one of competitors) {
      const run = await begin(story, one, 1)
      await run.go(pace.warmSeconds / 4)
      row.push(median((await run.go(pace.seconds / 2)).times).toFixed(2))
      await run.end()
    }
    table.push(row)
  }
  return table
}

function chosen(): [string, Story][] {
  return Object.entries(stories).filter(([title]) => only === undefined || title === only)
}

/** What one worker does again and again; it may keep something for the next time. */
type Story = (ask: Ask, one: Competitor) => Promise<() => Promise<void>>

async function begin(story: Story, one: Competitor, atOnce: number) {
  const pool = new Pool(new URL(one.issuer).origin, { connections: atOnce, pipelining: 1 })
  const workers = await Promise.all(Array.from({ length: atOnce }, () => story(askerOf(pool), one)))
  return {
    async go(seconds: number): Promise<{ times: number[] }> {
      const times: number[] = []
      const end = performance.now() + seconds * 1000
      async function work(once: () => Promise<void>) {
        while (performance.now() < end) {
          const start = performance.now()
          await once()
          times.push(performance.now() - start)
        }
      }
      await Promise.all(workers.map(work))
      return { times }
    },
    end: () => pool.close(),
  }
}

interface Answer {
  location: string
  body: Record<string, string>
}

interface Asked {
  form?: Record<string, string>
  headers?: Record<string, string>
  expect: number
}

type Ask = (path: string, asked: Asked) => Promise<Answer>

function askerOf(pool: Pool): Ask {
  return async (path, { form, headers = {}, expect }) => {
    const {
      statusCode,
      headers: got,
      body,
    } = await pool.request({
      path: `/oidc${path}`,
      method: form === undefined ? 'GET' : 'POST',
      headers: {
        ...headers,
        ...(form !== undefined && { 'content-type': 'application/x-www-form-urlencoded' }),
      },
      body: form === undefined ? null : new URLSearchParams(form).toString(),
    })
    const text = await body.text()
    // An answer that is quick, and wrong, counts for nothing.
    if (statusCode !== expect) throw new Error(`${path}: ${statusCode} ${text}`)
    const { location } = got
    return {
      location: typeof location === 'string' ? location : '',
      body: text.startsWith('{') ? JSON.parse(text) : {},
    }
  }
}

const basicOf = (id: string) => ({
  authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`,
})
const shop = basicOf('shop')
const machine = basicOf('machine')

const authorization = `/auth?${new URLSearchParams({
  ...{ client_id: 'shop', redirect_uri: callback, response_type: 'code', state: 'a state' },
  ...{ scope: 'openid profile email', nonce: 'a nonce' },
  ...{ code_challenge: challenge, code_challenge_method: 'S256' },
})}`

let worker = 0

async function signIn(ask: Ask, { cookies }: Competitor): Promise<Record<string, string>> {
  worker += 1
  const cookie = cookies[worker % cookies.length] ?? ''
  const { location } = await ask(authorization, { headers: { cookie }, expect: 303 })
  const code = new URL(location).searchParams.get('code') ?? ''
  const form = {
    ...{ grant_type: 'authorization_code', code, redirect_uri: callback },
    code_verifier: verifier,
  }
  const { body } = await ask('/token', { form, headers: shop, expect: 200 })
  if (body.id_token === undefined || body.refresh_token === undefined) {
    throw new Error(`No tokens: ${JSON.stringify(body)}`)
  }
  return body
}

const stories: Record<string, Story> = {
  'silent sign-in': async (ask, one) => async () => {
    await signIn(ask, one)
  },
  async refresh(ask, one) {
    let tokens = await signIn(ask, one)
    return async () => {
      const form = { grant_type: 'refresh_token', refresh_token: tokens.refresh_token ?? '' }
      const { body } = await ask('/token', { form, headers: shop, expect: 200 })
      if (body.refresh_token === tokens.refresh_token) throw new Error('It did not rotate.')
      tokens = body
    }
  },
  'client credentials': async (ask) => async () => {
    await ask('/token', {
      form: { grant_type: 'client_credentials' },
      headers: machine,
      expect: 200,
    })
  },
  'client credentials, JWT': async (ask) => async () => {
    const form = { grant_type: 'client_credentials', resource: api, scope: 'read:things' }
    const { body } = await ask('/token', { form, headers: machine, expect: 200 })
    if (body.access_token?.split('.').length !== 3) throw new Error('It is no JWT.')
  },
  async introspection(ask, one) {
    const { access_token: token = '' } = await signIn(ask, one)
    return async () => {
      const { body } = await ask('/token/introspection', {
        form: { token },
        headers: shop,
        expect: 200,
      })
      if (String(body.active) !== 'true') throw new Error('It is not active.')
    }
  },
  async 'user info'(ask, one) {
    const { access_token: token } = await signIn(ask, one)
    return async () => {
      await ask('/me', { headers: { authorization: `Bearer ${token}` }, expect: 200 })
    }
  },
  discovery: async (ask) => async () => {
    await ask('/.well-known/openid-configuration', { expect: 200 })
  },
}
