-- Applications that introduce themselves: by dynamic registration (RFC 7591), or by a document at their own address.

alter table idp.applications add column origin text not null default 'admin'
  check (origin in ('admin', 'registration', 'document'));
create index applications_origin_idx on idp.applications (updated_at) where origin <> 'admin';

create table idp.registrations (
  application_id text primary key references idp.applications (id) on delete cascade,
  -- Of the registration access token (RFC 7592); null for a document, which its owner changes where it lies.
  token_hash bytea,
  -- What the application says of itself, as it is told again.
  metadata jsonb not null default '{}',
  -- From then on a document is read again.
  fresh_until timestamptz,
  created_at timestamptz not null default now()
);

-- Whether applications that introduced themselves may ask for this API, and its metadata is published (RFC 9728).
alter table idp.resources add column is_open boolean not null default false;
