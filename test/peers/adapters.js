import { DrizzleAdapter } from '@auth/drizzle-adapter'
import { KyselyAdapter } from '@auth/kysely-adapter'
import PostgresAdapter from '@auth/pg-adapter'
import { drizzle } from 'drizzle-orm/node-postgres'
import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'

/**
 * Three adapters of Auth.js' own, each on an empty database laid out as its documentation says: what it demands, and no
 * index or cascade beside it.
 */
export const peers = {
  '@auth/pg-adapter': async (url) => {
    const pool = poolOf(url)
    await pool.query(`
      create table users (id serial primary key, name varchar(255), email varchar(255), "emailVerified" timestamptz, image text);
      create table accounts (id serial primary key, "userId" integer not null, type varchar(255) not null,
        provider varchar(255) not null, "providerAccountId" varchar(255) not null, refresh_token text, access_token text,
        expires_at bigint, id_token text, scope text, session_state text, token_type text);
      create table sessions (id serial primary key, "userId" integer not null, expires timestamptz not null,
        "sessionToken" varchar(255) not null);
      create table verification_token (identifier text not null, expires timestamptz not null, token text not null,
        primary key (identifier, token))`)
    return { adapter: PostgresAdapter(pool), close: () => pool.end() }
  },

  '@auth/drizzle-adapter': async (url) => {
    const pool = poolOf(url)
    await pool.query(`
      create table "user" (id text primary key, name text, email text unique, "emailVerified" timestamp, image text);
      create table account ("userId" text not null references "user" on delete cascade, type text not null,
        provider text not null, "providerAccountId" text not null, refresh_token text, access_token text,
        expires_at integer, token_type text, scope text, id_token text, session_state text,
        primary key (provider, "providerAccountId"));
      create table session ("sessionToken" text primary key, "userId" text not null references "user" on delete cascade,
        expires timestamp not null);
      create table "verificationToken" (identifier text not null, token text not null, expires timestamp not null,
        primary key (identifier, token));
      create table authenticator ("credentialID" text not null unique,
        "userId" text not null references "user" on delete cascade, "providerAccountId" text not null,
        "credentialPublicKey" text not null, counter integer not null, "credentialDeviceType" text not null,
        "credentialBackedUp" boolean not null, transports text, primary key ("userId", "credentialID"))`)
    return { adapter: DrizzleAdapter(drizzle(pool)), close: () => pool.end() }
  },

  '@auth/kysely-adapter': async (url) => {
    const pool = poolOf(url)
    await pool.query(`
      create table "User" (id uuid primary key default gen_random_uuid(), name text, email text unique,
        "emailVerified" timestamptz, image text);
      create table "Account" (id uuid primary key default gen_random_uuid(),
        "userId" uuid not null references "User" on delete cascade, type text not null, provider text not null,
        "providerAccountId" text not null, refresh_token text, access_token text, expires_at bigint, token_type text,
        scope text, id_token text, session_state text);
      create table "Session" (id uuid primary key default gen_random_uuid(),
        "userId" uuid not null references "User" on delete cascade, "sessionToken" text not null unique,
        expires timestamptz not null);
      create table "VerificationToken" (identifier text not null, token text not null unique, expires timestamptz not null)`)
    const db = new Kysely({ dialect: new PostgresDialect({ pool }) })
    return { adapter: KyselyAdapter(db), close: () => db.destroy() }
  },
}

/** `end` does not wait until every connection is closed: one that is dropped with its database is no failure. */
function poolOf(url) {
  const pool = new pg.Pool({ connectionString: url })
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => {}))
  return pool
}
