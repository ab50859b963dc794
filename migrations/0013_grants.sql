-- What is granted says itself what its tokens need: a sign-in writes one row of it, and nothing before its code is redeemed.

alter table idp.grants
  -- What goes on to the tokens: acr, wantsAuthTime, names of claims, and the key that the refresh token is bound to.
  add column details jsonb not null default '{}',
  -- Which refresh token is good; null where none was given.
  add column generation integer,
  -- When the last generations were spent, the newest first: who comes again at once gets the same child.
  add column rotated_at timestamptz[] not null default '{}',
  add column refreshable_until timestamptz;

-- Room for the next versions of a row on its page: a refresh changes no index.
alter table idp.grants set (fillfactor = 80);

-- Which authorization codes were redeemed, each under the id of its grant, until it would have expired.
create table idp.spent_codes (
  expires_at timestamptz not null,
  grant_id uuid not null,
  primary key (expires_at, grant_id)
);
