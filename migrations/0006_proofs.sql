-- Authorization requests that applications pushed (RFC 9126), until the browser comes with their address, once.
create table idp.pushed_requests (
  hash bytea primary key,
  application_id text not null references idp.applications (id) on delete cascade,
  -- The parameters as they came, checked, without what proved the application; and whom its ID token hint named.
  request jsonb not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null
);
create index pushed_requests_application_id_idx on idp.pushed_requests (application_id);
create index pushed_requests_expires_at_idx on idp.pushed_requests (expires_at);

-- Proofs that are good once (RFC 7523's assertions, RFC 9449's DPoP proofs): the hash of their `jti` and its owner.
create table idp.spent_proofs (
  hash bytea primary key,
  expires_at timestamptz not null
);
create index spent_proofs_expires_at_idx on idp.spent_proofs (expires_at);
