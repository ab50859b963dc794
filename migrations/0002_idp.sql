-- The schema of our own. `idp` refers to `auth`; `auth` never refers to `idp`.

create schema if not exists idp;

-- What a user has beside GoTrue's row: one profile per user, written together with it.
create table idp.profiles (
  user_id uuid primary key references auth.users (id) on delete cascade,
  username text,
  name text,
  avatar text,
  -- OpenID Connect's standard claims that have no column: family_name, locale, zoneinfo …
  details jsonb not null default '{}',
  custom_data jsonb not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create unique index profiles_username_key on idp.profiles (lower(username));

-- What another provider gave us for an identity (Auth.js: the token fields of an Account).
create table idp.identity_tokens (
  identity_id uuid primary key references auth.identities (id) on delete cascade,
  type text not null,
  issuer text,
  scope text,
  -- Access, refresh and ID token and what came with them: encrypted JSON.
  sealed text not null,
  updated_at timestamptz not null default now()
);

-- Who carries a session: the browser's cookie on the hosted pages, or Auth.js' session token.
create table idp.session_tokens (
  hash bytea primary key,
  session_id uuid not null references auth.sessions (id) on delete cascade,
  carrier text not null check (carrier in ('browser', 'authjs')),
  created_at timestamptz not null default now(),
  expires_at timestamptz not null
);
create index session_tokens_session_id_idx on idp.session_tokens (session_id);
create index session_tokens_expires_at_idx on idp.session_tokens (expires_at);

create table idp.applications (
  id text primary key,
  name text not null,
  description text,
  type text not null check (type in ('Native', 'SPA', 'Traditional', 'MachineToMachine', 'Protected', 'SAML')),
  oidc_client_metadata jsonb not null default '{"redirectUris":[],"postLogoutRedirectUris":[]}',
  custom_client_metadata jsonb not null default '{}',
  custom_data jsonb not null default '{}',
  is_third_party boolean not null default false,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create table idp.application_secrets (
  application_id text not null references idp.applications (id) on delete cascade,
  name text not null,
  hash bytea not null,
  -- Logto shows a secret again, so it is kept encrypted too.
  sealed text not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  primary key (application_id, name)
);

-- One sign-in under way, before there is a session.
create table idp.interactions (
  id uuid primary key,
  -- Binds the interaction to the browser that began it.
  cookie_hash bytea not null,
  application_id text references idp.applications (id) on delete cascade,
  -- The authorization request as it came, checked.
  request jsonb not null default '{}',
  -- How far the user got: identifier, what was verified, the language.
  state jsonb not null default '{}',
  session_id uuid references auth.sessions (id) on delete set null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null
);
create index interactions_expires_at_idx on idp.interactions (expires_at);

-- One proof under way: a code or token that was sent, and is good once.
create table idp.verifications (
  id uuid primary key,
  purpose text not null,
  channel text not null check (channel in ('email', 'phone', 'none')),
  recipient text not null,
  hash bytea not null,
  attempts smallint not null default 0,
  details jsonb not null default '{}',
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  used_at timestamptz
);
create index verifications_recipient_idx on idp.verifications (recipient, purpose, created_at desc);
create unique index verifications_hash_key on idp.verifications (hash, recipient) where purpose = 'authjs';
create index verifications_expires_at_idx on idp.verifications (expires_at);

-- What a user allowed an application, in one session.
create table idp.grants (
  id uuid primary key,
  user_id uuid not null references auth.users (id) on delete cascade,
  session_id uuid not null references auth.sessions (id) on delete cascade,
  application_id text not null references idp.applications (id) on delete cascade,
  scope text not null default '',
  resources text[] not null default '{}',
  authenticated_at timestamptz not null,
  created_at timestamptz not null default now()
);
create index grants_user_id_idx on idp.grants (user_id);
create index grants_session_id_idx on idp.grants (session_id);
create index grants_application_id_idx on idp.grants (application_id);

-- Authorization codes, refresh tokens and opaque access tokens: only their hashes.
create table idp.tokens (
  hash bytea primary key,
  kind text not null check (kind in ('code', 'refresh', 'access')),
  -- Nobody granted anything to a client that came with its own credentials.
  grant_id uuid references idp.grants (id) on delete cascade,
  application_id text not null references idp.applications (id) on delete cascade,
  scope text not null default '',
  -- A code: redirect URI, challenge, nonce. A refresh token: its parent.
  details jsonb not null default '{}',
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  used_at timestamptz
);
create index tokens_grant_id_idx on idp.tokens (grant_id);
create index tokens_application_id_idx on idp.tokens (application_id);
create index tokens_expires_at_idx on idp.tokens (expires_at);

create table idp.connectors (
  id text primary key,
  connector_id text not null,
  -- Encrypted JSON: it holds the keys to other people's services.
  sealed_config text not null,
  metadata jsonb not null default '{}',
  sync_profile boolean not null default false,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create table idp.settings (
  topic text primary key,
  value jsonb not null,
  updated_at timestamptz not null default now()
);

-- The audit log and the outbox.
create table idp.events (
  id bigint generated always as identity primary key,
  type text not null,
  user_id uuid,
  session_id uuid,
  application_id text,
  actor text not null,
  ip text,
  user_agent text,
  details jsonb not null default '{}',
  created_at timestamptz not null default now(),
  told_at timestamptz
);
create index events_created_at_idx on idp.events (created_at desc);
create index events_user_id_idx on idp.events (user_id, created_at desc);
create index events_type_idx on idp.events (type, created_at desc);

-- Keys that sign. The private half is encrypted.
create table idp.keys (
  id text primary key,
  purpose text not null check (purpose in ('oidc', 'gotrue')),
  algorithm text not null,
  public_jwk jsonb not null,
  sealed_private text not null,
  state text not null check (state in ('next', 'current', 'retiring')),
  created_at timestamptz not null default now(),
  expires_at timestamptz
);
-- Two nodes that start at once make one key.
create unique index keys_current_key on idp.keys (purpose, algorithm) where state = 'current';

-- The mailbox of development: what would have been sent.
create table idp.messages (
  id uuid primary key,
  channel text not null,
  recipient text not null,
  type text not null,
  subject text,
  text text,
  html text,
  code text,
  link text,
  created_at timestamptz not null default now()
);
create index messages_created_at_idx on idp.messages (created_at desc);

-- Counters of rate limits: one upsert each.
create table idp.limits (
  key text primary key,
  count integer not null,
  resets_at timestamptz not null
);
create index limits_resets_at_idx on idp.limits (resets_at);
