import { createHash } from 'node:crypto'
import { hashSync } from '@node-rs/argon2'
import { sql } from 'kysely'
import { type Context, transaction } from '../../src/base/context.ts'
import { browserCookies } from '../../src/base/cookies.ts'
import { day } from '../../src/base/time.ts'
import { admit } from '../../src/flows/admit.ts'
import { issueApiKeys } from '../../src/flows/api-keys.ts'
import { createApp } from '../../src/main.ts'
import { createApplication } from '../../src/model/application.ts'
import { carrySession } from '../../src/model/session.ts'
import { findUserByEmail } from '../../src/model/user.ts'
import { callback, secret } from '../oidc/scene.ts'
import { askWithin, createRow, json, must } from '../scenarios/act.ts'
import { type People, password } from './people.ts'

export interface Crowd {
  people: number
  /** So many of them have a session of Supabase Auth, and as many a browser's. */
  sessions: number
}

/** People, their sessions and two applications, in a database that is migrated. */
export async function fill(ctx: Context, crowd: Crowd): Promise<People> {
  const emails = Array.from({ length: crowd.people }, (_, index) => `user${index}@example.com`)
  await createPeople(ctx, emails)
  await createApplications(ctx)
  const some = emails.slice(0, crowd.sessions)
  const tokens = await openSessions(ctx, some)
  const cookies: string[] = []
  for (const email of some) cookies.push(await browserOf(ctx, email))
  await sql`analyze`.execute(ctx.db)
  return {
    ...{ password, emails, cookies, oidcRefreshTokens: createRow() },
    accessTokens: tokens.map(({ access_token }) => access_token),
    refreshTokens: createRow(tokens.map(({ refresh_token }) => refresh_token)),
    serviceKey: (await issueApiKeys(ctx)).serviceRoleKey,
  }
}

async function createPeople(ctx: Context, emails: readonly string[]): Promise<void> {
  const hash = hashSync(password, { algorithm: 2, memoryCost: 19_456, timeCost: 2, parallelism: 1 })
  await sql`
    with made as (
      insert into auth.users (instance_id, id, aud, role, email, encrypted_password, email_confirmed_at,
        confirmation_token, recovery_token, email_change_token_new, email_change, raw_app_meta_data, raw_user_meta_data,
        created_at, updated_at)
      select '00000000-0000-0000-0000-000000000000', gen_random_uuid(), 'authenticated', 'authenticated', email, ${hash}, now(),
        '', '', '', '', '{"provider":"email","providers":["email"]}', '{}', now(), now()
      from unnest(${emails}::text[]) as email returning id, email)
    insert into auth.identities (provider_id, user_id, identity_data, provider, last_sign_in_at, created_at, updated_at)
    select id, id, jsonb_build_object('sub', id, 'email', email), 'email', now(), now(), now() from made`.execute(
    ctx.db,
  )
}

async function createApplications(ctx: Context): Promise<void> {
  await createApplication(ctx, {
    ...{ id: 'shop', name: 'Shop', type: 'Traditional', secret },
    oidcClientMetadata: { redirectUris: [callback], idTokenSignedResponseAlg: 'ES256' },
    customClientMetadata: { alwaysIssueRefreshToken: true },
  })
  const machine = { id: 'machine', name: 'Machine', type: 'MachineToMachine', secret } as const
  await createApplication(ctx, machine)
}

interface Tokens {
  access_token: string
  refresh_token: string
}

const code = '424242'

/** By a code each: a password would cost ten times as much. */
async function openSessions(ctx: Context, emails: readonly string[]): Promise<Tokens[]> {
  const hashes = emails.map((email) => createHash('sha224').update(`${email}${code}`).digest('hex'))
  await sql`
    with codes as (select * from unnest(${emails}::text[], ${hashes}::text[]) as c(email, hash)), asked as (
      update auth.users u set recovery_token = hash, recovery_sent_at = now() from codes c where u.email = c.email
      returning u.id, u.email, hash)
    insert into auth.one_time_tokens (id, user_id, token_type, token_hash, relates_to)
    select gen_random_uuid(), id, 'recovery_token', hash, email from asked`.execute(ctx.db)
  const ask = askWithin(createApp(ctx))
  const tokens: Tokens[] = []
  for (const email of emails) {
    const body = JSON.stringify({ type: 'email', email, token: code })
    const answer = ask({ method: 'POST', path: '/auth/v1/verify', headers: json, body })
    tokens.push(JSON.parse((await must(answer, 200)).text))
  }
  return tokens
}

async function browserOf(ctx: Context, email: string): Promise<string> {
  const user = await findUserByEmail(ctx, email)
  if (user === null) throw new Error(`There is no ${email}.`)
  const { token } = await transaction(ctx, async (ctx) => {
    const session = await admit(ctx, user, { method: 'password', audit: null })
    return carrySession(ctx, session.id, 'browser', 14 * day)
  })
  return `${browserCookies(ctx.config).session}=${token}`
}
