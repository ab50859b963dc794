-- What people are shown of an application: its logo and addresses.

alter table idp.applications add column appearance jsonb not null default '{}';
