import { decodeJwt } from 'jose'
import type { Context } from '../base/context.ts'
import { second, unixSeconds } from '../base/time.ts'
import type { Application } from '../model/application.ts'
import { spendProof } from '../model/replay.ts'
import { readSignedJwt } from './application-keys.ts'
import { issuerOf } from './authorize.ts'

/** RFC 7523 § 2.2. */
export const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

/** Whom an assertion names; it is not believed yet. Null for what is none. */
export function assertedClient(assertion: string): string | null {
  try {
    return decodeJwt(assertion).sub ?? null
  } catch {
    return null
  }
}

/**
 * Whether the application signed this to say who it is, to us, and for the first time (RFC 7523 § 3). An audience that
 * is the issuer is best; libraries that name the endpoint are believed, too.
 */
export async function isAssertionOf(
  ctx: Context,
  application: Application,
  assertion: string,
): Promise<boolean> {
  const issuer = issuerOf(ctx)
  const claims = await readSignedJwt(ctx, application, assertion, {
    audiences: [issuer, `${issuer}/token`, `${issuer}/par`],
    types: ['jwt', 'client-authentication+jwt'],
    algorithm: application.oidcClientMetadata.tokenEndpointAuthSigningAlg ?? null,
  })
  if (claims === null || claims.sub !== application.id) return false
  const { jti, exp } = claims
  if (typeof jti !== 'string' || jti === '' || exp === undefined) return false
  return spendProof(ctx, {
    kind: 'client-assertion',
    owner: application.id,
    name: jti,
    // As long as it could come again, on a node whose clock is behind.
    lifetime: (exp - unixSeconds(ctx.now()) + 60) * second,
  })
}
