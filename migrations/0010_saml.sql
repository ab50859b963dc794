-- Until when a session may last that a PKCE code is going to begin: the identity provider's SessionNotOnOrAfter. GoTrue's
-- own table has no place for it.

create table idp.flow_session_ends (
  flow_state_id uuid primary key references auth.flow_state (id) on delete cascade,
  not_after timestamptz not null
);
