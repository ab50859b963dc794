import type { MiddlewareHandler } from 'hono'
import type { Env } from '../../base/http.ts'

/**
 * Lets only this machine in: the peer is on loopback, nobody forwarded the request, and the browser thinks that it
 * talks to loopback too. A name of somebody else that leads to 127.0.0.1 (DNS rebinding) fails at the last.
 */
export const thisMachineOnly: MiddlewareHandler<Env> = async (c, next) => {
  const peer = c.env?.incoming?.socket?.remoteAddress ?? ''
  const isForwarded = ['x-forwarded-for', 'x-forwarded-host', 'forwarded', 'x-real-ip'].some(
    (name) => c.req.header(name) !== undefined,
  )
  if (isLoopbackAddress(peer) && !isForwarded && isLoopbackHost(c.req.header('host') ?? '')) {
    return next()
  }
  const message = 'This part of the development server answers to its own machine only.'
  return c.json({ code: 'this_machine_only', message }, 403)
}

/** Refuses what another site's page sends. A program that is no browser sends neither header. */
export const ownPagesOnly: MiddlewareHandler<Env> = async (c, next) => {
  const site = c.req.header('sec-fetch-site')
  const origin = c.req.header('origin')
  const isOwn = site === undefined || site === 'same-origin' || site === 'none'
  const isOwnOrigin = origin === undefined || origin === `http://${c.req.header('host')}`
  if (isOwn && isOwnOrigin) return next()
  return c.json({ code: 'foreign_origin', message: 'Another site asked for this.' }, 403)
}

export function isLoopbackAddress(address: string): boolean {
  const bare = address.toLowerCase().replace(/^::ffff:/, '')
  return bare === '::1' || /^127(\.\d{1,3}){3}$/.test(bare)
}

/** `localhost`, `127.x.x.x` or `[::1]`, with or without a port. */
export function isLoopbackHost(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i.test(host)
}
