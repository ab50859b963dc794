/** What of a table is made for the users `:from` to `:to`: a `select` from `users`, `sessions`, or both. */
export interface Rows {
  table: string
  columns: string
  select: string
}

/** How much there is of what grows by use rather than by people. */
export interface Shape {
  eventsPerUser: number
  auditPerUser: number
}

const nil = `'00000000-0000-0000-0000-000000000000'::uuid`
const over = `interval '30 days'`

/** Every tenth, say, is over: something for housekeeping to find. */
const expiry = (key: string, share: number) =>
  `:now + case when ${key} % ${share} = 0 then -${over} else ${over} end`

/** What is logged stands in the order in which it happened, over ninety days. */
const logged = (perUser: number) =>
  `:now - interval '90 days' * (1 - (n + e::float8 / ${perUser + 1}) / :users)`

/** The users of a batch: `n`, their id, and when they came; the oldest first, over three years. */
export const users = `select n, pg_temp.id_of('user ' || n) as id,
  :now - interval '3 years' * (1 - n::float8 / :users) as came from generate_series(:from::bigint, :to) n`

/** Their sessions: most have one or two, one user in a hundred has twenty, one in ten thousand two hundred. */
export const sessions = `select u.n, u.id as user_id, j, pg_temp.id_of('session ' || u.n || '/' || j) as id,
  (u.n + j) % 3 as carrier, :now - interval '1 day' * ((u.n * 7 + j * 13) % 60) as began
  from users u, generate_series(0, case when u.n % 10000 = 0 then 199 when u.n % 100 = 0 then 19
    when u.n % 3 = 0 then 1 else 0 end) j`

const grants = `select s.*, g, pg_temp.id_of('grant ' || s.n || '/' || s.j || '/' || g) as grant_id,
  case when g = 0 then 'shop' else 'app-' || s.n % 20 end as application_id
  from sessions s, generate_series(0, s.n % 2) g where s.carrier = 2`

export function rowsOf({ eventsPerUser, auditPerUser }: Shape): Rows[] {
  return [
    {
      table: 'auth.users',
      columns: `instance_id, id, aud, role, email, encrypted_password, email_confirmed_at, confirmation_token, recovery_token,
        email_change_token_new, email_change, last_sign_in_at, raw_app_meta_data, raw_user_meta_data, created_at,
        updated_at, phone, phone_confirmed_at, is_sso_user, is_anonymous`,
      select: `${nil}, id, 'authenticated', 'authenticated',
        case when n % 50 <> 1 then 'user-' || n || '@mail-' || n % 500 || '.example.com' end, :hash, came,
        case when n % 20 = 3 then encode(sha224(('confirm ' || n)::bytea), 'hex') else '' end,
        case when n % 20 = 5 then encode(sha224(('recover ' || n)::bytea), 'hex') else '' end, '', '', came,
        '{"provider":"email","providers":["email"]}',
        jsonb_build_object('full_name', pg_temp.name_of(n), 'email_verified', true, 'phone_verified', false), came, came,
        case when n % 10 = 7 then (15550000000 + n)::text end, case when n % 10 = 7 then came end, false, n % 50 = 1
        from users`,
    },
    {
      table: 'auth.identities',
      columns:
        'provider_id, user_id, identity_data, provider, last_sign_in_at, created_at, updated_at, id',
      select: `case when p = 'email' then u.id::text else (100000000000 + u.n)::text end, u.id,
        jsonb_build_object('sub', u.id, 'email', 'user-' || u.n || '@mail-' || u.n % 500 || '.example.com',
          'email_verified', true, 'phone_verified', false), p, u.came, u.came, u.came, pg_temp.id_of(p || ' ' || u.n)
        from users u, unnest(case when u.n % 4 = 0 then array['email', 'google'] else array['email'] end) p
        where u.n % 50 <> 1`,
    },
    {
      table: 'idp.identity_tokens',
      columns: 'identity_id, type, sealed',
      select: `pg_temp.id_of('google ' || n), 'oauth', repeat('sealed', 60) from users where n % 4 = 0 and n % 50 <> 1`,
    },
    {
      // One in ten came by GoTrue, and has none yet.
      table: 'idp.profiles',
      columns: 'user_id, username, name, avatar, details, custom_data, created_at, updated_at',
      select: `id, case when n % 2 = 0 then 'user_' || n end, pg_temp.name_of(n), 'https://cdn.example.com/avatars/' || n || '.png',
        '{"locale":"en"}', '{}', came, came from users where n % 10 <> 9`,
    },
    {
      table: 'auth.sessions',
      columns: `id, user_id, created_at, updated_at, aal, not_after, refreshed_at, user_agent, ip, oauth_client_id,
        refresh_token_hmac_key, refresh_token_counter`,
      select: `id, user_id, began, began, 'aal1', case when (n + j) % 25 = 0 then ${expiry('n', 2)} end, began at time zone 'utc',
        'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36',
        ('203.0.' || n % 256 || '.' || j % 256)::inet, case when n % 200 = 3 then pg_temp.id_of('client ' || n % 10) end,
        case when carrier = 0 then rtrim(translate(encode(sha256(('key ' || n || '/' || j)::bytea), 'base64'), '+/', '-_'), '=') end,
        case when carrier = 0 then n % 50 end from sessions`,
    },
    {
      table: 'auth.mfa_amr_claims',
      columns: 'id, session_id, authentication_method, created_at, updated_at',
      select: `pg_temp.id_of('amr ' || n || '/' || j), id, 'password', began, began from sessions`,
    },
    {
      table: 'auth.refresh_tokens',
      columns: 'instance_id, token, user_id, revoked, created_at, updated_at, parent, session_id',
      select: `${nil}, pg_temp.row_token(n, j, g), user_id::text, g < n % 4, began + g * interval '1 hour',
        began + g * interval '1 hour', case when g > 0 then pg_temp.row_token(n, j, g - 1) end, id
        from sessions, generate_series(0, n % 4) g where carrier = 1`,
    },
    {
      table: 'idp.session_tokens',
      columns: 'hash, session_id, carrier, created_at, expires_at',
      select: `sha256(('cookie-' || n || '/' || j)::bytea), id, 'browser', began, ${expiry('(n + j)', 7)}
        from sessions where carrier = 2`,
    },
    {
      table: 'idp.grants',
      // Each has a refresh token, and of some it is over.
      columns:
        'id, user_id, session_id, application_id, scope, authenticated_at, created_at, generation, rotated_at, refreshable_until',
      select: `grant_id, user_id, id, application_id, 'openid offline_access profile email', began, began, n % 5,
        array_fill(began, array[least(n % 5, 3)::int]), case when g = 0 then :now + ${over} else ${expiry('n', 7)} end from (${grants}) g`,
    },
    {
      // Of a token that was exchanged, and is over: no session takes it along.
      table: 'idp.grants',
      columns: 'id, user_id, application_id, scope, authenticated_at, created_at',
      select: `pg_temp.id_of('exchanged ' || n), id, 'shop', 'openid', came, :now - interval '5 days' from users where n % 50 = 11`,
    },
    {
      table: 'idp.spent_codes',
      columns: 'expires_at, grant_id',
      select: `${expiry('n', 7)}, grant_id from (${grants}) g`,
    },
    {
      // What devices were allowed.
      table: 'idp.tokens',
      columns: 'hash, kind, grant_id, application_id, scope, created_at, expires_at, used_at',
      select: `sha256(('device ' || n || '/' || j || '/' || g)::bytea), 'device', grant_id, application_id,
        'openid offline_access profile email', began, ${expiry('n', 7)}, began from (${grants}) g where n % 10 = 5`,
    },
    {
      table: 'idp.events',
      columns: 'type, user_id, session_id, application_id, actor, ip, user_agent, created_at',
      select: `(array['user.signed-in', 'token.issued', 'session.refreshed', 'user.signed-up', 'session.created'])[1 + (n + e) % 5],
        id, pg_temp.id_of('session ' || n || '/0'), case when e % 2 = 0 then 'shop' end, 'anonymous',
        '203.0.' || n % 256 || '.7', 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)',
        ${logged(eventsPerUser)}
        from users, generate_series(1, ${eventsPerUser}) e order by n, e`,
    },
    {
      table: 'auth.audit_log_entries',
      columns: 'instance_id, id, payload, created_at, ip_address',
      select: `${nil}, pg_temp.id_of('audit ' || n || '/' || e), json_build_object('action', 'login', 'actor_id', id,
          'actor_username', 'user-' || n || '@mail-' || n % 500 || '.example.com', 'actor_via_sso', false, 'log_type', 'account',
          'traits', json_build_object('provider', 'email')),
        ${logged(auditPerUser)}, ''
        from users, generate_series(1, ${auditPerUser}) e order by n, e`,
    },
    ...rights,
    ...proofs,
    ...underway,
  ]
}

const rights: Rows[] = [
  {
    table: 'idp.organizations',
    columns: 'id, name',
    select: `'org-' || n, 'Organization ' || n from users where n % 50 = 0 or n < 97`,
  },
  {
    table: 'idp.organization_members',
    columns: 'organization_id, user_id',
    select: `'org-' || n % 97, id from users where n >= 97
      union all select 'org-' || n, id from users where n % 50 = 0 or n < 97`,
  },
  {
    table: 'idp.organization_member_roles',
    columns: 'organization_id, user_id, role_id',
    select: `'org-' || n % 97, id, case when n % 20 = 0 then 'admin' else 'member' end from users where n >= 97`,
  },
  {
    table: 'idp.user_roles',
    columns: 'user_id, role_id',
    select: `id, 'role-' || n % 7 from users where n % 5 = 0`,
  },
  {
    table: 'idp.consents',
    columns: 'user_id, application_id, scopes',
    select: `id, 'app-' || n % 20, '{openid,profile,email}' from users where n % 4 = 0`,
  },
  {
    table: 'idp.consent_organizations',
    columns: 'user_id, application_id, organization_id',
    select: `id, 'app-' || n % 20, 'org-' || n % 97 from users where n % 8 = 0 and n >= 97`,
  },
  {
    table: 'auth.oauth_consents',
    columns: 'id, user_id, client_id, scopes, granted_at',
    select: `pg_temp.id_of('consent ' || n), id, pg_temp.id_of('client ' || n % 10), 'email', came from users where n % 20 = 3`,
  },
]

const proofs: Rows[] = [
  {
    table: 'auth.one_time_tokens',
    columns: 'id, user_id, token_type, token_hash, relates_to',
    select: `pg_temp.id_of('one ' || n), id, case when n % 20 = 3 then 'confirmation_token' else 'recovery_token' end::auth.one_time_token_type,
      encode(sha224((case when n % 20 = 3 then 'confirm ' else 'recover ' end || n)::bytea), 'hex'),
      'user-' || n || '@mail-' || n % 500 || '.example.com' from users where n % 20 in (3, 5)`,
  },
  {
    table: 'auth.mfa_factors',
    columns: 'id, user_id, friendly_name, factor_type, status, created_at, updated_at, secret',
    select: `pg_temp.id_of('factor ' || n), id, 'my app', 'totp',
      case when n % 130 = 4 then 'unverified' else 'verified' end::auth.factor_status, came, came, 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP'
      from users where n % 10 = 4`,
  },
  {
    table: 'auth.mfa_challenges',
    columns: 'id, factor_id, created_at, ip_address',
    select: `pg_temp.id_of('challenge ' || n), pg_temp.id_of('factor ' || n), ${expiry('n', 4)}, '203.0.113.7'
      from users where n % 10 = 4`,
  },
  {
    table: 'auth.webauthn_credentials',
    columns: 'id, user_id, credential_id, public_key, attestation_type, created_at',
    select: `pg_temp.id_of('passkey ' || n), id, sha256(('passkey ' || n)::bytea), sha512(n::text::bytea), 'none', came
      from users where n % 10 = 6`,
  },
  {
    table: 'idp.authenticators',
    columns: 'credential_id',
    select: `pg_temp.id_of('passkey ' || n) from users where n % 20 = 6`,
  },
  {
    table: 'auth.webauthn_challenges',
    columns: 'id, user_id, challenge_type, session_data, expires_at',
    select: `pg_temp.id_of('webauthn ' || n), id, 'authentication', '{}', ${expiry('n', 4)} from users where n % 25 = 6`,
  },
  {
    table: 'idp.verifications',
    columns: 'id, purpose, channel, recipient, hash, expires_at',
    select: `pg_temp.id_of('verification ' || n), 'sign-in', 'email', 'user-' || n || '@mail-' || n % 500 || '.example.com',
      sha256(n::text::bytea), ${expiry('n', 4)} from users where n % 10 = 8`,
  },
  {
    table: 'idp.subject_tokens',
    columns: 'hash, user_id, expires_at',
    select: `sha256(('subject ' || n)::bytea), id, ${expiry('n', 4)} from users where n % 25 = 9`,
  },
  {
    table: 'idp.personal_access_tokens',
    columns: 'user_id, name, hash, expires_at',
    select: `id, 'mine', sha256(('personal ' || n)::bytea), case when n % 50 = 9 then ${expiry('n', 3)} end
      from users where n % 25 = 9`,
  },
]

/** What began and may not have ended: much of it nobody comes back for. */
const underway: Rows[] = [
  {
    table: 'idp.interactions',
    columns: 'id, cookie_hash, application_id, request, session_id, expires_at',
    select: `pg_temp.id_of('interaction ' || n), sha256(n::text::bytea), 'shop', '{"scope":"openid profile"}',
      case when n % 40 = 0 then pg_temp.id_of('session ' || n || '/0') end, ${expiry('n', 3)} from users where n % 20 = 0`,
  },
  {
    table: 'idp.pushed_requests',
    columns: 'hash, application_id, request, expires_at',
    select: `sha256(('pushed ' || n)::bytea), 'shop', '{"query":"state=x"}', ${expiry('n', 3)} from users where n % 25 = 0`,
  },
  {
    table: 'idp.spent_proofs',
    columns: 'hash, expires_at',
    select: `sha256(('proof ' || n)::bytea), ${expiry('n', 3)} from users where n % 10 = 0`,
  },
  {
    table: 'idp.device_codes',
    columns: 'id, hash, user_code_hash, application_id, request, poll_interval, expires_at',
    select: `pg_temp.id_of('device ' || n), sha256(('device ' || n)::bytea), sha256(('typed ' || n)::bytea), 'shop',
      '{"query":"scope=openid"}', 5, ${expiry('n', 3)} from users where n % 25 = 0`,
  },
  {
    table: 'idp.deliveries',
    columns: 'kind, key, details, due_at',
    select: `'mail-notice', 'seed ' || n, '{}', :now + ${over} from users where n % 25 = 0`,
  },
  {
    table: 'idp.limits',
    columns: 'key, count, resets_at',
    select: `'seed:' || n, 1, ${expiry('n', 3)} from users where n % 10 = 0`,
  },
  {
    table: 'auth.flow_state',
    columns: `id, user_id, auth_code, code_challenge_method, code_challenge, provider_type, authentication_method, created_at, updated_at`,
    select: `pg_temp.id_of('flow ' || n), id, pg_temp.id_of('flow code ' || n)::text, 's256', repeat('c', 43), 'google', 'oauth',
      ${expiry('n', 3)}, :now from users where n % 20 = 0`,
  },
  {
    table: 'idp.flow_session_ends',
    columns: 'flow_state_id, not_after',
    select: `pg_temp.id_of('flow ' || n), :now from users where n % 40 = 0`,
  },
  {
    table: 'auth.oauth_client_states',
    columns: 'id, provider_type, created_at',
    select: `pg_temp.id_of('state ' || n), 'google', ${expiry('n', 3)} from users where n % 25 = 0`,
  },
  {
    // A day's sign-ins that did not come back: so many, however many users there are.
    table: 'auth.saml_relay_states',
    columns: 'id, sso_provider_id, request_id, created_at',
    select: `pg_temp.id_of('relay ' || n), pg_temp.id_of('sso'), 'request ' || n, ${expiry('n', 3)} from users where n % 25 = 0 and n < 250000`,
  },
  {
    table: 'auth.oauth_authorizations',
    columns: `id, authorization_id, client_id, user_id, redirect_uri, scope, status, authorization_code, created_at, expires_at`,
    select: `pg_temp.id_of('authorization ' || n), 'authorization-' || n, pg_temp.id_of('client ' || n % 10), id, 'https://example.com/',
      'email', case when n % 40 = 0 then 'pending' else 'approved' end::auth.oauth_authorization_status,
      case when n % 40 <> 0 then 'code-' || n end, :now - interval '60 days', ${expiry('n', 3)} from users where n % 20 = 0`,
  },
]
