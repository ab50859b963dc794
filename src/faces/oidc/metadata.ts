import type { Context } from '../../base/context.ts'
import { signatureAlgorithms } from '../../base/jwt.ts'
import { knownAcrValues } from '../../flows/assurance.ts'
import { issuerOf } from '../../flows/authorize.ts'
import { knownScopes } from '../../flows/consent.ts'
import { authMethods, proofAlgorithms } from '../../model/application-proofs.ts'
import { languages } from '../../words/words.ts'
import { grantTypes } from './grants.ts'

/** OpenID Connect Discovery 1.0 and RFC 8414 in one document: what is in it, is served. */
export async function metadata(ctx: Context): Promise<Record<string, unknown>> {
  const issuer = issuerOf(ctx)
  return {
    issuer,
    authorization_endpoint: `${issuer}/auth`,
    token_endpoint: `${issuer}/token`,
    userinfo_endpoint: `${issuer}/me`,
    end_session_endpoint: `${issuer}/session/end`,
    revocation_endpoint: `${issuer}/token/revocation`,
    introspection_endpoint: `${issuer}/token/introspection`,
    jwks_uri: `${issuer}/jwks`,
    response_types_supported: ['code'],
    response_modes_supported: ['query', 'form_post'],
    grant_types_supported: grantTypes,
    scopes_supported: knownScopes,
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: signatureAlgorithms,
    pushed_authorization_request_endpoint: `${issuer}/par`,
    require_pushed_authorization_requests: false,
    token_endpoint_auth_methods_supported: authMethods,
    token_endpoint_auth_signing_alg_values_supported: proofAlgorithms,
    revocation_endpoint_auth_methods_supported: authMethods,
    revocation_endpoint_auth_signing_alg_values_supported: proofAlgorithms,
    introspection_endpoint_auth_methods_supported: authMethods.filter((one) => one !== 'none'),
    introspection_endpoint_auth_signing_alg_values_supported: proofAlgorithms,
    request_object_signing_alg_values_supported: proofAlgorithms,
    dpop_signing_alg_values_supported: proofAlgorithms,
    code_challenge_methods_supported: ['S256'],
    prompt_values_supported: ['none', 'login', 'consent', 'select_account', 'create'],
    ui_locales_supported: languages.map(({ language }) => language.tag),
    claim_types_supported: ['normal'],
    claims_supported: [
      'sub',
      'name',
      'family_name',
      'given_name',
      'middle_name',
      'nickname',
      'preferred_username',
      'profile',
      'picture',
      'website',
      'gender',
      'birthdate',
      'zoneinfo',
      'locale',
      'updated_at',
      'username',
      'created_at',
      'email',
      'email_verified',
      'phone_number',
      'phone_number_verified',
      'address',
      'custom_data',
      'identities',
      'sso_identities',
      'roles',
      'organizations',
      'organization_data',
      'organization_roles',
      'auth_time',
      'iss',
      'sid',
    ],
    backchannel_logout_supported: true,
    backchannel_logout_session_supported: true,
    claims_parameter_supported: true,
    acr_values_supported: knownAcrValues,
    request_parameter_supported: true,
    request_uri_parameter_supported: false,
    authorization_response_iss_parameter_supported: true,
  }
}
