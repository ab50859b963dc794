-- Who may do what: API resources, roles, organizations, and what users allow other people's applications.

create table idp.resources (
  id text primary key,
  name text not null,
  -- The audience of its tokens, and what applications name it by (RFC 8707).
  indicator text not null unique,
  is_default boolean not null default false,
  -- Seconds.
  access_token_ttl integer not null default 3600 check (access_token_ttl > 0),
  -- What its tokens are signed with; null for the provider's own choice.
  signing_algorithm text check (signing_algorithm in ('ES256', 'ES384', 'RS256', 'EdDSA')),
  created_at timestamptz not null default now()
);
-- There is one default at most.
create unique index resources_default_key on idp.resources (is_default) where is_default;

create table idp.scopes (
  id text primary key,
  resource_id text not null references idp.resources (id) on delete cascade,
  name text not null,
  description text,
  created_at timestamptz not null default now(),
  unique (resource_id, name)
);

create table idp.roles (
  id text primary key,
  name text not null unique,
  description text,
  type text not null default 'User' check (type in ('User', 'MachineToMachine')),
  -- Every new user has it.
  is_default boolean not null default false,
  created_at timestamptz not null default now()
);

create table idp.role_scopes (
  role_id text not null references idp.roles (id) on delete cascade,
  scope_id text not null references idp.scopes (id) on delete cascade,
  primary key (role_id, scope_id)
);
create index role_scopes_scope_id_idx on idp.role_scopes (scope_id);

create table idp.user_roles (
  user_id uuid not null references auth.users (id) on delete cascade,
  role_id text not null references idp.roles (id) on delete cascade,
  primary key (user_id, role_id)
);
create index user_roles_role_id_idx on idp.user_roles (role_id);

create table idp.application_roles (
  application_id text not null references idp.applications (id) on delete cascade,
  role_id text not null references idp.roles (id) on delete cascade,
  primary key (application_id, role_id)
);
create index application_roles_role_id_idx on idp.application_roles (role_id);

create table idp.organizations (
  id text primary key,
  name text not null,
  description text,
  custom_data jsonb not null default '{}',
  -- Then its tokens are for members with a second factor.
  is_mfa_required boolean not null default false,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

-- The template: what roles and scopes are called is the same in all organizations.
create table idp.organization_scopes (
  id text primary key,
  name text not null unique,
  description text,
  created_at timestamptz not null default now()
);

create table idp.organization_roles (
  id text primary key,
  name text not null unique,
  description text,
  type text not null default 'User' check (type in ('User', 'MachineToMachine')),
  created_at timestamptz not null default now()
);

create table idp.organization_role_scopes (
  role_id text not null references idp.organization_roles (id) on delete cascade,
  scope_id text not null references idp.organization_scopes (id) on delete cascade,
  primary key (role_id, scope_id)
);
create index organization_role_scopes_scope_id_idx on idp.organization_role_scopes (scope_id);

create table idp.organization_role_resource_scopes (
  role_id text not null references idp.organization_roles (id) on delete cascade,
  scope_id text not null references idp.scopes (id) on delete cascade,
  primary key (role_id, scope_id)
);
create index organization_role_resource_scopes_scope_id_idx on idp.organization_role_resource_scopes (scope_id);

create table idp.organization_members (
  organization_id text not null references idp.organizations (id) on delete cascade,
  user_id uuid not null references auth.users (id) on delete cascade,
  created_at timestamptz not null default now(),
  primary key (organization_id, user_id)
);
create index organization_members_user_id_idx on idp.organization_members (user_id);

create table idp.organization_member_roles (
  organization_id text not null,
  user_id uuid not null,
  role_id text not null references idp.organization_roles (id) on delete cascade,
  primary key (organization_id, user_id, role_id),
  foreign key (organization_id, user_id) references idp.organization_members (organization_id, user_id) on delete cascade
);
create index organization_member_roles_user_id_idx on idp.organization_member_roles (user_id);
create index organization_member_roles_role_id_idx on idp.organization_member_roles (role_id);

create table idp.organization_applications (
  organization_id text not null references idp.organizations (id) on delete cascade,
  application_id text not null references idp.applications (id) on delete cascade,
  created_at timestamptz not null default now(),
  primary key (organization_id, application_id)
);
create index organization_applications_application_id_idx on idp.organization_applications (application_id);

create table idp.organization_application_roles (
  organization_id text not null,
  application_id text not null,
  role_id text not null references idp.organization_roles (id) on delete cascade,
  primary key (organization_id, application_id, role_id),
  foreign key (organization_id, application_id)
    references idp.organization_applications (organization_id, application_id) on delete cascade
);
create index organization_application_roles_application_id_idx on idp.organization_application_roles (application_id);
create index organization_application_roles_role_id_idx on idp.organization_application_roles (role_id);

-- What a third-party application may ask of users at most, beside `openid` and `offline_access`.
create table idp.application_user_scopes (
  application_id text not null references idp.applications (id) on delete cascade,
  scope text not null,
  primary key (application_id, scope)
);

create table idp.application_resource_scopes (
  application_id text not null references idp.applications (id) on delete cascade,
  scope_id text not null references idp.scopes (id) on delete cascade,
  -- In an organization's name, or in the user's own.
  is_organization boolean not null default false,
  primary key (application_id, scope_id, is_organization)
);
create index application_resource_scopes_scope_id_idx on idp.application_resource_scopes (scope_id);

create table idp.application_organization_scopes (
  application_id text not null references idp.applications (id) on delete cascade,
  scope_id text not null references idp.organization_scopes (id) on delete cascade,
  primary key (application_id, scope_id)
);
create index application_organization_scopes_scope_id_idx on idp.application_organization_scopes (scope_id);

-- What a user allowed a third-party application, once and for all sessions.
create table idp.consents (
  user_id uuid not null references auth.users (id) on delete cascade,
  application_id text not null references idp.applications (id) on delete cascade,
  scopes text[] not null default '{}',
  -- Names of scopes by the indicator of their resource.
  resource_scopes jsonb not null default '{}',
  organization_scopes text[] not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (user_id, application_id)
);
create index consents_application_id_idx on idp.consents (application_id);

-- The organizations in whose name the application may ask.
create table idp.consent_organizations (
  user_id uuid not null,
  application_id text not null,
  organization_id text not null references idp.organizations (id) on delete cascade,
  primary key (user_id, application_id, organization_id),
  foreign key (user_id, application_id) references idp.consents (user_id, application_id) on delete cascade
);
create index consent_organizations_organization_id_idx on idp.consent_organizations (organization_id);

-- The names of scopes of APIs and organizations that were asked for; `scope` has those of the user's own data.
alter table idp.grants add column api_scopes text[] not null default '{}';
-- A token that was exchanged for another proof has no browser's session behind it.
alter table idp.grants alter column session_id drop not null;
