-- A refresh token of the OpenID Provider rotates in its row: the token names its generation, and the row says which one is good.

alter table idp.tokens
  add column generation integer not null default 0,
  -- When the last generations were spent, the newest first: who comes again at once gets the same child.
  add column rotated_at timestamptz[] not null default '{}',
  -- Until when it is good, to the millisecond. expires_at is never before that, and moves in steps: it is indexed, and an update
  -- that changes no index costs Postgres a third.
  add column good_until timestamptz;

-- Grants fall with their application, and tokens with their grant.
alter table idp.tokens drop constraint tokens_application_id_fkey;
drop index idp.tokens_application_id_idx;

-- Room for the next versions of a row on its page.
alter table idp.tokens set (fillfactor = 80);
