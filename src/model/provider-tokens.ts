import type { Tx } from '../base/context.ts'
import { seal, secretOf, unseal } from '../base/crypto.ts'

/** What a provider gave for the user, which the app gets with its session. */
export interface ProviderTokens {
  accessToken: string
  refreshToken: string | null
}

/** As they wait in a row of `flow_state`: sealed, and empty where there is none, as GoTrue has it. */
export function sealProviderTokens(
  ctx: Tx,
  flowId: string,
  { accessToken, refreshToken }: ProviderTokens,
): { accessToken: string; refreshToken: string } {
  const sealed = (kind: Kind, token: string | null) =>
    token ? seal(secretOf(ctx.config), placeOf(kind, flowId), token) : ''
  return {
    accessToken: sealed('access', accessToken),
    refreshToken: sealed('refresh', refreshToken),
  }
}

/** The same, opened; what GoTrue wrote is in clear. Null where there are none. */
export function openProviderTokens(
  ctx: Tx,
  row: { id: string; provider_access_token: string | null; provider_refresh_token: string | null },
): ProviderTokens | null {
  const open = (kind: Kind, resting: string | null) =>
    resting?.startsWith('v1.')
      ? unseal(secretOf(ctx.config), placeOf(kind, row.id), resting)
      : (resting ?? '')
  const accessToken = open('access', row.provider_access_token)
  if (accessToken === '') return null
  return { accessToken, refreshToken: open('refresh', row.provider_refresh_token) || null }
}

type Kind = 'access' | 'refresh'

function placeOf(kind: Kind, flowId: string): string {
  return `auth.flow_state.provider_${kind}_token:${flowId}`
}
