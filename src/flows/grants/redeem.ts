import type { Context } from '../../base/context.ts'
import { Fault } from '../../base/fault.ts'
import { type Application, alwaysRefreshes } from '../../model/application.ts'
import type { Issue, Issued, Redeeming } from '../../model/issue.ts'
import type { TargetProblem } from '../../model/rights.ts'
import { mintAccessToken } from '../mint.ts'
import {
  issueFor,
  refuseTarget,
  type TokenRequest,
  type TokenSet,
  targetOf,
  targetScope,
} from './grant-type.ts'

/** How one kind of code is spent, and why it was not. */
export interface Redemption {
  redeem(redeeming: Redeeming): Promise<Issued | null>
  problemOf(issue: Issue): Promise<TargetProblem | null>
}

/** The tokens for something that is good once. Throws `invalid_grant`, or what is wrong with the target. */
export async function redeemForTokens(
  acting: Context,
  { application, asked }: { application: Application; asked: TokenRequest },
  redemption: Redemption,
): Promise<TokenSet> {
  const { cnf } = asked
  const target = await targetOf(acting, asked)
  const issue = issueFor(application, asked, target)
  const alwaysRefresh = alwaysRefreshes(application)
  const issued = await redemption.redeem({ ...issue, alwaysRefresh })
  if (issued === null) {
    const problem = await redemption.problemOf(issue)
    throw problem === null ? new Fault('invalid_grant') : refuseTarget(problem, target)
  }
  const access = await mintAccessToken(acting, {
    application,
    holder: issued,
    scope: target === null ? issued.grantedScope : targetScope(issued, []),
    target,
    cnf,
    act: null,
    subjectContext: null,
  })
  return { access, refreshToken: issued.refreshToken, granted: issued }
}
