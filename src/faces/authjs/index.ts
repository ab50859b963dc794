import { Hono } from 'hono'
import { readBasic } from '../../base/basic.ts'
import type { Context } from '../../base/context.ts'
import { Fault } from '../../base/fault.ts'
import { type Env, readText } from '../../base/http.ts'
import { asFault } from '../../base/unavailable.ts'
import { authenticateAdapter } from '../../flows/authenticate-adapter.ts'
import { adapterOver } from './adapter.ts'
import { answerError, present } from './errors.ts'
import { sendMessage } from './messages.ts'
import { isMethodName, runMethod } from './methods.ts'

/**
 * The adapter over HTTP, at `/api/authjs`: `POST /{method}` with one JSON object, answered by `{"result": …}`. For
 * applications that were given the right, each with its secret; what `@sekisho/authjs/http` speaks.
 */
export function authjs(): Hono<Env> {
  const app = new Hono<Env>()

  app.post('/messages', async (c) => {
    const ctx = await adapterContext(c.get('ctx'), c.req.header('authorization'))
    await sendMessage(ctx, parse(await readText(c)))
    return c.body(null, 204)
  })

  app.post('/:method', async (c) => {
    const ctx = await adapterContext(c.get('ctx'), c.req.header('authorization'))
    const method = c.req.param('method')
    if (!isMethodName(method)) throw new Fault('not_found', { what: 'method' })
    const body = parse(await readText(c))
    const result = await runMethod(
      adapterOver(async () => ctx),
      method,
      body,
    )
    c.header('cache-control', 'no-store')
    return c.json({ result: result ?? null })
  })

  app.all('*', () => {
    throw new Fault('not_found', { what: 'method' })
  })

  app.onError((thrown, c) => {
    const ctx = c.get('ctx')
    const error = asFault(thrown)
    if (present(error).status >= 500) {
      ctx.log.error({ err: error }, 'A request of an Auth.js adapter failed.')
    }
    return answerError(c, error)
  })
  return app
}

async function adapterContext(ctx: Context, authorization: string | undefined): Promise<Context> {
  if (authorization === undefined) throw new Fault('invalid_client', { problem: 'nobody' })
  const credentials = readBasic(authorization)
  if (credentials === null) throw new Fault('invalid_client', { problem: 'unreadable' })
  return authenticateAdapter(ctx, { method: 'client_secret_basic', ...credentials })
}

const mostLevels = 32

function parse(text: string): unknown {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new Fault('input_invalid', { problem: 'not-json' })
  }
  if (isDeeper(value, mostLevels)) throw new Fault('input_invalid', { problem: 'too-deep' })
  return value
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return levels === 0 || Object.values(value).some((inner) => isDeeper(inner, levels - 1))
}
