import { networkOf } from '../base/client-ip.ts'
import { type Context, transaction } from '../base/context.ts'
import { seal, secretOf, unseal } from '../base/crypto.ts'
import { Fault } from '../base/fault.ts'
import { minute, second } from '../base/time.ts'
import type { Application } from '../model/application.ts'
import type { BrowserSession } from '../model/browser-session.ts'
import {
  allowDevice,
  createDeviceCode,
  denyDevice,
  deviceCodeLifetime,
  findWaitingDevice,
  pollInterval,
  readUserCode,
} from '../model/device-code.ts'
import { answerInteraction, deleteInteraction, type Interaction } from '../model/interaction.ts'
import type { Confirmation } from '../model/issue.ts'
import { take } from '../model/limit.ts'
import { findRequest, type Request } from './allow.ts'
import { givenBy, type Question, questionLeft } from './answer-authorization.ts'
import { type Authorization, type AuthorizationRequest, checkAsked } from './authorize.ts'
import { mayUse } from './grants/grant-type.ts'
import { type StartedInteraction, startInteraction } from './interaction.ts'

/** Requests of devices from one place: every shelf of a shop may be switched on at once. */
const begun = { limit: 100, window: 1 * minute }

/** Codes that people type from one place. There are 2^34 of them, so that guessing leads nowhere (RFC 8628 § 5.1). */
const typed = { limit: 20, window: 10 * minute }

/** A device's request, of which everything is known to be right. */
export type DeviceAuthorization = Authorization<null>

export interface StartedDevice {
  deviceCode: string
  /** As it is shown: in two halves. */
  userCode: string
  /** Seconds. */
  expiresIn: number
  interval: number
}

/** Begins the sign-in of a device (RFC 8628 § 3.1); `query` are the parameters of the request as they came. */
export async function startDevice(
  ctx: Context,
  application: Application,
  asked: { request: AuthorizationRequest; query: string; cnf: Confirmation | null },
): Promise<StartedDevice> {
  mayUse(application, 'urn:ietf:params:oauth:grant-type:device_code')
  const taken = await take(ctx, `device:${networkOf(ctx.client.ip)}`, begun)
  if (!taken.allowed) throw new Fault('over_request_rate_limit', { retryAfter: taken.retryAfter })
  const { subject } = await checkDeviceRequest(ctx, application, asked.request)
  const { deviceCode, userCode } = await createDeviceCode(ctx, application.id, {
    query: asked.query,
    subject,
    jkt: asked.cnf?.jkt ?? null,
  })
  return {
    deviceCode,
    userCode: shownCode(userCode),
    expiresIn: deviceCodeLifetime / second,
    interval: pollInterval,
  }
}

/** Checks what a device asks for. Throws what `checkAuthorization` throws, and for `prompt=none`, which asks nobody. */
export async function checkDeviceRequest(
  ctx: Context,
  application: Application,
  request: AuthorizationRequest,
): Promise<DeviceAuthorization> {
  if (request.problem !== null) throw new Fault('invalid_request', { ...request.problem })
  if (request.prompt.includes('none')) {
    throw new Fault('invalid_request', { parameter: 'prompt', problem: 'unsupported' })
  }
  return checkAsked(ctx, request, { application, back: null })
}

function shownCode(userCode: string): string {
  return `${userCode.slice(0, 4)}-${userCode.slice(4)}`
}

/**
 * Somebody typed the code that a device shows: from here on it is a sign-in for the device's application. Throws
 * `user_code_wrong`, and `over_request_rate_limit` to who guesses.
 */
export async function enterUserCode(
  ctx: Context,
  text: string,
  browser: string | null,
): Promise<StartedInteraction> {
  const userCode = readUserCode(text)
  if (userCode === '') throw new Fault('user_code_wrong')
  const taken = await take(ctx, `user-code:${networkOf(ctx.client.ip)}`, typed)
  if (!taken.allowed) throw new Fault('over_request_rate_limit', { retryAfter: taken.retryAfter })
  const device = userCode.length > 64 ? null : await findWaitingDevice(ctx, userCode)
  if (device === null) throw new Fault('user_code_wrong')
  const { query, subject } = device.request
  const params = new URLSearchParams(query)
  return startInteraction(ctx, {
    applicationId: device.applicationId,
    request: {
      ...{ query, subject, device: device.id },
      // Shown once more, to be compared with the device; whoever reads the database has no use for it.
      userCode: seal(secretOf(ctx.config), placeOf(device.id), shownCode(userCode)),
      ui_locales: params.get('ui_locales'),
    },
    identifier: params.get('login_hint') ?? undefined,
    browser,
  })
}

function placeOf(deviceId: string): string {
  return `idp.interactions.request.userCode:${deviceId}`
}

/** The device that an interaction is about; null for one of a browser's own. */
export function deviceOf({ request }: Interaction): string | null {
  return typeof request.device === 'string' ? request.device : null
}

/** What the page asks that has the last word: who wants what, and the code that the device has to show. */
export async function findDeviceRequest(
  ctx: Context,
  interaction: Interaction,
  userId: string,
): Promise<(Request & { userCode: string }) | null> {
  const device = deviceOf(interaction)
  const { userCode } = interaction.request
  if (device === null || typeof userCode !== 'string') return null
  const request = await findRequest(ctx, interaction, userId)
  if (request === null) return null
  return { ...request, userCode: unseal(secretOf(ctx.config), placeOf(device), userCode) }
}

export type DeviceAnswer =
  | { outcome: 'allowed' | 'denied' }
  | { outcome: 'ask'; question: Question | 'confirm' }

/** As `resumeAuthorization`, for a device: nothing goes there unseen, so the user always has the last word. */
export async function resumeDevice(
  ctx: Context,
  authorization: DeviceAuthorization,
  asked: { session: BrowserSession | null; interaction: Interaction; browser: string },
): Promise<DeviceAnswer> {
  const { session, interaction, browser } = asked
  const device = deviceOf(interaction)
  if (device === null) throw new Fault('interaction_not_found')
  if (interaction.state.isDenied) {
    await transaction(ctx, async (ctx) => {
      await deleteInteraction(ctx, interaction.id, browser)
      await denyDevice(ctx, device, session?.userId ?? null)
    })
    return { outcome: 'denied' }
  }
  const question = await questionLeft(ctx, authorization, asked)
  if (question !== null || session === null) {
    return { outcome: 'ask', question: question ?? 'sign-in' }
  }
  if (interaction.state.confirmed !== session.id) {
    const wish = authorization.consent
    await answerInteraction(ctx, { id: interaction.id, browser }, { wish })
    return { outcome: 'ask', question: 'confirm' }
  }
  const { id: applicationId, isThirdParty } = authorization.application
  const asker = { applicationId, isThirdParty }
  return transaction(ctx, async (ctx) => {
    const taken = await deleteInteraction(ctx, interaction.id, browser)
    const isAllowed =
      taken !== null &&
      (await allowDevice(ctx, { id: device, asker }, givenBy(authorization, session)))
    if (!isAllowed) throw new Fault('device_code_expired')
    return { outcome: 'allowed' }
  })
}
