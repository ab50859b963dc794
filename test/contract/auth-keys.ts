/** By name; `UNIQUE` first where it is. The indexes of primary keys and unique constraints are among them. */
export const authIndexes: Record<string, string> = {
  amr_id_pk: 'UNIQUE mfa_amr_claims USING btree (id)',
  audit_log_entries_pkey: 'UNIQUE audit_log_entries USING btree (id)',
  audit_logs_instance_id_idx: 'audit_log_entries USING btree (instance_id)',
  confirmation_token_idx:
    "UNIQUE users USING btree (confirmation_token) WHERE ((confirmation_token)::text !~ '^[0-9 ]*$'::text)",
  custom_oauth_providers_created_at_idx: 'custom_oauth_providers USING btree (created_at)',
  custom_oauth_providers_enabled_idx: 'custom_oauth_providers USING btree (enabled)',
  custom_oauth_providers_identifier_idx: 'custom_oauth_providers USING btree (identifier)',
  custom_oauth_providers_identifier_key: 'UNIQUE custom_oauth_providers USING btree (identifier)',
  custom_oauth_providers_pkey: 'UNIQUE custom_oauth_providers USING btree (id)',
  custom_oauth_providers_provider_type_idx: 'custom_oauth_providers USING btree (provider_type)',
  email_change_token_current_idx:
    "UNIQUE users USING btree (email_change_token_current) WHERE ((email_change_token_current)::text !~ '^[0-9 ]*$'::text)",
  email_change_token_new_idx:
    "UNIQUE users USING btree (email_change_token_new) WHERE ((email_change_token_new)::text !~ '^[0-9 ]*$'::text)",
  factor_id_created_at_idx: 'mfa_factors USING btree (user_id, created_at)',
  flow_state_created_at_idx: 'flow_state USING btree (created_at DESC)',
  flow_state_pkey: 'UNIQUE flow_state USING btree (id)',
  identities_email_idx: 'identities USING btree (email text_pattern_ops)',
  identities_pkey: 'UNIQUE identities USING btree (id)',
  identities_provider_id_provider_unique: 'UNIQUE identities USING btree (provider_id, provider)',
  identities_user_id_idx: 'identities USING btree (user_id)',
  idx_auth_code: 'flow_state USING btree (auth_code)',
  idx_oauth_client_states_created_at: 'oauth_client_states USING btree (created_at)',
  idx_user_id_auth_method: 'flow_state USING btree (user_id, authentication_method)',
  instances_pkey: 'UNIQUE instances USING btree (id)',
  mfa_amr_claims_session_id_authentication_method_pkey:
    'UNIQUE mfa_amr_claims USING btree (session_id, authentication_method)',
  mfa_challenge_created_at_idx: 'mfa_challenges USING btree (created_at DESC)',
  mfa_challenges_pkey: 'UNIQUE mfa_challenges USING btree (id)',
  mfa_factors_last_challenged_at_key: 'UNIQUE mfa_factors USING btree (last_challenged_at)',
  mfa_factors_pkey: 'UNIQUE mfa_factors USING btree (id)',
  mfa_factors_user_friendly_name_unique:
    "UNIQUE mfa_factors USING btree (friendly_name, user_id) WHERE (TRIM(BOTH FROM friendly_name) <> ''::text)",
  mfa_factors_user_id_idx: 'mfa_factors USING btree (user_id)',
  oauth_auth_pending_exp_idx:
    "oauth_authorizations USING btree (expires_at) WHERE (status = 'pending'::auth.oauth_authorization_status)",
  oauth_authorizations_authorization_code_key:
    'UNIQUE oauth_authorizations USING btree (authorization_code)',
  oauth_authorizations_authorization_id_key:
    'UNIQUE oauth_authorizations USING btree (authorization_id)',
  oauth_authorizations_pkey: 'UNIQUE oauth_authorizations USING btree (id)',
  oauth_client_states_pkey: 'UNIQUE oauth_client_states USING btree (id)',
  oauth_clients_deleted_at_idx: 'oauth_clients USING btree (deleted_at)',
  oauth_clients_pkey: 'UNIQUE oauth_clients USING btree (id)',
  oauth_consents_active_client_idx:
    'oauth_consents USING btree (client_id) WHERE (revoked_at IS NULL)',
  oauth_consents_active_user_client_idx:
    'oauth_consents USING btree (user_id, client_id) WHERE (revoked_at IS NULL)',
  oauth_consents_pkey: 'UNIQUE oauth_consents USING btree (id)',
  oauth_consents_user_client_unique: 'UNIQUE oauth_consents USING btree (user_id, client_id)',
  oauth_consents_user_order_idx: 'oauth_consents USING btree (user_id, granted_at DESC)',
  one_time_tokens_pkey: 'UNIQUE one_time_tokens USING btree (id)',
  one_time_tokens_relates_to_hash_idx: 'one_time_tokens USING hash (relates_to)',
  one_time_tokens_token_hash_hash_idx: 'one_time_tokens USING hash (token_hash)',
  one_time_tokens_user_id_token_type_key:
    'UNIQUE one_time_tokens USING btree (user_id, token_type)',
  reauthentication_token_idx:
    "UNIQUE users USING btree (reauthentication_token) WHERE ((reauthentication_token)::text !~ '^[0-9 ]*$'::text)",
  recovery_token_idx:
    "UNIQUE users USING btree (recovery_token) WHERE ((recovery_token)::text !~ '^[0-9 ]*$'::text)",
  refresh_tokens_instance_id_idx: 'refresh_tokens USING btree (instance_id)',
  refresh_tokens_instance_id_user_id_idx: 'refresh_tokens USING btree (instance_id, user_id)',
  refresh_tokens_parent_idx: 'refresh_tokens USING btree (parent)',
  refresh_tokens_pkey: 'UNIQUE refresh_tokens USING btree (id)',
  refresh_tokens_session_id_revoked_idx: 'refresh_tokens USING btree (session_id, revoked)',
  refresh_tokens_token_unique: 'UNIQUE refresh_tokens USING btree (token)',
  refresh_tokens_updated_at_idx: 'refresh_tokens USING btree (updated_at DESC)',
  saml_providers_entity_id_key: 'UNIQUE saml_providers USING btree (entity_id)',
  saml_providers_pkey: 'UNIQUE saml_providers USING btree (id)',
  saml_providers_sso_provider_id_idx: 'saml_providers USING btree (sso_provider_id)',
  saml_relay_states_created_at_idx: 'saml_relay_states USING btree (created_at DESC)',
  saml_relay_states_for_email_idx: 'saml_relay_states USING btree (for_email)',
  saml_relay_states_pkey: 'UNIQUE saml_relay_states USING btree (id)',
  saml_relay_states_sso_provider_id_idx: 'saml_relay_states USING btree (sso_provider_id)',
  schema_migrations_version_idx: 'UNIQUE schema_migrations USING btree (version)',
  sessions_not_after_idx: 'sessions USING btree (not_after DESC)',
  sessions_oauth_client_id_idx: 'sessions USING btree (oauth_client_id)',
  sessions_pkey: 'UNIQUE sessions USING btree (id)',
  sessions_user_id_idx: 'sessions USING btree (user_id)',
  sso_domains_domain_idx: 'UNIQUE sso_domains USING btree (lower(domain))',
  sso_domains_pkey: 'UNIQUE sso_domains USING btree (id)',
  sso_domains_sso_provider_id_idx: 'sso_domains USING btree (sso_provider_id)',
  sso_providers_pkey: 'UNIQUE sso_providers USING btree (id)',
  sso_providers_resource_id_idx: 'UNIQUE sso_providers USING btree (lower(resource_id))',
  sso_providers_resource_id_pattern_idx: 'sso_providers USING btree (resource_id text_pattern_ops)',
  unique_phone_factor_per_user: 'UNIQUE mfa_factors USING btree (user_id, phone)',
  user_id_created_at_idx: 'sessions USING btree (user_id, created_at)',
  users_email_partial_key: 'UNIQUE users USING btree (email) WHERE (is_sso_user = false)',
  users_instance_id_email_idx: 'users USING btree (instance_id, lower((email)::text))',
  users_instance_id_idx: 'users USING btree (instance_id)',
  users_is_anonymous_idx: 'users USING btree (is_anonymous)',
  users_phone_key: 'UNIQUE users USING btree (phone)',
  users_pkey: 'UNIQUE users USING btree (id)',
  webauthn_challenges_expires_at_idx: 'webauthn_challenges USING btree (expires_at)',
  webauthn_challenges_pkey: 'UNIQUE webauthn_challenges USING btree (id)',
  webauthn_challenges_user_id_idx: 'webauthn_challenges USING btree (user_id)',
  webauthn_credentials_credential_id_key: 'UNIQUE webauthn_credentials USING btree (credential_id)',
  webauthn_credentials_pkey: 'UNIQUE webauthn_credentials USING btree (id)',
  webauthn_credentials_user_id_idx: 'webauthn_credentials USING btree (user_id)',
}

/** By table and name. */
export const authConstraints: Record<string, string> = {
  'audit_log_entries: audit_log_entries_pkey': 'PRIMARY KEY (id)',
  'custom_oauth_providers: custom_oauth_providers_authorization_url_https':
    "CHECK (((authorization_url IS NULL) OR (authorization_url ~~ 'https://%'::text)))",
  'custom_oauth_providers: custom_oauth_providers_authorization_url_length':
    'CHECK (((authorization_url IS NULL) OR (char_length(authorization_url) <= 2048)))',
  'custom_oauth_providers: custom_oauth_providers_client_id_length':
    'CHECK (((char_length(client_id) >= 1) AND (char_length(client_id) <= 512)))',
  'custom_oauth_providers: custom_oauth_providers_discovery_url_length':
    'CHECK (((discovery_url IS NULL) OR (char_length(discovery_url) <= 2048)))',
  'custom_oauth_providers: custom_oauth_providers_identifier_format':
    "CHECK ((identifier ~ '^[a-z0-9][a-z0-9:-]{0,48}[a-z0-9]$'::text))",
  'custom_oauth_providers: custom_oauth_providers_identifier_key': 'UNIQUE (identifier)',
  'custom_oauth_providers: custom_oauth_providers_issuer_length':
    'CHECK (((issuer IS NULL) OR ((char_length(issuer) >= 1) AND (char_length(issuer) <= 2048))))',
  'custom_oauth_providers: custom_oauth_providers_jwks_uri_https':
    "CHECK (((jwks_uri IS NULL) OR (jwks_uri ~~ 'https://%'::text)))",
  'custom_oauth_providers: custom_oauth_providers_jwks_uri_length':
    'CHECK (((jwks_uri IS NULL) OR (char_length(jwks_uri) <= 2048)))',
  'custom_oauth_providers: custom_oauth_providers_name_length':
    'CHECK (((char_length(name) >= 1) AND (char_length(name) <= 100)))',
  'custom_oauth_providers: custom_oauth_providers_oauth2_requires_endpoints':
    "CHECK (((provider_type <> 'oauth2'::text) OR ((authorization_url IS NOT NULL) AND (token_url IS NOT NULL) AND (userinfo_url IS NOT NULL))))",
  'custom_oauth_providers: custom_oauth_providers_oidc_discovery_url_https':
    "CHECK (((provider_type <> 'oidc'::text) OR (discovery_url IS NULL) OR (discovery_url ~~ 'https://%'::text)))",
  'custom_oauth_providers: custom_oauth_providers_oidc_issuer_https':
    "CHECK (((provider_type <> 'oidc'::text) OR (issuer IS NULL) OR (issuer ~~ 'https://%'::text)))",
  'custom_oauth_providers: custom_oauth_providers_oidc_requires_issuer':
    "CHECK (((provider_type <> 'oidc'::text) OR (issuer IS NOT NULL)))",
  'custom_oauth_providers: custom_oauth_providers_pkey': 'PRIMARY KEY (id)',
  'custom_oauth_providers: custom_oauth_providers_provider_type_check':
    "CHECK ((provider_type = ANY (ARRAY['oauth2'::text, 'oidc'::text])))",
  'custom_oauth_providers: custom_oauth_providers_token_url_https':
    "CHECK (((token_url IS NULL) OR (token_url ~~ 'https://%'::text)))",
  'custom_oauth_providers: custom_oauth_providers_token_url_length':
    'CHECK (((token_url IS NULL) OR (char_length(token_url) <= 2048)))',
  'custom_oauth_providers: custom_oauth_providers_userinfo_url_https':
    "CHECK (((userinfo_url IS NULL) OR (userinfo_url ~~ 'https://%'::text)))",
  'custom_oauth_providers: custom_oauth_providers_userinfo_url_length':
    'CHECK (((userinfo_url IS NULL) OR (char_length(userinfo_url) <= 2048)))',
  'flow_state: flow_state_pkey': 'PRIMARY KEY (id)',
  'identities: identities_pkey': 'PRIMARY KEY (id)',
  'identities: identities_provider_id_provider_unique': 'UNIQUE (provider_id, provider)',
  'identities: identities_user_id_fkey':
    'FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE CASCADE',
  'instances: instances_pkey': 'PRIMARY KEY (id)',
  'mfa_amr_claims: amr_id_pk': 'PRIMARY KEY (id)',
  'mfa_amr_claims: mfa_amr_claims_session_id_authentication_method_pkey':
    'UNIQUE (session_id, authentication_method)',
  'mfa_amr_claims: mfa_amr_claims_session_id_fkey':
    'FOREIGN KEY (session_id) REFERENCES auth.sessions(id) ON DELETE CASCADE',
  'mfa_challenges: mfa_challenges_auth_factor_id_fkey':
    'FOREIGN KEY (factor_id) REFERENCES auth.mfa_factors(id) ON DELETE CASCADE',
  'mfa_challenges: mfa_challenges_pkey': 'PRIMARY KEY (id)',
  'mfa_factors: mfa_factors_last_challenged_at_key': 'UNIQUE (last_challenged_at)',
  'mfa_factors: mfa_factors_pkey': 'PRIMARY KEY (id)',
  'mfa_factors: mfa_factors_user_id_fkey':
    'FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE CASCADE',
  'oauth_authorizations: oauth_authorizations_authorization_code_key':
    'UNIQUE (authorization_code)',
  'oauth_authorizations: oauth_authorizations_authorization_code_length':
    'CHECK ((char_length(authorization_code) <= 255))',
  'oauth_authorizations: oauth_authorizations_authorization_id_key': 'UNIQUE (authorization_id)',
  'oauth_authorizations: oauth_authorizations_client_id_fkey':
    'FOREIGN KEY (client_id) REFERENCES auth.oauth_clients(id) ON DELETE CASCADE',
  'oauth_authorizations: oauth_authorizations_code_challenge_length':
    'CHECK ((char_length(code_challenge) <= 128))',
  'oauth_authorizations: oauth_authorizations_expires_at_future':
    'CHECK ((expires_at > created_at))',
  'oauth_authorizations: oauth_authorizations_nonce_length': 'CHECK ((char_length(nonce) <= 255))',
  'oauth_authorizations: oauth_authorizations_pkey': 'PRIMARY KEY (id)',
  'oauth_authorizations: oauth_authorizations_redirect_uri_length':
    'CHECK ((char_length(redirect_uri) <= 2048))',
  'oauth_authorizations: oauth_authorizations_resource_length':
    'CHECK ((char_length(resource) <= 2048))',
  'oauth_authorizations: oauth_authorizations_scope_length': 'CHECK ((char_length(scope) <= 4096))',
  'oauth_authorizations: oauth_authorizations_state_length': 'CHECK ((char_length(state) <= 4096))',
  'oauth_authorizations: oauth_authorizations_user_id_fkey':
    'FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE CASCADE',
  'oauth_client_states: oauth_client_states_pkey': 'PRIMARY KEY (id)',
  'oauth_clients: oauth_clients_client_name_length': 'CHECK ((char_length(client_name) <= 1024))',
  'oauth_clients: oauth_clients_client_uri_length': 'CHECK ((char_length(client_uri) <= 2048))',
  'oauth_clients: oauth_clients_logo_uri_length': 'CHECK ((char_length(logo_uri) <= 2048))',
  'oauth_clients: oauth_clients_pkey': 'PRIMARY KEY (id)',
  'oauth_clients: oauth_clients_token_endpoint_auth_method_check':
    "CHECK ((token_endpoint_auth_method = ANY (ARRAY['client_secret_basic'::text, 'client_secret_post'::text, 'none'::text])))",
  'oauth_consents: oauth_consents_client_id_fkey':
    'FOREIGN KEY (client_id) REFERENCES auth.oauth_clients(id) ON DELETE CASCADE',
  'oauth_consents: oauth_consents_pkey': 'PRIMARY KEY (id)',
  'oauth_consents: oauth_consents_revoked_after_granted':
    'CHECK (((revoked_at IS NULL) OR (revoked_at >= granted_at)))',
  'oauth_consents: oauth_consents_scopes_length': 'CHECK ((char_length(scopes) <= 2048))',
  'oauth_consents: oauth_consents_scopes_not_empty':
    'CHECK ((char_length(TRIM(BOTH FROM scopes)) > 0))',
  'oauth_consents: oauth_consents_user_client_unique': 'UNIQUE (user_id, client_id)',
  'oauth_consents: oauth_consents_user_id_fkey':
    'FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE CASCADE',
  'one_time_tokens: one_time_tokens_pkey': 'PRIMARY KEY (id)',
  'one_time_tokens: one_time_tokens_token_hash_check': 'CHECK ((char_length(token_hash) > 0))',
  'one_time_tokens: one_time_tokens_user_id_fkey':
    'FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE CASCADE',
  'refresh_tokens: refresh_tokens_pkey': 'PRIMARY KEY (id)',
  'refresh_tokens: refresh_tokens_session_id_fkey':
    'FOREIGN KEY (session_id) REFERENCES auth.sessions(id) ON DELETE CASCADE',
  'refresh_tokens: refresh_tokens_token_unique': 'UNIQUE (token)',
  'saml_providers: entity_id not empty': 'CHECK ((char_length(entity_id) > 0))',
  'saml_providers: metadata_url not empty':
    'CHECK (((metadata_url = NULL::text) OR (char_length(metadata_url) > 0)))',
  'saml_providers: metadata_xml not empty': 'CHECK ((char_length(metadata_xml) > 0))',
  'saml_providers: saml_providers_entity_id_key': 'UNIQUE (entity_id)',
  'saml_providers: saml_providers_pkey': 'PRIMARY KEY (id)',
  'saml_providers: saml_providers_sso_provider_id_fkey':
    'FOREIGN KEY (sso_provider_id) REFERENCES auth.sso_providers(id) ON DELETE CASCADE',
  'saml_relay_states: request_id not empty': 'CHECK ((char_length(request_id) > 0))',
  'saml_relay_states: saml_relay_states_flow_state_id_fkey':
    'FOREIGN KEY (flow_state_id) REFERENCES auth.flow_state(id) ON DELETE CASCADE',
  'saml_relay_states: saml_relay_states_pkey': 'PRIMARY KEY (id)',
  'saml_relay_states: saml_relay_states_sso_provider_id_fkey':
    'FOREIGN KEY (sso_provider_id) REFERENCES auth.sso_providers(id) ON DELETE CASCADE',
  'sessions: sessions_oauth_client_id_fkey':
    'FOREIGN KEY (oauth_client_id) REFERENCES auth.oauth_clients(id) ON DELETE CASCADE',
  'sessions: sessions_pkey': 'PRIMARY KEY (id)',
  'sessions: sessions_scopes_length': 'CHECK ((char_length(scopes) <= 4096))',
  'sessions: sessions_user_id_fkey':
    'FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE CASCADE',
  'sso_domains: domain not empty': 'CHECK ((char_length(domain) > 0))',
  'sso_domains: sso_domains_pkey': 'PRIMARY KEY (id)',
  'sso_domains: sso_domains_sso_provider_id_fkey':
    'FOREIGN KEY (sso_provider_id) REFERENCES auth.sso_providers(id) ON DELETE CASCADE',
  'sso_providers: resource_id not empty':
    'CHECK (((resource_id = NULL::text) OR (char_length(resource_id) > 0)))',
  'sso_providers: sso_providers_pkey': 'PRIMARY KEY (id)',
  'users: users_email_change_confirm_status_check':
    'CHECK (((email_change_confirm_status >= 0) AND (email_change_confirm_status <= 2)))',
  'users: users_phone_key': 'UNIQUE (phone)',
  'users: users_pkey': 'PRIMARY KEY (id)',
  'webauthn_challenges: webauthn_challenges_challenge_type_check':
    "CHECK ((challenge_type = ANY (ARRAY['signup'::text, 'registration'::text, 'authentication'::text])))",
  'webauthn_challenges: webauthn_challenges_pkey': 'PRIMARY KEY (id)',
  'webauthn_challenges: webauthn_challenges_user_id_fkey':
    'FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE CASCADE',
  'webauthn_credentials: webauthn_credentials_pkey': 'PRIMARY KEY (id)',
  'webauthn_credentials: webauthn_credentials_user_id_fkey':
    'FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE CASCADE',
}
