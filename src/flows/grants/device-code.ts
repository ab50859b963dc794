import type { Context } from '../../base/context.ts'
import { Fault } from '../../base/fault.ts'
import type { Application } from '../../model/application.ts'
import { deviceCodeProblem, pollDeviceCode, redeemDeviceCode } from '../../model/device-code.ts'
import { finishAccessToken, opaqueToken } from '../mint.ts'
import {
  actingFor,
  issueFor,
  mayUse,
  refuseTarget,
  type TokenRequest,
  type TokenSet,
  targetOf,
  targetScope,
} from './grant-type.ts'

/** A device asks whether its user has answered; of many polls at once, one gets what they allowed (RFC 8628 § 3.4). */
export async function redeemDevice(
  ctx: Context,
  application: Application,
  asked: TokenRequest & { deviceCode: string },
): Promise<TokenSet> {
  mayUse(application, 'urn:ietf:params:oauth:grant-type:device_code')
  const { deviceCode, cnf } = asked
  const target = await targetOf(ctx, asked)
  const acting = actingFor(ctx, application)
  refuseUnanswered(await pollDeviceCode(acting, deviceCode, application.id))
  const opaque = target === null ? opaqueToken(ctx, { application, cnf, act: null }) : null
  const issue = issueFor(application, asked, { target, opaque })
  const issued = await redeemDeviceCode(acting, deviceCode, {
    ...issue,
    alwaysRefresh:
      application.type === 'Traditional' &&
      application.customClientMetadata.alwaysIssueRefreshToken === true,
  })
  if (issued === null) {
    // A spent code takes nothing along: a device whose answer was late may well ask twice.
    const problem = await deviceCodeProblem(acting, deviceCode, issue)
    throw problem === null ? new Fault('invalid_grant') : refuseTarget(problem, target)
  }
  const access = await finishAccessToken(acting, opaque, {
    application,
    holder: issued,
    scope: target === null ? issued.grantedScope : targetScope(issued, []),
    target,
    cnf,
    act: null,
  })
  return { access, refreshToken: issued.refreshToken, granted: issued }
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
