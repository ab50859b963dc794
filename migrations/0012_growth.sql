-- What the plans of 100,000 users ask for (docs/growth.md).

-- A browser that comes without the id of its interaction, and the end of a session that interactions name.
create index interactions_cookie_hash_idx on idp.interactions (cookie_hash);
create index interactions_session_id_idx on idp.interactions (session_id) where session_id is not null;

-- What housekeeping looks for.
create index grants_without_session_idx on idp.grants (created_at) where session_id is null;
create index personal_access_tokens_expires_at_idx on idp.personal_access_tokens (expires_at) where expires_at is not null;

-- How far housekeeping came in tables of GoTrue's that it can only walk through.
create table idp.walks (
  name text primary key,
  after uuid not null
);
