-- Keys that rotate, and what is still to be told to the world.

-- Since when a key signs; null for those that signed from the day they were made.
alter table idp.keys add column promoted_at timestamptz;
create unique index keys_next_key on idp.keys (purpose, algorithm) where state = 'next';

-- The outbox: written with the change that it tells of, deleted when it was told or given up.
create table idp.deliveries (
  id uuid primary key default gen_random_uuid(),
  kind text not null,
  -- What is told once, however often it is written: the same key waits once per kind.
  key text not null,
  details jsonb not null default '{}',
  attempts integer not null default 0,
  created_at timestamptz not null default now(),
  -- Whoever takes it moves this on, so that no other node takes it too.
  due_at timestamptz not null default '-infinity'
);
create unique index deliveries_key on idp.deliveries (kind, key);
create index deliveries_due_at_idx on idp.deliveries (due_at);

-- The one place through which every end of a session passes, whoever deletes it: grants fall with their session by
-- cascade, and their applications are to be told (OpenID Connect Back-Channel Logout 1.0). The tables of `auth` have no
-- trigger of ours, so that GoTrue could take them back.
create function idp.tell_logout() returns trigger language plpgsql set search_path = '' as $$
begin
  -- Housekeeping takes away what is over for days: nobody signed out.
  if current_setting('sekisho.is_tidying', true) = 'on' then
    return null;
  end if;
  -- A grant that was revoked alone: its session goes on.
  if exists (
    select from auth.sessions s join auth.users u on u.id = s.user_id
    where s.id = old.session_id and u.deleted_at is null
  ) then
    return null;
  end if;
  insert into idp.deliveries (kind, key, details)
  select 'back-channel-logout', old.session_id || ':' || a.id,
    jsonb_build_object('applicationId', a.id, 'userId', old.user_id, 'sessionId', old.session_id)
  from idp.applications a
  where a.id = old.application_id and a.oidc_client_metadata->>'backchannelLogoutUri' is not null
  on conflict do nothing;
  return null;
end $$;
create trigger grants_tell_logout after delete on idp.grants
  for each row execute function idp.tell_logout();
