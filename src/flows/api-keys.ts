import type { Tx } from '../base/context.ts'
import { signJwt } from '../base/jwt.ts'
import { unixSeconds } from '../base/time.ts'
import { publicJwks, signingKey } from '../model/key.ts'

/** What clients of the GoTrue face are set up with. `service_role` may do everything: it is for servers. */
export interface ApiKeys {
  anonKey: string
  serviceRoleKey: string
}

const tenYears = 10 * 365 * 86_400

/** Signs both keys anew; those that were given out before stay good for as long as the signing key is accepted. */
export async function issueApiKeys(ctx: Tx): Promise<ApiKeys> {
  const key = await signingKey(ctx, 'gotrue')
  const issuedAt = unixSeconds(ctx.now())
  const times = { iat: issuedAt, exp: issuedAt + tenYears }
  const sign = (role: string) => signJwt(key, { iss: 'sekisho', role, ...times })
  return { anonKey: sign('anon'), serviceRoleKey: sign('service_role') }
}

/** The key sets as the faces publish them: what verifies access tokens and ID tokens. */
export async function publishedKeys(ctx: Tx) {
  return {
    gotrue: { keys: await publicJwks(ctx, 'gotrue') },
    oidc: { keys: await publicJwks(ctx, 'oidc') },
  }
}
