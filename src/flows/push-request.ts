import type { Context } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { second } from '../base/time.ts'
import type { Application } from '../model/application.ts'
import {
  createPushedRequest,
  type PushedRequest,
  pushedRequestLifetime,
  takePushedRequest,
} from '../model/pushed-request.ts'

/** RFC 9126 § 2.2. */
const prefix = 'urn:ietf:params:oauth:request_uri:'

/** More than an address could carry; a pushed request is meant for more. */
const longest = 64 * 1024

/** Keeps a request that is known to be right; where the browser then finds it, and for how many seconds. */
export async function pushRequest(
  ctx: Context,
  application: Application,
  request: PushedRequest,
): Promise<{ requestUri: string; expiresIn: number }> {
  if (request.query.length > longest) throw new Fault('input_invalid', { problem: 'too-large' })
  const value = await createPushedRequest(ctx, application.id, request)
  return { requestUri: `${prefix}${value}`, expiresIn: pushedRequestLifetime / second }
}

/** Whether an address is of a request that was left here. All others are never asked (RFC 9101 § 10.4). */
export function isPushed(requestUri: string): boolean {
  return requestUri.startsWith(prefix)
}

/** The request behind the address, for the application that left it, once. Throws `invalid_request_uri`. */
export async function findPushed(
  ctx: Context,
  application: Application,
  requestUri: string,
): Promise<PushedRequest> {
  const found = await takePushedRequest(ctx, requestUri.slice(prefix.length), application.id)
  if (found === null) throw new Fault('invalid_request_uri')
  return found
}
