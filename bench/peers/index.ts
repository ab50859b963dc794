import pg from 'pg'
import { freePort } from '../../test/setup/free-port.ts'
import { onServer, withName } from '../../test/setup/names.ts'
import { createClient } from '../load/client.ts'
import { startServer } from '../machine/processes.ts'
import { startPeer } from '../oidc/peer.ts'
import {
  type Ask,
  askOver,
  checked,
  createRow,
  json,
  must,
  type Prepare,
} from '../scenarios/act.ts'
import {
  askAsMachine,
  introspect,
  readKeys,
  refreshAtProvider,
  signInSilently,
} from '../scenarios/oidc.ts'
import { password } from '../world/people.ts'

/** Another server that does some of the same things, on a database of its own in the same Postgres. */
export interface Peer {
  name: string
  pid: number
  origin: string
  /** By the names of our scenarios. */
  acts: Readonly<Record<string, Prepare>>
  stop(): Promise<void>
}

const people = 16

export async function startPeers(server: string, prefix: string): Promise<Peer[]> {
  const started: Peer[] = []
  try {
    for (const [index, start] of [startProvider, startBetterAuth, startAuthCore].entries()) {
      const name = `${prefix}_peer_${index}`
      await onServer(server, `create database ${name}`)
      const peer = await start(withName(server, name))
      const stop = async () => {
        await peer.stop()
        await onServer(server, `drop database if exists ${name} with (force)`)
      }
      started.push({ ...peer, stop })
    }
    return started
  } catch (error) {
    for (const one of started) await one.stop()
    throw error
  }
}

async function startProvider(url: string): Promise<Peer> {
  const { issuer, ...peer } = await startPeer(url, await freePort())
  const browsers = { cookies: peer.cookies, refreshTokens: createRow<string>() }
  return {
    ...peer,
    origin: new URL(issuer).origin,
    acts: {
      'code-flow': (ask) => signInSilently(ask, browsers),
      'oidc-refresh': (ask) => refreshAtProvider(ask, browsers),
      'client-credentials': askAsMachine,
      introspection: (ask) => introspect(ask, browsers),
      jwks: readKeys,
    },
  }
}

async function startBetterAuth(url: string): Promise<Peer> {
  const port = await freePort()
  const origin = `http://127.0.0.1:${port}`
  const environment = { DATABASE_URL: url, PORT: String(port) }
  const started = await startServer(['bench/peers/better-auth.ts'], environment)
  let turn = 0
  const post = (ask: Ask, path: string, body: unknown) =>
    ask({
      ...{ method: 'POST', path: `/api/auth${path}`, body: JSON.stringify(body) },
      headers: { ...json, origin },
    })
  function enroll(ask: Ask, email: string) {
    return post(ask, '/sign-up/email', { email, password, name: 'Ann Example' })
  }
  const client = createClient({ origin, connections: 1 })
  const cookies: string[] = []
  for (let one = 0; one < people; one += 1) {
    const [cookie = ''] = (
      await must(enroll(askOver(client), `user${one}@example.com`), 200)
    ).headers('set-cookie')
    cookies.push(cookie.split(';')[0] ?? '')
  }
  client.close()
  return {
    ...{ ...started, name: 'Better Auth', origin },
    acts: {
      password: async (ask) => ({
        atOnce: 2,
        async operation() {
          turn += 1
          const email = `user${turn % people}@example.com`
          const answer = await post(ask, '/sign-in/email', { email, password })
          return checked(answer, 200, answer.text.includes('"token"'))
        },
      }),
      'sign-up': async (ask) => ({
        atOnce: 2,
        async operation() {
          turn += 1
          return checked(await enroll(ask, `newcomer${turn}@example.com`), 200)
        },
      }),
      user: async (ask) => reading(ask, '/api/auth/get-session', cookies),
    },
  }
}

/** What is read is whose session it is. */
function reading(ask: Ask, path: string, cookies: readonly string[]) {
  let turn = 0
  return {
    async operation() {
      turn += 1
      const headers = { cookie: cookies[turn % cookies.length] ?? '' }
      const answer = await ask({ method: 'GET', path, headers })
      return checked(answer, 200, answer.text.includes('@example.com'))
    },
  }
}

/** Its documentation has the tables without an index but the primary keys; here it gets those that its queries ask for. */
const authCoreTables = `
  create table users (id serial primary key, name text, email text unique, "emailVerified" timestamptz, image text);
  create table sessions (id serial primary key, "userId" integer not null references users (id) on delete cascade,
    expires timestamptz not null, "sessionToken" text not null unique);
  insert into users (name, email, "emailVerified")
    select 'Ann Example', 'user' || n || '@example.com', now() from generate_series(1, ${people}) n;
  insert into sessions ("userId", expires, "sessionToken")
    select id, now() + interval '30 days', gen_random_uuid() from users;
  analyze`

async function startAuthCore(url: string): Promise<Peer> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(authCoreTables)
  const { rows } = await client.query('select "sessionToken" as token from sessions')
  await client.end()
  const cookies = rows.map(({ token }) => `authjs.session-token=${token}`)
  const port = await freePort()
  const environment = { DATABASE_URL: url, PORT: String(port) }
  const started = await startServer(['bench/peers/auth-core.ts'], environment)
  return {
    ...{ ...started, name: '@auth/core', origin: `http://127.0.0.1:${port}` },
    acts: { user: async (ask) => reading(ask, '/api/auth/session', cookies) },
  }
}
