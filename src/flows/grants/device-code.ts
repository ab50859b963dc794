import type { Context } from '../../base/context.ts'
import { Fault } from '../../base/fault.ts'
import type { Application } from '../../model/application.ts'
import { pollDeviceCode } from '../../model/device-code.ts'
import { deviceCodeProblem, redeemDeviceCode } from '../../model/device-redemption.ts'
import { actingFor, mayUse, type TokenRequest, type TokenSet } from './grant-type.ts'
import { redeemForTokens } from './redeem.ts'

/** A device asks whether its user has answered; of many polls at once, one gets what they allowed (RFC 8628 § 3.4). */
export async function redeemDevice(
  ctx: Context,
  application: Application,
  asked: TokenRequest & { deviceCode: string },
): Promise<TokenSet> {
  mayUse(application, 'urn:ietf:params:oauth:grant-type:device_code')
  const { deviceCode } = asked
  const acting = actingFor(ctx, application)
  refuseUnanswered(await pollDeviceCode(acting, deviceCode, application.id))
  return redeemForTokens(
    acting,
    { application, asked },
    {
      redeem: (redeeming) => redeemDeviceCode(acting, deviceCode, redeeming),
      // A spent code takes nothing along: a device whose answer was late may well ask twice.
      problemOf: (issue) => deviceCodeProblem(acting, deviceCode, issue),
    },
  )
}

function refuseUnanswered(polled: Awaited<ReturnType<typeof pollDeviceCode>>): void {
  switch (polled) {
    case 'allowed':
      return
    case 'pending':
      throw new Fault('authorization_pending')
    case 'too-soon':
      throw new Fault('polled_too_soon')
    case 'denied':
      throw new Fault('device_refused')
    case 'expired':
      throw new Fault('device_code_expired')
    case 'unknown':
      throw new Fault('invalid_grant')
  }
}
