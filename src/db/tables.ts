/** Generated from a migrated database by scripts/tables.ts; `npm run tables` writes it anew. */
import type { ColumnType, Generated, GeneratedAlways } from 'kysely'

/** Goes in as an object or as JSON text. An array has to be text: a driver would take it for Postgres' own array. */
export type JsonInput = string | Record<string, unknown>
export type Json = ColumnType<unknown, JsonInput, JsonInput>
export type OptionalJson = ColumnType<unknown, JsonInput | null | undefined, JsonInput | null>

export interface AuthAuditLogEntries {
  instance_id: string | null
  id: string
  payload: OptionalJson
  created_at: Date | null
  ip_address: Generated<string>
}

export interface AuthCustomOauthProviders {
  id: Generated<string>
  provider_type: string
  identifier: string
  name: string
  client_id: string
  client_secret: string
  acceptable_client_ids: Generated<string[]>
  scopes: Generated<string[]>
  pkce_enabled: Generated<boolean>
  attribute_mapping: OptionalJson
  authorization_params: OptionalJson
  enabled: Generated<boolean>
  email_optional: Generated<boolean>
  issuer: string | null
  discovery_url: string | null
  skip_nonce_check: Generated<boolean>
  cached_discovery: OptionalJson
  discovery_cached_at: Date | null
  authorization_url: string | null
  token_url: string | null
  userinfo_url: string | null
  jwks_uri: string | null
  created_at: Generated<Date>
  updated_at: Generated<Date>
  custom_claims_allowlist: Generated<string[]>
}

export interface AuthFlowState {
  id: string
  user_id: string | null
  auth_code: string | null
  code_challenge_method: 's256' | 'plain' | null
  code_challenge: string | null
  provider_type: string
  provider_access_token: string | null
  provider_refresh_token: string | null
  created_at: Date | null
  updated_at: Date | null
  authentication_method: string
  auth_code_issued_at: Date | null
  invite_token: string | null
  referrer: string | null
  oauth_client_state_id: string | null
  linking_target_id: string | null
  email_optional: Generated<boolean>
}

export interface AuthIdentities {
  provider_id: string
  user_id: string
  identity_data: Json
  provider: string
  last_sign_in_at: Date | null
  created_at: Date | null
  updated_at: Date | null
  email: GeneratedAlways<string | null>
  id: Generated<string>
}

export interface AuthInstances {
  id: string
  uuid: string | null
  raw_base_config: string | null
  created_at: Date | null
  updated_at: Date | null
}

export interface AuthMfaAmrClaims {
  session_id: string
  created_at: Date
  updated_at: Date
  authentication_method: string
  id: string
}

export interface AuthMfaChallenges {
  id: string
  factor_id: string
  created_at: Date
  verified_at: Date | null
  ip_address: string
  otp_code: string | null
  web_authn_session_data: OptionalJson
}

export interface AuthMfaFactors {
  id: string
  user_id: string
  friendly_name: string | null
  factor_type: 'totp' | 'webauthn' | 'phone'
  status: 'unverified' | 'verified'
  created_at: Date
  updated_at: Date
  secret: string | null
  phone: string | null
  last_challenged_at: Date | null
  web_authn_credential: OptionalJson
  web_authn_aaguid: string | null
  last_webauthn_challenge_data: OptionalJson
}

export interface AuthOauthAuthorizations {
  id: string
  authorization_id: string
  client_id: string
  user_id: string | null
  redirect_uri: string
  scope: string
  state: string | null
  resource: string | null
  code_challenge: string | null
  code_challenge_method: 's256' | 'plain' | null
  response_type: Generated<'code'>
  status: Generated<'pending' | 'approved' | 'denied' | 'expired'>
  authorization_code: string | null
  created_at: Generated<Date>
  expires_at: Generated<Date>
  approved_at: Date | null
  nonce: string | null
}

export interface AuthOauthClientStates {
  id: string
  provider_type: string
  code_verifier: string | null
  created_at: Date
}

export interface AuthOauthClients {
  id: string
  client_secret_hash: string | null
  registration_type: 'dynamic' | 'manual'
  redirect_uris: string
  grant_types: string
  client_name: string | null
  client_uri: string | null
  logo_uri: string | null
  created_at: Generated<Date>
  updated_at: Generated<Date>
  deleted_at: Date | null
  client_type: Generated<'public' | 'confidential'>
  token_endpoint_auth_method: string
}

export interface AuthOauthConsents {
  id: string
  user_id: string
  client_id: string
  scopes: string
  granted_at: Generated<Date>
  revoked_at: Date | null
}

export interface AuthOneTimeTokens {
  id: string
  user_id: string
  token_type: 'confirmation_token' | 'reauthentication_token' | 'recovery_token' | 'email_change_token_new' | 'email_change_token_current' | 'phone_change_token'
  token_hash: string
  relates_to: string
  created_at: Generated<Date>
  updated_at: Generated<Date>
}

export interface AuthRefreshTokens {
  instance_id: string | null
  id: Generated<number>
  token: string | null
  user_id: string | null
  revoked: boolean | null
  created_at: Date | null
  updated_at: Date | null
  parent: string | null
  session_id: string | null
}

export interface AuthSamlProviders {
  id: string
  sso_provider_id: string
  entity_id: string
  metadata_xml: string
  metadata_url: string | null
  attribute_mapping: OptionalJson
  created_at: Date | null
  updated_at: Date | null
  name_id_format: string | null
}

export interface AuthSamlRelayStates {
  id: string
  sso_provider_id: string
  request_id: string
  for_email: string | null
  redirect_to: string | null
  created_at: Date | null
  updated_at: Date | null
  flow_state_id: string | null
}

export interface AuthSchemaMigrations {
  version: string
}

export interface AuthSessions {
  id: string
  user_id: string
  created_at: Date | null
  updated_at: Date | null
  factor_id: string | null
  aal: 'aal1' | 'aal2' | 'aal3' | null
  not_after: Date | null
  refreshed_at: Date | null
  user_agent: string | null
  ip: string | null
  tag: string | null
  oauth_client_id: string | null
  refresh_token_hmac_key: string | null
  refresh_token_counter: number | null
  scopes: string | null
}

export interface AuthSsoDomains {
  id: string
  sso_provider_id: string
  domain: string
  created_at: Date | null
  updated_at: Date | null
}

export interface AuthSsoProviders {
  id: string
  resource_id: string | null
  created_at: Date | null
  updated_at: Date | null
  disabled: boolean | null
}

export interface AuthUsers {
  instance_id: string | null
  id: string
  aud: string | null
  role: string | null
  email: string | null
  encrypted_password: string | null
  email_confirmed_at: Date | null
  invited_at: Date | null
  confirmation_token: string | null
  confirmation_sent_at: Date | null
  recovery_token: string | null
  recovery_sent_at: Date | null
  email_change_token_new: string | null
  email_change: string | null
  email_change_sent_at: Date | null
  last_sign_in_at: Date | null
  raw_app_meta_data: OptionalJson
  raw_user_meta_data: OptionalJson
  is_super_admin: boolean | null
  created_at: Date | null
  updated_at: Date | null
  phone: Generated<string | null>
  phone_confirmed_at: Date | null
  phone_change: Generated<string | null>
  phone_change_token: Generated<string | null>
  phone_change_sent_at: Date | null
  confirmed_at: GeneratedAlways<Date | null>
  email_change_token_current: Generated<string | null>
  email_change_confirm_status: Generated<number | null>
  banned_until: Date | null
  reauthentication_token: Generated<string | null>
  reauthentication_sent_at: Date | null
  is_sso_user: Generated<boolean>
  deleted_at: Date | null
  is_anonymous: Generated<boolean>
}

export interface AuthWebauthnChallenges {
  id: Generated<string>
  user_id: string | null
  challenge_type: string
  session_data: Json
  created_at: Generated<Date>
  expires_at: Date
}

export interface AuthWebauthnCredentials {
  id: Generated<string>
  user_id: string
  credential_id: Uint8Array
  public_key: Uint8Array
  attestation_type: Generated<string>
  aaguid: string | null
  sign_count: Generated<number>
  transports: OptionalJson
  backup_eligible: Generated<boolean>
  backed_up: Generated<boolean>
  friendly_name: Generated<string>
  created_at: Generated<Date>
  updated_at: Generated<Date>
  last_used_at: Date | null
}

export interface IdpApplicationOrganizationScopes {
  application_id: string
  scope_id: string
}

export interface IdpApplicationResourceScopes {
  application_id: string
  scope_id: string
  is_organization: Generated<boolean>
}

export interface IdpApplicationRoles {
  application_id: string
  role_id: string
}

export interface IdpApplicationSecrets {
  application_id: string
  name: string
  hash: Uint8Array
  sealed: string
  created_at: Generated<Date>
  expires_at: Date | null
}

export interface IdpApplicationUserScopes {
  application_id: string
  scope: string
}

export interface IdpApplications {
  id: string
  name: string
  description: string | null
  type: string
  oidc_client_metadata: OptionalJson
  custom_client_metadata: OptionalJson
  custom_data: OptionalJson
  is_third_party: Generated<boolean>
  created_at: Generated<Date>
  updated_at: Generated<Date>
  appearance: OptionalJson
  origin: Generated<string>
}

export interface IdpAuthenticators {
  credential_id: string
  verbatim: OptionalJson
  created_at: Generated<Date>
}

export interface IdpConnectors {
  id: string
  connector_id: string
  sealed_config: string
  metadata: OptionalJson
  sync_profile: Generated<boolean>
  created_at: Generated<Date>
  updated_at: Generated<Date>
}

export interface IdpConsentOrganizations {
  user_id: string
  application_id: string
  organization_id: string
}

export interface IdpConsents {
  user_id: string
  application_id: string
  scopes: Generated<string[]>
  resource_scopes: OptionalJson
  organization_scopes: Generated<string[]>
  created_at: Generated<Date>
  updated_at: Generated<Date>
}

export interface IdpDeliveries {
  id: Generated<string>
  kind: string
  key: string
  details: OptionalJson
  attempts: Generated<number>
  created_at: Generated<Date>
  due_at: Generated<Date>
}

export interface IdpDeviceCodes {
  id: string
  hash: Uint8Array
  user_code_hash: Uint8Array
  application_id: string
  request: Json
  state: Generated<string>
  poll_interval: number
  polled_at: Date | null
  created_at: Generated<Date>
  expires_at: Date
}

export interface IdpEvents {
  id: GeneratedAlways<number>
  type: string
  user_id: string | null
  session_id: string | null
  application_id: string | null
  actor: string
  ip: string | null
  user_agent: string | null
  details: OptionalJson
  created_at: Generated<Date>
  told_at: Date | null
}

export interface IdpFlowSessionEnds {
  flow_state_id: string
  not_after: Date
}

export interface IdpGrants {
  id: string
  user_id: string
  session_id: string | null
  application_id: string
  scope: Generated<string>
  resources: Generated<string[]>
  authenticated_at: Date
  created_at: Generated<Date>
  api_scopes: Generated<string[]>
  details: OptionalJson
  generation: number | null
  rotated_at: Generated<Date[]>
  refreshable_until: Date | null
}

export interface IdpIdentityTokens {
  identity_id: string
  type: string
  issuer: string | null
  scope: string | null
  sealed: string
  updated_at: Generated<Date>
}

export interface IdpInteractions {
  id: string
  cookie_hash: Uint8Array
  application_id: string | null
  request: OptionalJson
  state: OptionalJson
  session_id: string | null
  created_at: Generated<Date>
  expires_at: Date
}

export interface IdpKeys {
  id: string
  purpose: string
  algorithm: string
  public_jwk: Json
  sealed_private: string
  state: string
  created_at: Generated<Date>
  expires_at: Date | null
  promoted_at: Date | null
}

export interface IdpLimits {
  key: string
  count: number
  resets_at: Date
}

export interface IdpMessages {
  id: string
  channel: string
  recipient: string
  type: string
  subject: string | null
  text: string | null
  html: string | null
  code: string | null
  link: string | null
  created_at: Generated<Date>
}

export interface IdpMigrations {
  name: string
  checksum: string
  applied_at: Generated<Date>
}

export interface IdpOrganizationApplicationRoles {
  organization_id: string
  application_id: string
  role_id: string
}

export interface IdpOrganizationApplications {
  organization_id: string
  application_id: string
  created_at: Generated<Date>
}

export interface IdpOrganizationMemberRoles {
  organization_id: string
  user_id: string
  role_id: string
}

export interface IdpOrganizationMembers {
  organization_id: string
  user_id: string
  created_at: Generated<Date>
}

export interface IdpOrganizationRoleResourceScopes {
  role_id: string
  scope_id: string
}

export interface IdpOrganizationRoleScopes {
  role_id: string
  scope_id: string
}

export interface IdpOrganizationRoles {
  id: string
  name: string
  description: string | null
  type: Generated<string>
  created_at: Generated<Date>
}

export interface IdpOrganizationScopes {
  id: string
  name: string
  description: string | null
  created_at: Generated<Date>
}

export interface IdpOrganizations {
  id: string
  name: string
  description: string | null
  custom_data: OptionalJson
  is_mfa_required: Generated<boolean>
  created_at: Generated<Date>
  updated_at: Generated<Date>
}

export interface IdpPersonalAccessTokens {
  user_id: string
  name: string
  hash: Uint8Array
  created_at: Generated<Date>
  expires_at: Date | null
}

export interface IdpProfiles {
  user_id: string
  username: string | null
  name: string | null
  avatar: string | null
  details: OptionalJson
  custom_data: OptionalJson
  created_at: Generated<Date>
  updated_at: Generated<Date>
}

export interface IdpPushedRequests {
  hash: Uint8Array
  application_id: string
  request: Json
  created_at: Generated<Date>
  expires_at: Date
}

export interface IdpRegistrations {
  application_id: string
  token_hash: Uint8Array | null
  metadata: OptionalJson
  fresh_until: Date | null
  created_at: Generated<Date>
}

export interface IdpResources {
  id: string
  name: string
  indicator: string
  is_default: Generated<boolean>
  access_token_ttl: Generated<number>
  signing_algorithm: string | null
  created_at: Generated<Date>
  is_open: Generated<boolean>
}

export interface IdpRoleScopes {
  role_id: string
  scope_id: string
}

export interface IdpRoles {
  id: string
  name: string
  description: string | null
  type: Generated<string>
  is_default: Generated<boolean>
  created_at: Generated<Date>
}

export interface IdpScopes {
  id: string
  resource_id: string
  name: string
  description: string | null
  created_at: Generated<Date>
}

export interface IdpSessionTokens {
  hash: Uint8Array
  session_id: string
  carrier: string
  created_at: Generated<Date>
  expires_at: Date
}

export interface IdpSettings {
  topic: string
  value: Json
  updated_at: Generated<Date>
}

export interface IdpSpentCodes {
  expires_at: Date
  grant_id: string
}

export interface IdpSpentProofs {
  hash: Uint8Array
  expires_at: Date
}

export interface IdpSubjectTokens {
  hash: Uint8Array
  user_id: string
  context: OptionalJson
  created_at: Generated<Date>
  expires_at: Date
  used_at: Date | null
}

export interface IdpTokens {
  hash: Uint8Array
  kind: string
  grant_id: string | null
  application_id: string
  scope: Generated<string>
  details: OptionalJson
  created_at: Generated<Date>
  expires_at: Date
  used_at: Date | null
  generation: Generated<number>
  rotated_at: Generated<Date[]>
  good_until: Date | null
}

export interface IdpUserRoles {
  user_id: string
  role_id: string
}

export interface IdpVerifications {
  id: string
  purpose: string
  channel: string
  recipient: string
  hash: Uint8Array
  attempts: Generated<number>
  details: OptionalJson
  created_at: Generated<Date>
  expires_at: Date
  used_at: Date | null
}

export interface IdpWalks {
  name: string
  after: string | null
  place: Generated<number>
}

export interface Database {
  'auth.audit_log_entries': AuthAuditLogEntries
  'auth.custom_oauth_providers': AuthCustomOauthProviders
  'auth.flow_state': AuthFlowState
  'auth.identities': AuthIdentities
  'auth.instances': AuthInstances
  'auth.mfa_amr_claims': AuthMfaAmrClaims
  'auth.mfa_challenges': AuthMfaChallenges
  'auth.mfa_factors': AuthMfaFactors
  'auth.oauth_authorizations': AuthOauthAuthorizations
  'auth.oauth_client_states': AuthOauthClientStates
  'auth.oauth_clients': AuthOauthClients
  'auth.oauth_consents': AuthOauthConsents
  'auth.one_time_tokens': AuthOneTimeTokens
  'auth.refresh_tokens': AuthRefreshTokens
  'auth.saml_providers': AuthSamlProviders
  'auth.saml_relay_states': AuthSamlRelayStates
  'auth.schema_migrations': AuthSchemaMigrations
  'auth.sessions': AuthSessions
  'auth.sso_domains': AuthSsoDomains
  'auth.sso_providers': AuthSsoProviders
  'auth.users': AuthUsers
  'auth.webauthn_challenges': AuthWebauthnChallenges
  'auth.webauthn_credentials': AuthWebauthnCredentials
  'idp.application_organization_scopes': IdpApplicationOrganizationScopes
  'idp.application_resource_scopes': IdpApplicationResourceScopes
  'idp.application_roles': IdpApplicationRoles
  'idp.application_secrets': IdpApplicationSecrets
  'idp.application_user_scopes': IdpApplicationUserScopes
  'idp.applications': IdpApplications
  'idp.authenticators': IdpAuthenticators
  'idp.connectors': IdpConnectors
  'idp.consent_organizations': IdpConsentOrganizations
  'idp.consents': IdpConsents
  'idp.deliveries': IdpDeliveries
  'idp.device_codes': IdpDeviceCodes
  'idp.events': IdpEvents
  'idp.flow_session_ends': IdpFlowSessionEnds
  'idp.grants': IdpGrants
  'idp.identity_tokens': IdpIdentityTokens
  'idp.interactions': IdpInteractions
  'idp.keys': IdpKeys
  'idp.limits': IdpLimits
  'idp.messages': IdpMessages
  'idp.migrations': IdpMigrations
  'idp.organization_application_roles': IdpOrganizationApplicationRoles
  'idp.organization_applications': IdpOrganizationApplications
  'idp.organization_member_roles': IdpOrganizationMemberRoles
  'idp.organization_members': IdpOrganizationMembers
  'idp.organization_role_resource_scopes': IdpOrganizationRoleResourceScopes
  'idp.organization_role_scopes': IdpOrganizationRoleScopes
  'idp.organization_roles': IdpOrganizationRoles
  'idp.organization_scopes': IdpOrganizationScopes
  'idp.organizations': IdpOrganizations
  'idp.personal_access_tokens': IdpPersonalAccessTokens
  'idp.profiles': IdpProfiles
  'idp.pushed_requests': IdpPushedRequests
  'idp.registrations': IdpRegistrations
  'idp.resources': IdpResources
  'idp.role_scopes': IdpRoleScopes
  'idp.roles': IdpRoles
  'idp.scopes': IdpScopes
  'idp.session_tokens': IdpSessionTokens
  'idp.settings': IdpSettings
  'idp.spent_codes': IdpSpentCodes
  'idp.spent_proofs': IdpSpentProofs
  'idp.subject_tokens': IdpSubjectTokens
  'idp.tokens': IdpTokens
  'idp.user_roles': IdpUserRoles
  'idp.verifications': IdpVerifications
  'idp.walks': IdpWalks
}
