import type { Context as HonoContext } from 'hono'
import type { Env } from '../../base/http.ts'
import { refuseLinkingWhenOff, unlinkIdentity } from '../../flows/identities.ts'
import { isUuid } from '../../model/uuid.ts'
import { callerOf } from './bearer.ts'
import { refused } from './errors.ts'
import { departureOf } from './external.ts'

/** `GET /user/identities/authorize`: off to a provider, to come back with one more identity. */
export async function linkByProvider(c: HonoContext<Env>): Promise<Response> {
  const { ctx, user } = await callerOf(c)
  refuseLinkingWhenOff(ctx)
  const url = await departureOf(c, { linkingUserId: user.id })
  return c.req.query('skip_http_redirect') === 'true' ? c.json({ url }) : c.redirect(url, 302)
}

/** `DELETE /user/identities/{identity_id}`. */
export async function unlink(c: HonoContext<Env>): Promise<Response> {
  const { ctx, user } = await callerOf(c, { status: 403, code: 'unexpected_audience' })
  refuseLinkingWhenOff(ctx)
  const id = c.req.param('id') ?? ''
  if (!isUuid(id)) throw refused('identity_id must be an UUID', { status: 404 })
  await unlinkIdentity(ctx, user.id, id)
  return c.json({})
}
