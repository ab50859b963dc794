-- The `auth` schema in GoTrue's final shape: what Supabase applications read, reference and write policies on.
-- We never add to it. Where GoTrue has been before us nothing that is there is touched, not even by a no-op that
-- would ask for ownership: each thing is looked up in the catalog first, and made only when it is missing.

do $$
begin
  if current_setting('server_version_num')::int < 150000 then
    raise exception 'PostgreSQL 15 or newer is needed, this is %', current_setting('server_version');
  end if;
  perform set_config('sekisho.fresh', (to_regclass('auth.users') is null)::text, true);

  -- Everything GoTrue added after August 2024 is plain addition, and is done below. What came before is not.
  if to_regclass('auth.users') is not null and (
    not exists (select from pg_attribute where attrelid = to_regclass('auth.mfa_factors') and attname = 'last_challenged_at')
    or exists (select from pg_attribute where attrelid = to_regclass('auth.oauth_clients') and attname = 'client_id' and not attisdropped)
  ) then
    raise exception 'The auth schema of this database is of an older GoTrue'
      using hint = 'Let a current GoTrue (supabase/auth) migrate it once, then start again.';
  end if;

  if to_regnamespace('auth') is null then
    create schema auth;
  end if;
end $$;

-- Enums.

do $$
declare
  wanted record;
begin
  for wanted in
    select * from (values
      ('factor_type', $e$'totp', 'webauthn', 'phone'$e$),
      ('factor_status', $e$'unverified', 'verified'$e$),
      ('aal_level', $e$'aal1', 'aal2', 'aal3'$e$),
      ('code_challenge_method', $e$'s256', 'plain'$e$),
      ('one_time_token_type', $e$'confirmation_token', 'reauthentication_token', 'recovery_token',
        'email_change_token_new', 'email_change_token_current', 'phone_change_token'$e$),
      ('oauth_registration_type', $e$'dynamic', 'manual'$e$),
      ('oauth_authorization_status', $e$'pending', 'approved', 'denied', 'expired'$e$),
      ('oauth_response_type', $e$'code'$e$),
      ('oauth_client_type', $e$'public', 'confidential'$e$)
    ) as enums (name, labels)
  loop
    if to_regtype('auth.' || wanted.name) is null then
      execute format('create type auth.%I as enum (%s)', wanted.name, wanted.labels);
    end if;
  end loop;
end $$;

-- Functions that row-level policies call; PostgREST sets `request.jwt.claims`, older ones set one variable a claim.

do $$
begin
  if to_regprocedure('auth.uid()') is null then
    create function auth.uid() returns uuid language sql stable as $f$
      select coalesce(
        nullif(current_setting('request.jwt.claim.sub', true), ''),
        nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'
      )::uuid
    $f$;
    comment on function auth.uid() is 'Deprecated. Use auth.jwt() -> ''sub'' instead.';
  end if;
  if to_regprocedure('auth.role()') is null then
    create function auth.role() returns text language sql stable as $f$
      select coalesce(
        nullif(current_setting('request.jwt.claim.role', true), ''),
        nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role'
      )
    $f$;
    comment on function auth.role() is 'Deprecated. Use auth.jwt() -> ''role'' instead.';
  end if;
  if to_regprocedure('auth.email()') is null then
    create function auth.email() returns text language sql stable as $f$
      select coalesce(
        nullif(current_setting('request.jwt.claim.email', true), ''),
        nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'email'
      )
    $f$;
    comment on function auth.email() is 'Deprecated. Use auth.jwt() -> ''email'' instead.';
  end if;
  if to_regprocedure('auth.jwt()') is null then
    create function auth.jwt() returns jsonb language sql stable as $f$
      select coalesce(
        nullif(current_setting('request.jwt.claim', true), ''),
        nullif(current_setting('request.jwt.claims', true), '')
      )::jsonb
    $f$;
  end if;
end $$;

-- Tables. The order of the columns is GoTrue's, and clients that select * see it. Keys and checks follow below.

do $$
begin
  if to_regclass('auth.users') is null then
    create table auth.users (
      instance_id uuid,
      id uuid not null,
      aud varchar(255),
      role varchar(255),
      email varchar(255),
      encrypted_password varchar(255),
      email_confirmed_at timestamptz,
      invited_at timestamptz,
      confirmation_token varchar(255),
      confirmation_sent_at timestamptz,
      recovery_token varchar(255),
      recovery_sent_at timestamptz,
      email_change_token_new varchar(255),
      email_change varchar(255),
      email_change_sent_at timestamptz,
      last_sign_in_at timestamptz,
      raw_app_meta_data jsonb,
      raw_user_meta_data jsonb,
      is_super_admin boolean,
      created_at timestamptz,
      updated_at timestamptz,
      phone text default null::varchar,
      phone_confirmed_at timestamptz,
      phone_change text default ''::varchar,
      phone_change_token varchar(255) default '',
      phone_change_sent_at timestamptz,
      confirmed_at timestamptz generated always as (least(email_confirmed_at, phone_confirmed_at)) stored,
      email_change_token_current varchar(255) default '',
      email_change_confirm_status smallint default 0,
      banned_until timestamptz,
      reauthentication_token varchar(255) default '',
      reauthentication_sent_at timestamptz,
      is_sso_user boolean not null default false,
      deleted_at timestamptz,
      is_anonymous boolean not null default false
    );
  end if;
  if to_regclass('auth.identities') is null then
    create table auth.identities (
      provider_id text not null,
      user_id uuid not null,
      identity_data jsonb not null,
      provider text not null,
      last_sign_in_at timestamptz,
      created_at timestamptz,
      updated_at timestamptz,
      email text generated always as (lower(identity_data ->> 'email')) stored,
      id uuid not null default gen_random_uuid()
    );
  end if;
  if to_regclass('auth.sessions') is null then
    create table auth.sessions (
      id uuid not null,
      user_id uuid not null,
      created_at timestamptz,
      updated_at timestamptz,
      factor_id uuid,
      aal auth.aal_level,
      not_after timestamptz,
      refreshed_at timestamp,
      user_agent text,
      ip inet,
      tag text,
      oauth_client_id uuid,
      refresh_token_hmac_key text,
      refresh_token_counter bigint,
      scopes text
    );
  end if;
  if to_regclass('auth.refresh_tokens') is null then
    create table auth.refresh_tokens (
      instance_id uuid,
      id bigserial not null,
      token varchar(255),
      user_id varchar(255),
      revoked boolean,
      created_at timestamptz,
      updated_at timestamptz,
      parent varchar(255),
      session_id uuid
    );
  end if;
  if to_regclass('auth.one_time_tokens') is null then
    create table auth.one_time_tokens (
      id uuid not null,
      user_id uuid not null,
      token_type auth.one_time_token_type not null,
      token_hash text not null,
      relates_to text not null,
      created_at timestamp not null default now(),
      updated_at timestamp not null default now()
    );
  end if;
  if to_regclass('auth.flow_state') is null then
    create table auth.flow_state (
      id uuid not null,
      user_id uuid,
      auth_code text,
      code_challenge_method auth.code_challenge_method,
      code_challenge text,
      provider_type text not null,
      provider_access_token text,
      provider_refresh_token text,
      created_at timestamptz,
      updated_at timestamptz,
      authentication_method text not null,
      auth_code_issued_at timestamptz,
      invite_token text,
      referrer text,
      oauth_client_state_id uuid,
      linking_target_id uuid,
      email_optional boolean not null default false
    );
  end if;
  if to_regclass('auth.mfa_factors') is null then
    create table auth.mfa_factors (
      id uuid not null,
      user_id uuid not null,
      friendly_name text,
      factor_type auth.factor_type not null,
      status auth.factor_status not null,
      created_at timestamptz not null,
      updated_at timestamptz not null,
      secret text,
      phone text,
      last_challenged_at timestamptz,
      web_authn_credential jsonb,
      web_authn_aaguid uuid,
      last_webauthn_challenge_data jsonb
    );
  end if;
  if to_regclass('auth.mfa_challenges') is null then
    create table auth.mfa_challenges (
      id uuid not null,
      factor_id uuid not null,
      created_at timestamptz not null,
      verified_at timestamptz,
      ip_address inet not null,
      otp_code text,
      web_authn_session_data jsonb
    );
  end if;
  if to_regclass('auth.mfa_amr_claims') is null then
    create table auth.mfa_amr_claims (
      session_id uuid not null,
      created_at timestamptz not null,
      updated_at timestamptz not null,
      authentication_method text not null,
      id uuid not null
    );
  end if;
  if to_regclass('auth.webauthn_credentials') is null then
    create table auth.webauthn_credentials (
      id uuid not null default gen_random_uuid(),
      user_id uuid not null,
      credential_id bytea not null,
      public_key bytea not null,
      attestation_type text not null default '',
      aaguid uuid,
      sign_count bigint not null default 0,
      transports jsonb not null default '[]',
      backup_eligible boolean not null default false,
      backed_up boolean not null default false,
      friendly_name text not null default '',
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now(),
      last_used_at timestamptz
    );
  end if;
  if to_regclass('auth.webauthn_challenges') is null then
    create table auth.webauthn_challenges (
      id uuid not null default gen_random_uuid(),
      user_id uuid,
      challenge_type text not null,
      session_data jsonb not null,
      created_at timestamptz not null default now(),
      expires_at timestamptz not null
    );
  end if;
  if to_regclass('auth.sso_providers') is null then
    create table auth.sso_providers (
      id uuid not null,
      resource_id text,
      created_at timestamptz,
      updated_at timestamptz,
      disabled boolean
    );
  end if;
  if to_regclass('auth.sso_domains') is null then
    create table auth.sso_domains (
      id uuid not null,
      sso_provider_id uuid not null,
      domain text not null,
      created_at timestamptz,
      updated_at timestamptz
    );
  end if;
  if to_regclass('auth.saml_providers') is null then
    create table auth.saml_providers (
      id uuid not null,
      sso_provider_id uuid not null,
      entity_id text not null,
      metadata_xml text not null,
      metadata_url text,
      attribute_mapping jsonb,
      created_at timestamptz,
      updated_at timestamptz,
      name_id_format text
    );
  end if;
  if to_regclass('auth.saml_relay_states') is null then
    create table auth.saml_relay_states (
      id uuid not null,
      sso_provider_id uuid not null,
      request_id text not null,
      for_email text,
      redirect_to text,
      created_at timestamptz,
      updated_at timestamptz,
      flow_state_id uuid
    );
  end if;
  if to_regclass('auth.oauth_clients') is null then
    create table auth.oauth_clients (
      id uuid not null,
      client_secret_hash text,
      registration_type auth.oauth_registration_type not null,
      redirect_uris text not null,
      grant_types text not null,
      client_name text,
      client_uri text,
      logo_uri text,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now(),
      deleted_at timestamptz,
      client_type auth.oauth_client_type not null default 'confidential',
      token_endpoint_auth_method text not null
    );
  end if;
  if to_regclass('auth.oauth_client_states') is null then
    create table auth.oauth_client_states (
      id uuid not null,
      provider_type text not null,
      code_verifier text,
      created_at timestamptz not null
    );
  end if;
  if to_regclass('auth.oauth_authorizations') is null then
    create table auth.oauth_authorizations (
      id uuid not null,
      authorization_id text not null,
      client_id uuid not null,
      user_id uuid,
      redirect_uri text not null,
      scope text not null,
      state text,
      resource text,
      code_challenge text,
      code_challenge_method auth.code_challenge_method,
      response_type auth.oauth_response_type not null default 'code',
      status auth.oauth_authorization_status not null default 'pending',
      authorization_code text,
      created_at timestamptz not null default now(),
      expires_at timestamptz not null default now() + interval '3 minutes',
      approved_at timestamptz,
      nonce text
    );
  end if;
  if to_regclass('auth.oauth_consents') is null then
    create table auth.oauth_consents (
      id uuid not null,
      user_id uuid not null,
      client_id uuid not null,
      scopes text not null,
      granted_at timestamptz not null default now(),
      revoked_at timestamptz
    );
  end if;
  if to_regclass('auth.custom_oauth_providers') is null then
    create table auth.custom_oauth_providers (
      id uuid not null default gen_random_uuid(),
      provider_type text not null,
      identifier text not null,
      name text not null,
      client_id text not null,
      client_secret text not null,
      acceptable_client_ids text[] not null default '{}',
      scopes text[] not null default '{}',
      pkce_enabled boolean not null default true,
      attribute_mapping jsonb not null default '{}',
      authorization_params jsonb not null default '{}',
      enabled boolean not null default true,
      email_optional boolean not null default false,
      issuer text,
      discovery_url text,
      skip_nonce_check boolean not null default false,
      cached_discovery jsonb,
      discovery_cached_at timestamptz,
      authorization_url text,
      token_url text,
      userinfo_url text,
      jwks_uri text,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now(),
      custom_claims_allowlist text[] not null default '{}'
    );
  end if;
  if to_regclass('auth.instances') is null then
    create table auth.instances (
      id uuid not null,
      uuid uuid,
      raw_base_config text,
      created_at timestamptz,
      updated_at timestamptz
    );
  end if;
  if to_regclass('auth.audit_log_entries') is null then
    create table auth.audit_log_entries (
      instance_id uuid,
      id uuid not null,
      payload json,
      created_at timestamptz,
      ip_address varchar(64) not null default ''
    );
  end if;
  -- GoTrue's own list of migrations. It stays as we find it, so that GoTrue can take the database back.
  if to_regclass('auth.schema_migrations') is null then
    create table auth.schema_migrations (version varchar(14) not null);
  end if;
end $$;

-- Columns that came to tables after August 2024, for databases of a GoTrue from between then and now.

do $$
declare
  wanted record;
begin
  for wanted in
    select * from (values
      ('mfa_challenges', 'web_authn_session_data', 'jsonb'),
      ('mfa_factors', 'web_authn_credential', 'jsonb'),
      ('mfa_factors', 'web_authn_aaguid', 'uuid'),
      ('mfa_factors', 'last_webauthn_challenge_data', 'jsonb'),
      ('sso_providers', 'disabled', 'boolean'),
      ('sessions', 'oauth_client_id', 'uuid'),
      ('sessions', 'refresh_token_hmac_key', 'text'),
      ('sessions', 'refresh_token_counter', 'bigint'),
      ('sessions', 'scopes', 'text'),
      ('oauth_authorizations', 'nonce', 'text'),
      ('flow_state', 'invite_token', 'text'),
      ('flow_state', 'referrer', 'text'),
      ('flow_state', 'oauth_client_state_id', 'uuid'),
      ('flow_state', 'linking_target_id', 'uuid'),
      ('flow_state', 'email_optional', 'boolean not null default false'),
      ('custom_oauth_providers', 'custom_claims_allowlist', $d$text[] not null default '{}'$d$)
    ) as columns (table_name, name, definition)
  loop
    if not exists (
      select from pg_attribute
      where attrelid = format('auth.%I', wanted.table_name)::regclass and attname = wanted.name and not attisdropped
    ) then
      execute format('alter table auth.%I add column %I %s', wanted.table_name, wanted.name, wanted.definition);
    end if;
  end loop;

  for wanted in
    select attname as name from pg_attribute
    where attrelid = 'auth.flow_state'::regclass and attnotnull
      and attname in ('auth_code', 'code_challenge', 'code_challenge_method')
  loop
    execute format('alter table auth.flow_state alter column %I drop not null', wanted.name);
  end loop;

  -- The existing clients get the method that fits their kind, since no default fits all.
  if not exists (
    select from pg_attribute where attrelid = 'auth.oauth_clients'::regclass and attname = 'token_endpoint_auth_method'
  ) then
    alter table auth.oauth_clients add column token_endpoint_auth_method text;
    update auth.oauth_clients set token_endpoint_auth_method =
      case client_type when 'public' then 'none' else 'client_secret_basic' end;
    alter table auth.oauth_clients alter column token_endpoint_auth_method set not null;
  end if;
end $$;

-- Keys and checks, by GoTrue's names: applications and error messages know some of them.

do $$
declare
  wanted record;
begin
  for wanted in
    select * from (values
      ('users', 'users_pkey', 'primary key (id)'),
      ('users', 'users_phone_key', 'unique (phone)'),
      ('users', 'users_email_change_confirm_status_check',
        'check (email_change_confirm_status >= 0 and email_change_confirm_status <= 2)'),
      ('identities', 'identities_pkey', 'primary key (id)'),
      ('identities', 'identities_provider_id_provider_unique', 'unique (provider_id, provider)'),
      ('identities', 'identities_user_id_fkey', 'foreign key (user_id) references auth.users (id) on delete cascade'),
      ('oauth_clients', 'oauth_clients_pkey', 'primary key (id)'),
      ('oauth_clients', 'oauth_clients_client_name_length', 'check (char_length(client_name) <= 1024)'),
      ('oauth_clients', 'oauth_clients_client_uri_length', 'check (char_length(client_uri) <= 2048)'),
      ('oauth_clients', 'oauth_clients_logo_uri_length', 'check (char_length(logo_uri) <= 2048)'),
      ('oauth_clients', 'oauth_clients_token_endpoint_auth_method_check',
        $c$check (token_endpoint_auth_method in ('client_secret_basic', 'client_secret_post', 'none'))$c$),
      ('sessions', 'sessions_pkey', 'primary key (id)'),
      ('sessions', 'sessions_user_id_fkey', 'foreign key (user_id) references auth.users (id) on delete cascade'),
      ('sessions', 'sessions_oauth_client_id_fkey',
        'foreign key (oauth_client_id) references auth.oauth_clients (id) on delete cascade'),
      ('sessions', 'sessions_scopes_length', 'check (char_length(scopes) <= 4096)'),
      ('refresh_tokens', 'refresh_tokens_pkey', 'primary key (id)'),
      ('refresh_tokens', 'refresh_tokens_token_unique', 'unique (token)'),
      ('refresh_tokens', 'refresh_tokens_session_id_fkey',
        'foreign key (session_id) references auth.sessions (id) on delete cascade'),
      ('one_time_tokens', 'one_time_tokens_pkey', 'primary key (id)'),
      ('one_time_tokens', 'one_time_tokens_token_hash_check', 'check (char_length(token_hash) > 0)'),
      ('one_time_tokens', 'one_time_tokens_user_id_fkey',
        'foreign key (user_id) references auth.users (id) on delete cascade'),
      ('flow_state', 'flow_state_pkey', 'primary key (id)'),
      ('mfa_factors', 'mfa_factors_pkey', 'primary key (id)'),
      ('mfa_factors', 'mfa_factors_last_challenged_at_key', 'unique (last_challenged_at)'),
      ('mfa_factors', 'mfa_factors_user_id_fkey', 'foreign key (user_id) references auth.users (id) on delete cascade'),
      ('mfa_challenges', 'mfa_challenges_pkey', 'primary key (id)'),
      ('mfa_challenges', 'mfa_challenges_auth_factor_id_fkey',
        'foreign key (factor_id) references auth.mfa_factors (id) on delete cascade'),
      ('mfa_amr_claims', 'amr_id_pk', 'primary key (id)'),
      ('mfa_amr_claims', 'mfa_amr_claims_session_id_authentication_method_pkey',
        'unique (session_id, authentication_method)'),
      ('mfa_amr_claims', 'mfa_amr_claims_session_id_fkey',
        'foreign key (session_id) references auth.sessions (id) on delete cascade'),
      ('webauthn_credentials', 'webauthn_credentials_pkey', 'primary key (id)'),
      ('webauthn_credentials', 'webauthn_credentials_user_id_fkey',
        'foreign key (user_id) references auth.users (id) on delete cascade'),
      ('webauthn_challenges', 'webauthn_challenges_pkey', 'primary key (id)'),
      ('webauthn_challenges', 'webauthn_challenges_challenge_type_check',
        $c$check (challenge_type in ('signup', 'registration', 'authentication'))$c$),
      ('webauthn_challenges', 'webauthn_challenges_user_id_fkey',
        'foreign key (user_id) references auth.users (id) on delete cascade'),
      ('sso_providers', 'sso_providers_pkey', 'primary key (id)'),
      ('sso_providers', 'resource_id not empty',
        'check (resource_id = null::text or char_length(resource_id) > 0)'),
      ('sso_domains', 'sso_domains_pkey', 'primary key (id)'),
      ('sso_domains', 'domain not empty', 'check (char_length(domain) > 0)'),
      ('sso_domains', 'sso_domains_sso_provider_id_fkey',
        'foreign key (sso_provider_id) references auth.sso_providers (id) on delete cascade'),
      ('saml_providers', 'saml_providers_pkey', 'primary key (id)'),
      ('saml_providers', 'saml_providers_entity_id_key', 'unique (entity_id)'),
      ('saml_providers', 'entity_id not empty', 'check (char_length(entity_id) > 0)'),
      ('saml_providers', 'metadata_url not empty',
        'check (metadata_url = null::text or char_length(metadata_url) > 0)'),
      ('saml_providers', 'metadata_xml not empty', 'check (char_length(metadata_xml) > 0)'),
      ('saml_providers', 'saml_providers_sso_provider_id_fkey',
        'foreign key (sso_provider_id) references auth.sso_providers (id) on delete cascade'),
      ('saml_relay_states', 'saml_relay_states_pkey', 'primary key (id)'),
      ('saml_relay_states', 'request_id not empty', 'check (char_length(request_id) > 0)'),
      ('saml_relay_states', 'saml_relay_states_flow_state_id_fkey',
        'foreign key (flow_state_id) references auth.flow_state (id) on delete cascade'),
      ('saml_relay_states', 'saml_relay_states_sso_provider_id_fkey',
        'foreign key (sso_provider_id) references auth.sso_providers (id) on delete cascade'),
      ('oauth_client_states', 'oauth_client_states_pkey', 'primary key (id)'),
      ('oauth_authorizations', 'oauth_authorizations_pkey', 'primary key (id)'),
      ('oauth_authorizations', 'oauth_authorizations_authorization_id_key', 'unique (authorization_id)'),
      ('oauth_authorizations', 'oauth_authorizations_authorization_code_key', 'unique (authorization_code)'),
      ('oauth_authorizations', 'oauth_authorizations_redirect_uri_length', 'check (char_length(redirect_uri) <= 2048)'),
      ('oauth_authorizations', 'oauth_authorizations_scope_length', 'check (char_length(scope) <= 4096)'),
      ('oauth_authorizations', 'oauth_authorizations_state_length', 'check (char_length(state) <= 4096)'),
      ('oauth_authorizations', 'oauth_authorizations_resource_length', 'check (char_length(resource) <= 2048)'),
      ('oauth_authorizations', 'oauth_authorizations_nonce_length', 'check (char_length(nonce) <= 255)'),
      ('oauth_authorizations', 'oauth_authorizations_code_challenge_length',
        'check (char_length(code_challenge) <= 128)'),
      ('oauth_authorizations', 'oauth_authorizations_authorization_code_length',
        'check (char_length(authorization_code) <= 255)'),
      ('oauth_authorizations', 'oauth_authorizations_expires_at_future', 'check (expires_at > created_at)'),
      ('oauth_authorizations', 'oauth_authorizations_client_id_fkey',
        'foreign key (client_id) references auth.oauth_clients (id) on delete cascade'),
      ('oauth_authorizations', 'oauth_authorizations_user_id_fkey',
        'foreign key (user_id) references auth.users (id) on delete cascade'),
      ('oauth_consents', 'oauth_consents_pkey', 'primary key (id)'),
      ('oauth_consents', 'oauth_consents_user_client_unique', 'unique (user_id, client_id)'),
      ('oauth_consents', 'oauth_consents_scopes_length', 'check (char_length(scopes) <= 2048)'),
      ('oauth_consents', 'oauth_consents_scopes_not_empty', 'check (char_length(trim(scopes)) > 0)'),
      ('oauth_consents', 'oauth_consents_revoked_after_granted',
        'check (revoked_at is null or revoked_at >= granted_at)'),
      ('oauth_consents', 'oauth_consents_client_id_fkey',
        'foreign key (client_id) references auth.oauth_clients (id) on delete cascade'),
      ('oauth_consents', 'oauth_consents_user_id_fkey',
        'foreign key (user_id) references auth.users (id) on delete cascade'),
      ('custom_oauth_providers', 'custom_oauth_providers_pkey', 'primary key (id)'),
      ('custom_oauth_providers', 'custom_oauth_providers_identifier_key', 'unique (identifier)'),
      ('custom_oauth_providers', 'custom_oauth_providers_provider_type_check',
        $c$check (provider_type in ('oauth2', 'oidc'))$c$),
      ('custom_oauth_providers', 'custom_oauth_providers_identifier_format',
        $c$check (identifier ~ '^[a-z0-9][a-z0-9:-]{0,48}[a-z0-9]$')$c$),
      ('custom_oauth_providers', 'custom_oauth_providers_oauth2_requires_endpoints',
        $c$check (provider_type <> 'oauth2' or (
          authorization_url is not null and token_url is not null and userinfo_url is not null))$c$),
      ('custom_oauth_providers', 'custom_oauth_providers_oidc_requires_issuer',
        $c$check (provider_type <> 'oidc' or issuer is not null)$c$),
      ('custom_oauth_providers', 'custom_oauth_providers_oidc_issuer_https',
        $c$check (provider_type <> 'oidc' or issuer is null or issuer like 'https://%')$c$),
      ('custom_oauth_providers', 'custom_oauth_providers_oidc_discovery_url_https',
        $c$check (provider_type <> 'oidc' or discovery_url is null or discovery_url like 'https://%')$c$),
      ('custom_oauth_providers', 'custom_oauth_providers_authorization_url_https',
        $c$check (authorization_url is null or authorization_url like 'https://%')$c$),
      ('custom_oauth_providers', 'custom_oauth_providers_token_url_https',
        $c$check (token_url is null or token_url like 'https://%')$c$),
      ('custom_oauth_providers', 'custom_oauth_providers_userinfo_url_https',
        $c$check (userinfo_url is null or userinfo_url like 'https://%')$c$),
      ('custom_oauth_providers', 'custom_oauth_providers_jwks_uri_https',
        $c$check (jwks_uri is null or jwks_uri like 'https://%')$c$),
      ('custom_oauth_providers', 'custom_oauth_providers_name_length',
        'check (char_length(name) >= 1 and char_length(name) <= 100)'),
      ('custom_oauth_providers', 'custom_oauth_providers_client_id_length',
        'check (char_length(client_id) >= 1 and char_length(client_id) <= 512)'),
      ('custom_oauth_providers', 'custom_oauth_providers_issuer_length',
        'check (issuer is null or (char_length(issuer) >= 1 and char_length(issuer) <= 2048))'),
      ('custom_oauth_providers', 'custom_oauth_providers_discovery_url_length',
        'check (discovery_url is null or char_length(discovery_url) <= 2048)'),
      ('custom_oauth_providers', 'custom_oauth_providers_authorization_url_length',
        'check (authorization_url is null or char_length(authorization_url) <= 2048)'),
      ('custom_oauth_providers', 'custom_oauth_providers_token_url_length',
        'check (token_url is null or char_length(token_url) <= 2048)'),
      ('custom_oauth_providers', 'custom_oauth_providers_userinfo_url_length',
        'check (userinfo_url is null or char_length(userinfo_url) <= 2048)'),
      ('custom_oauth_providers', 'custom_oauth_providers_jwks_uri_length',
        'check (jwks_uri is null or char_length(jwks_uri) <= 2048)'),
      ('instances', 'instances_pkey', 'primary key (id)'),
      ('audit_log_entries', 'audit_log_entries_pkey', 'primary key (id)')
    ) as constraints (table_name, name, definition)
  loop
    if not exists (
      select from pg_constraint
      where conrelid = format('auth.%I', wanted.table_name)::regclass and conname = wanted.name
    ) then
      execute format('alter table auth.%I add constraint %I %s', wanted.table_name, wanted.name, wanted.definition);
    end if;
  end loop;
end $$;

-- Indexes that are not a constraint's own.

do $$
declare
  wanted record;
begin
  for wanted in
    select * from (values
      ('', 'users_instance_id_idx', 'users (instance_id)'),
      ('', 'users_instance_id_email_idx', 'users (instance_id, lower(email::text))'),
      ('', 'users_is_anonymous_idx', 'users (is_anonymous)'),
      ('unique', 'users_email_partial_key', 'users (email) where is_sso_user = false'),
      -- Empty strings and numeric codes of old clash with each other, and may.
      ('unique', 'confirmation_token_idx', $i$users (confirmation_token) where confirmation_token !~ '^[0-9 ]*$'$i$),
      ('unique', 'recovery_token_idx', $i$users (recovery_token) where recovery_token !~ '^[0-9 ]*$'$i$),
      ('unique', 'reauthentication_token_idx',
        $i$users (reauthentication_token) where reauthentication_token !~ '^[0-9 ]*$'$i$),
      ('unique', 'email_change_token_current_idx',
        $i$users (email_change_token_current) where email_change_token_current !~ '^[0-9 ]*$'$i$),
      ('unique', 'email_change_token_new_idx',
        $i$users (email_change_token_new) where email_change_token_new !~ '^[0-9 ]*$'$i$),
      ('', 'identities_user_id_idx', 'identities (user_id)'),
      ('', 'identities_email_idx', 'identities (email text_pattern_ops)'),
      ('', 'sessions_user_id_idx', 'sessions (user_id)'),
      ('', 'sessions_not_after_idx', 'sessions (not_after desc)'),
      ('', 'sessions_oauth_client_id_idx', 'sessions (oauth_client_id)'),
      ('', 'user_id_created_at_idx', 'sessions (user_id, created_at)'),
      ('', 'refresh_tokens_instance_id_idx', 'refresh_tokens (instance_id)'),
      ('', 'refresh_tokens_instance_id_user_id_idx', 'refresh_tokens (instance_id, user_id)'),
      ('', 'refresh_tokens_parent_idx', 'refresh_tokens (parent)'),
      ('', 'refresh_tokens_session_id_revoked_idx', 'refresh_tokens (session_id, revoked)'),
      ('', 'refresh_tokens_updated_at_idx', 'refresh_tokens (updated_at desc)'),
      ('', 'one_time_tokens_relates_to_hash_idx', 'one_time_tokens using hash (relates_to)'),
      ('', 'one_time_tokens_token_hash_hash_idx', 'one_time_tokens using hash (token_hash)'),
      ('unique', 'one_time_tokens_user_id_token_type_key', 'one_time_tokens (user_id, token_type)'),
      ('', 'flow_state_created_at_idx', 'flow_state (created_at desc)'),
      ('', 'idx_auth_code', 'flow_state (auth_code)'),
      ('', 'idx_user_id_auth_method', 'flow_state (user_id, authentication_method)'),
      ('', 'mfa_factors_user_id_idx', 'mfa_factors (user_id)'),
      ('', 'factor_id_created_at_idx', 'mfa_factors (user_id, created_at)'),
      ('unique', 'mfa_factors_user_friendly_name_unique',
        $i$mfa_factors (friendly_name, user_id) where trim(friendly_name) <> ''$i$),
      ('unique', 'unique_phone_factor_per_user', 'mfa_factors (user_id, phone)'),
      ('', 'mfa_challenge_created_at_idx', 'mfa_challenges (created_at desc)'),
      ('', 'webauthn_credentials_user_id_idx', 'webauthn_credentials (user_id)'),
      ('unique', 'webauthn_credentials_credential_id_key', 'webauthn_credentials (credential_id)'),
      ('', 'webauthn_challenges_user_id_idx', 'webauthn_challenges (user_id)'),
      ('', 'webauthn_challenges_expires_at_idx', 'webauthn_challenges (expires_at)'),
      ('unique', 'sso_providers_resource_id_idx', 'sso_providers (lower(resource_id))'),
      ('', 'sso_providers_resource_id_pattern_idx', 'sso_providers (resource_id text_pattern_ops)'),
      ('', 'sso_domains_sso_provider_id_idx', 'sso_domains (sso_provider_id)'),
      ('unique', 'sso_domains_domain_idx', 'sso_domains (lower(domain))'),
      ('', 'saml_providers_sso_provider_id_idx', 'saml_providers (sso_provider_id)'),
      ('', 'saml_relay_states_sso_provider_id_idx', 'saml_relay_states (sso_provider_id)'),
      ('', 'saml_relay_states_for_email_idx', 'saml_relay_states (for_email)'),
      ('', 'saml_relay_states_created_at_idx', 'saml_relay_states (created_at desc)'),
      ('', 'oauth_clients_deleted_at_idx', 'oauth_clients (deleted_at)'),
      ('', 'idx_oauth_client_states_created_at', 'oauth_client_states (created_at)'),
      ('', 'oauth_auth_pending_exp_idx', $i$oauth_authorizations (expires_at) where status = 'pending'$i$),
      ('', 'oauth_consents_active_client_idx', 'oauth_consents (client_id) where revoked_at is null'),
      ('', 'oauth_consents_active_user_client_idx', 'oauth_consents (user_id, client_id) where revoked_at is null'),
      ('', 'oauth_consents_user_order_idx', 'oauth_consents (user_id, granted_at desc)'),
      ('', 'custom_oauth_providers_identifier_idx', 'custom_oauth_providers (identifier)'),
      ('', 'custom_oauth_providers_provider_type_idx', 'custom_oauth_providers (provider_type)'),
      ('', 'custom_oauth_providers_enabled_idx', 'custom_oauth_providers (enabled)'),
      ('', 'custom_oauth_providers_created_at_idx', 'custom_oauth_providers (created_at)'),
      ('', 'audit_logs_instance_id_idx', 'audit_log_entries (instance_id)'),
      ('unique', 'schema_migrations_version_idx', 'schema_migrations (version)')
    ) as indexes (kind, name, definition)
  loop
    if to_regclass('auth.' || wanted.name) is null then
      execute format('create %s index %I on auth.%s', wanted.kind, wanted.name, wanted.definition);
    end if;
  end loop;
end $$;

-- Who may see what, on a schema that we made. Row-level security without a policy hides every row from all but the
-- owner, and so the server has to connect as the role that owns these tables.

do $$
declare
  secret text;
  role_name text;
begin
  if not current_setting('sekisho.fresh')::boolean then
    return;
  end if;

  foreach secret in array array[
    'audit_log_entries', 'flow_state', 'identities', 'instances', 'mfa_amr_claims', 'mfa_challenges', 'mfa_factors',
    'one_time_tokens', 'refresh_tokens', 'saml_providers', 'saml_relay_states', 'schema_migrations', 'sessions',
    'sso_domains', 'sso_providers', 'users'
  ] loop
    execute format('alter table auth.%I enable row level security', secret);
    if to_regrole('postgres') is not null and current_user <> 'postgres' then
      execute format('grant select on auth.%I to postgres with grant option', secret);
    end if;
  end loop;

  -- Roles belong to the whole server: another database may make the same one at this moment, and we may not be
  -- allowed to make any.
  foreach role_name in array array['anon', 'authenticated', 'service_role'] loop
    if to_regrole(role_name) is null then
      begin
        execute format('create role %I nologin noinherit', role_name);
      exception
        when duplicate_object or unique_violation then null;
        when insufficient_privilege then
          raise warning 'The database role % is missing, and % may not create roles', role_name, current_user;
      end;
      if role_name = 'service_role' and to_regrole(role_name) is not null then
        begin
          alter role service_role bypassrls;
        exception when insufficient_privilege then
          raise warning 'The database role service_role does not bypass row-level security: % may not grant that',
            current_user;
        end;
      end if;
    end if;
    if to_regrole(role_name) is not null then
      execute format('grant usage on schema auth to %I', role_name);
      execute format('grant execute on function auth.uid(), auth.role(), auth.email(), auth.jwt() to %I', role_name);
    end if;
  end loop;
end $$;
