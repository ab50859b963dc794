import type { Context as HonoContext } from 'hono'
import type { Env } from '../../base/http.ts'
import { refused } from './errors.ts'

type Handler = (c: HonoContext<Env>) => Response

const path = '/scim/v2'
const messages = 'urn:ietf:params:scim:api:messages:2.0'

/** SCIM's documents (RFC 7643 § 5, RFC 7644 § 4): GoTrue's describe a service that has nothing in it yet. */
export const scimRoutes: readonly (readonly [string, string, Handler])[] = [
  ['GET', `${path}/ServiceProviderConfig`, whereOn(showConfig)],
  ['GET', `${path}/ResourceTypes`, whereOn(listNothing)],
  ['GET', `${path}/Schemas`, whereOn(listNothing)],
  ['GET', `${path}/*`, whereOn(notFound)],
]

function whereOn(handler: Handler): Handler {
  return (c) => {
    if (c.get('ctx').config.gotrue.scimEnabled) return handler(c)
    throw refused('SCIM server is disabled', { status: 404, code: 'feature_disabled' })
  }
}

function showConfig(c: HonoContext<Env>): Response {
  const { externalUrl } = c.get('ctx').config.gotrue
  const no = { supported: false }
  return answer(c, 200, {
    schemas: ['urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig'],
    patch: no,
    bulk: { ...no, maxOperations: 0, maxPayloadSize: 0 },
    filter: { ...no, maxResults: 0 },
    changePassword: no,
    sort: no,
    etag: no,
    authenticationSchemes: [
      {
        type: 'oauthbearertoken',
        name: 'OAuth Bearer Token',
        description: 'Authentication scheme using the OAuth Bearer Token Standard',
        specUri: 'http://www.rfc-editor.org/info/rfc6750',
        primary: true,
      },
    ],
    meta: {
      resourceType: 'ServiceProviderConfig',
      location: `${externalUrl.replace(/\/+$/, '')}${path}/ServiceProviderConfig`,
    },
  })
}

function listNothing(c: HonoContext<Env>): Response {
  if (c.req.query('filter') !== undefined) {
    return fail(c, 403, 'Filtering is not supported on this endpoint')
  }
  return answer(c, 200, {
    schemas: [`${messages}:ListResponse`],
    totalResults: 0,
    startIndex: 1,
    itemsPerPage: 0,
    Resources: [],
  })
}

function notFound(c: HonoContext<Env>): Response {
  return fail(c, 404, 'Endpoint or resource does not exist')
}

function fail(c: HonoContext<Env>, status: 403 | 404, detail: string): Response {
  return answer(c, status, { schemas: [`${messages}:Error`], detail, status: String(status) })
}

function answer(c: HonoContext<Env>, status: 200 | 403 | 404, body: object): Response {
  return c.body(JSON.stringify(body), status, { 'Content-Type': 'application/scim+json' })
}
