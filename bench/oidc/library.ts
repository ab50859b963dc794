import { generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import { errors, type OidcContext, Provider } from 'oidc-provider'
import pg from 'pg'
import { api, callback, clients, userClaims } from './scene.ts'

// A process: `oidc-provider` over one table, one query per call of its adapter, its clients in it as well. Its accounts are in another,
// as they are where people come and go: a banned one is to be found out at the next refresh.

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 10 })
const port = Number(process.env.PORT)

await pool.query(`create table rows (type text, id text, payload jsonb not null, grant_id text, uid text,
  user_code text, expires_at timestamptz, primary key (type, id));
  create index on rows (grant_id); create index on rows (uid); create index on rows (user_code);
  create table accounts (id text primary key, claims jsonb not null)`)
for (const client of clients) {
  await pool.query(`insert into rows (type, id, payload) values ('Client', $1, $2)`, [
    client.client_id,
    client,
  ])
}

/** Consuming is atomic, as the contract does not demand and a product must. */
function adapter(type: string) {
  async function read(name: string, where: string, value: string) {
    const { rows } = await pool.query({
      name: `${name} of ${type}`,
      text: `select payload from rows where type = $1 and ${where} = $2 and (expires_at is null or expires_at > now())`,
      values: [type, value],
    })
    return rows[0]?.payload
  }
  return {
    async upsert(id: string, payload: Record<string, unknown>, expiresIn?: number) {
      await pool.query({
        name: `upsert ${type}`,
        text: `insert into rows values ($1, $2, $3, $4, $5, $6, now() + $7 * interval '1 second')
          on conflict (type, id) do update set payload = excluded.payload, expires_at = excluded.expires_at`,
        values: [type, id, payload, payload.grantId, payload.uid, payload.userCode, expiresIn],
      })
    },
    find: (id: string) => read('find', 'id', id),
    findByUid: (uid: string) => read('by uid', 'uid', uid),
    findByUserCode: (code: string) => read('by code', 'user_code', code),
    async consume(id: string) {
      const { rowCount } = await pool.query({
        name: `consume ${type}`,
        text: `update rows set payload = payload || '{"consumed":1}'
          where type = $1 and id = $2 and not payload ? 'consumed'`,
        values: [type, id],
      })
      if (rowCount === 0) throw new errors.InvalidGrant('consumed already')
    },
    async destroy(id: string) {
      await pool.query('delete from rows where type = $1 and id = $2', [type, id])
    },
    async revokeByGrantId(grantId: string) {
      await pool.query('delete from rows where type = $1 and grant_id = $2', [type, grantId])
    },
  }
}

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const issuer = `http://127.0.0.1:${port}/oidc`

const provider: Provider = new Provider(issuer, {
  adapter,
  jwks: {
    keys: [{ ...privateKey.export({ format: 'jwk' }), kid: 'one', alg: 'ES256', use: 'sig' }],
  },
  cookies: { keys: ['a key for the cookies of a benchmark'] },
  scopes: ['openid', 'profile', 'email'],
  claims: {
    openid: ['sub'],
    profile: ['name', 'picture', 'username', 'updated_at', 'created_at'],
    email: ['email', 'email_verified'],
  },
  conformIdTokenClaims: false,
  pkce: { required: () => true },
  rotateRefreshToken: true,
  issueRefreshToken: () => true,
  routes: {
    ...{ authorization: '/auth', token: '/token', userinfo: '/me', jwks: '/jwks' },
    introspection: '/token/introspection',
  },
  async findAccount(_: OidcContext, id: string) {
    const { rows } = await pool.query({
      name: 'account',
      text: 'select claims from accounts where id = $1',
      values: [id],
    })
    return rows[0] && { accountId: id, claims: () => ({ ...rows[0].claims, sub: id }) }
  },
  interactions: { url: () => '/interaction' },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true, allowedPolicy: () => true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: () => ({
        ...{ scope: 'read:things', audience: api, accessTokenFormat: 'jwt' },
        jwt: { sign: { alg: 'ES256' } },
      }),
    },
  },
  ttl: {
    ...{ AccessToken: 3600, AuthorizationCode: 60, ClientCredentials: 3600, IdToken: 3600 },
    ...{ Grant: 86_400, Interaction: 600, RefreshToken: 86_400, Session: 86_400 },
  },
})

/** Whoever comes is signed in as somebody new, and has consented. */
let users = 0
async function finish(
  request: Parameters<typeof provider.interactionFinished>[0],
  response: Parameters<typeof provider.interactionFinished>[1],
) {
  users += 1
  const accountId = `user-${users}`
  await pool.query('insert into accounts values ($1, $2)', [
    accountId,
    { ...userClaims, email: `${accountId}@example.com` },
  ])
  const grant = new provider.Grant({ accountId, clientId: 'shop' })
  grant.addOIDCScope('openid profile email')
  const grantId = await grant.save()
  await provider.interactionFinished(request, response, {
    login: { accountId },
    consent: { grantId },
  })
}

const answer = provider.callback()
createServer((request, response) => {
  const { url = '' } = request
  if (url === '/interaction') {
    finish(request, response).catch(() => response.destroy())
    return
  }
  // Mounted below a path, as its documentation says.
  Object.assign(request, { originalUrl: url, url: url.replace(/^\/oidc/, '') })
  answer(request, response)
}).listen(port, '127.0.0.1', () => console.log(JSON.stringify({ url: issuer, callback })))
