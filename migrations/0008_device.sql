-- Devices without a browser (RFC 8628), and tokens that stand for a user in an exchange (RFC 8693).

create table idp.device_codes (
  id uuid primary key,
  hash bytea not null unique,
  -- Keyed: what people type is too short for a bare hash.
  user_code_hash bytea not null unique,
  application_id text not null references idp.applications (id) on delete cascade,
  -- The parameters as they came, checked; whom an ID token hint named; and the key that was proved with them.
  request jsonb not null,
  state text not null default 'pending' check (state in ('pending', 'allowed', 'denied')),
  -- Seconds between two polls; who comes sooner has to wait longer from then on.
  poll_interval integer not null,
  polled_at timestamptz,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null
);
create index device_codes_application_id_idx on idp.device_codes (application_id);
create index device_codes_expires_at_idx on idp.device_codes (expires_at);

-- What a device gets when its user allowed it, under the hash of its device code: it is redeemed as a code is.
alter table idp.tokens drop constraint tokens_kind_check;
alter table idp.tokens add constraint tokens_kind_check check (kind in ('code', 'device', 'refresh', 'access'));

-- Made by who may act as a user, and exchanged once.
create table idp.subject_tokens (
  hash bytea primary key,
  user_id uuid not null references auth.users (id) on delete cascade,
  context jsonb not null default '{}',
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  used_at timestamptz
);
create index subject_tokens_user_id_idx on idp.subject_tokens (user_id);
create index subject_tokens_expires_at_idx on idp.subject_tokens (expires_at);

-- A user's own, for programs of theirs; exchanged as often as they like.
create table idp.personal_access_tokens (
  user_id uuid not null references auth.users (id) on delete cascade,
  name text not null,
  hash bytea not null unique,
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  primary key (user_id, name)
);
