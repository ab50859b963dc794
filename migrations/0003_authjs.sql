-- A passkey that was enrolled through Auth.js. The credential itself is GoTrue's row; here is what Auth.js gave with it
-- and those columns cannot give back: another spelling of its id, a device type of its own.
create table idp.authenticators (
  credential_id uuid primary key references auth.webauthn_credentials (id) on delete cascade,
  verbatim jsonb not null default '{}',
  created_at timestamptz not null default now()
);
