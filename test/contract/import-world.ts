import { sql } from 'kysely'
import { onTestFinished } from 'vitest'
import { sekishoAdapter } from '../../authjs/index.ts'
import { importAll } from '../../src/cli/import-authjs.ts'
import { openSource } from '../../src/cli/import-source.ts'
import type { Reach } from '../../src/cli/reach.ts'
import { runCommand } from '../../src/flows/administer.ts'
import { withBareDatabases } from '../database.ts'
import { world } from '../world.ts'
import { makeSource, type Shape, shapes } from './import-sources.ts'

type Bare = ReturnType<typeof withBareDatabases>
export type Source = Awaited<ReturnType<typeof source>>

/** Makes databases of other adapters, each empty. To be called outside of tests. */
export function sources(): (shape?: Shape) => Promise<Source> {
  const bare = withBareDatabases()
  return (shape = shapes['kysely-adapter']!) => source(bare, shape)
}

export const slow = 60_000
export const later = new Date('2099-12-24T12:00:00.123Z')
export const verified = new Date('2025-03-04T05:06:07.089Z')
export const idToken = `e30.${Buffer.from('{"iss":"https://accounts.example.com"}').toString('base64url')}.x`

async function source(bare: Bare, shape: Shape) {
  const { url } = await bare()
  if (url === null) throw new Error('The other database is a Postgres.')
  const made = await makeSource(url, shape)
  onTestFinished(() => made.client.end())
  return { ...made, url, shape }
}

/** Ann came by a provider and has a passkey, Ben by a link, Cem has no address. */
export async function people({ put, shape }: Source) {
  const [ann, ben, cem] = [shape.id(1), shape.id(2), shape.id(3)]
  await put('users', {
    id: ann,
    name: 'Ann',
    email: 'Ann@Example.com',
    image: 'a.png',
    role: 'boss',
  })
  await put('users', { id: ben, email: 'ben@example.com', email_verified: verified })
  await put('users', { id: cem, name: 'Cem' })
  await put('accounts', {
    user_id: ann,
    type: 'oidc',
    provider: 'google',
    provider_account_id: '123',
    access_token: 'an access token',
    id_token: idToken,
    expires_at: 1_900_000_000,
    scope: 'openid email',
    tenant: 'acme',
  })
  await put('sessions', { user_id: ann, session_token: 'session of Ann', expires: later })
  await put('sessions', { user_id: ben, session_token: 'session of Ben', expires: later })
  await put('sessions', { user_id: ben, session_token: 'old', expires: verified })
  await put('tokens', { identifier: 'new@example.com', token: 'hashed by Auth.js', expires: later })
  if (shape.tables.authenticators) {
    await put('authenticators', {
      user_id: ann,
      credential_id: 'q83vEg==',
      provider_account_id: 'q83vEg==',
      credential_public_key: 'AQIDBA==',
      counter: 7,
      credential_device_type: 'multiDevice',
      credential_backed_up: true,
      transports: 'internal,hybrid',
    })
  }
  return { ann, ben, cem }
}

export async function target() {
  const made = await world()
  const { ctx, database } = made
  const secret = ctx.config.secret
  const adapter = sekishoAdapter({ database, secret })
  async function take(
    url: string,
    options: { dryRun?: boolean; schema?: string; name?: string } = {},
  ) {
    const from = await openSource(url, options)
    try {
      const way: Reach = {
        call: (name, input) => runCommand(ctx, name, JSON.parse(JSON.stringify(input))),
        close: async () => {},
      }
      const report = await importAll({ from: url, ...options }, from, way)
      return { ...report, notices: from.notices }
    } finally {
      await from.close()
    }
  }
  async function count() {
    const { rows } = await sql<Record<string, number>>`
      select (select count(*)::int from auth.users) as users, (select count(*)::int from auth.identities) as identities,
        (select count(*)::int from auth.sessions) as sessions, (select count(*)::int from idp.events) as events,
        (select count(*)::int from idp.verifications) as links`.execute(database.db)
    return rows[0]
  }
  return { ...made, adapter, take, count }
}
