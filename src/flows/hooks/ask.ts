import type { HookName, HookPlace } from '../../base/config/gotrue-hooks.ts'
import type { Context } from '../../base/context.ts'
import { Fault, isFault } from '../../base/fault.ts'
import { isConnectionError } from '../../base/sql-error.ts'
import { second } from '../../base/time.ts'
import { callFunction } from '../../model/pg-function.ts'
import type { Json } from '../../model/user.ts'
import { patience, post } from './http.ts'

const functionTimeout = 2 * second

/** Whether somebody is to be asked; without it nothing is made ready, and no query is made. */
export function hasHook({ config }: Pick<Context, 'config'>, name: HookName): boolean {
  return config.gotrue.hooks[name] !== null
}

/**
 * Asks a hook, never within a transaction, and resolves with its answer, empty where it has nothing to say. Throws
 * `hook_refused` with the status and the sentence that it chose, and `hook_failed` with the reason.
 */
export async function askHook(ctx: Context, name: HookName, input: Json): Promise<Json> {
  const place = ctx.config.gotrue.hooks[name]
  if (place === null) return {}
  try {
    const answer = await answerOf(ctx, place, input)
    refuseWhereTold(name, answer)
    return answer
  } catch (error) {
    if (!isFault(error, 'hook_failed')) throw error
    const { why, status } = error.details
    ctx.log.warn({ hook: name, why, status, err: error.cause }, 'A hook failed.')
    throw new Fault('hook_failed', { ...error.details, hook: name }, { cause: error.cause })
  }
}

async function answerOf(ctx: Context, place: HookPlace, input: Json): Promise<Json> {
  const said =
    place.kind === 'http'
      ? await post(ctx, place, { body: JSON.stringify(input), ...patience })
      : await callFunction(ctx, place, { input, timeout: functionTimeout }).catch(failing)
  return understood(said)
}

function failing(error: unknown): never {
  // A database that is away is nobody's refusal.
  if (isConnectionError(error)) throw error
  throw new Fault('hook_failed', { why: 'function' }, { cause: error })
}

/** Functions without a result, and answers without a body, have nothing against it. */
function understood(said: unknown): Json {
  if (said === null || said === '') return {}
  const value = typeof said === 'string' ? parsed(said) : said
  if (value === null) return {}
  if (!isObject(value)) throw new Fault('hook_failed', { why: 'output' })
  return value
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function refuseWhereTold(hook: HookName, { error }: Json): void {
  if (error === undefined || error === null) return
  if (!isObject(error)) throw new Fault('hook_failed', { why: 'output' })
  const { http_code: code, message } = error
  // Without a sentence it is none.
  if (typeof message !== 'string' || message === '') return
  const isStatus = typeof code === 'number' && Number.isInteger(code) && code >= 400 && code <= 599
  throw new Fault('hook_refused', { hook, status: isStatus ? code : 500, message })
}

/** What most hooks are told of the question itself. */
export function metadataOf(ctx: Context, name: string): Json {
  return {
    uuid: ctx.random.uuid(),
    time: ctx.now().toISOString(),
    name,
    ip_address: ctx.client.ip ?? '',
  }
}
