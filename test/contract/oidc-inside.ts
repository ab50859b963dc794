import type { Hono } from 'hono'
import type { Env } from '../../src/base/http.ts'
import type { World } from '../world.ts'
import { encoded, type Gate } from './oidc-client.ts'

/** The server asked without a wire: for whoever asks thousands of times, or has its own. */
export function insideOf(scene: World, app: Hono<Env>): Gate {
  const ask: Gate['ask'] = async (path, init) =>
    app.request(path.startsWith('/') ? `http://localhost:3001${path}` : path, init)
  return {
    scene,
    ask,
    post: (path, form, headers = {}) =>
      ask(path, {
        method: 'POST',
        body: typeof form === 'string' ? form : encoded(form),
        headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      }),
  }
}
