import { createApplication } from '../../src/model/application.ts'
import { setConsentScopes } from '../../src/model/application-consent.ts'
import {
  answerOf,
  authPath,
  basic,
  type Fields,
  type Gate,
  gate,
  type Person,
  person,
  redemption,
  type Tokens,
} from './oidc-client.ts'

export const partnerCallback = 'https://partner.example/callback'
export const partnerBasic = basic('partner', 'the-secret-of-the-partner')

/** The usual world, with an application of somebody else, and Ann, who has signed in. */
export async function partnership(): Promise<Gate & { ann: Person }> {
  const at = await gate()
  await createApplication(at.scene.ctx, {
    ...{ id: 'partner', secret: 'the-secret-of-the-partner' },
    ...{ name: 'Partner', type: 'Traditional', isThirdParty: true },
    oidcClientMetadata: {
      redirectUris: [partnerCallback],
      backchannelLogoutUri: 'https://partner.example/logout',
    },
    appearance: { displayName: 'The Partner', logoUrl: 'https://cdn.partner.example/logo.svg' },
  })
  await setConsentScopes(at.scene.ctx, 'partner', {
    userScopes: ['profile', 'email'],
    organizationScopes: [],
    resourceScopes: [],
    organizationResourceScopes: [],
  })
  const ann = await person(at)
  at.scene.pass(1000)
  return { ...at, ann }
}

/** A code of the partner; where its user is asked, they allow it. */
export async function partnerCode(
  { browser, sessionId }: Person,
  changes: Fields = {},
): Promise<string> {
  const asked = { client_id: 'partner', redirect_uri: partnerCallback, prompt: undefined }
  const answer = await browser.open(authPath({ ...asked, ...changes }))
  const { code, flow } = answerOf(answer)
  if (code !== undefined) return code
  await browser.send('/consent', { flow, session: sessionId, want: 'allow' })
  const back = answerOf(await browser.open(`/oidc/auth/${flow}`))
  if (back.code === undefined) throw new Error(`No code: ${JSON.stringify(back)}`)
  return back.code
}

export function redeemPartner(at: Gate, code: string): Promise<Response> {
  const changes = { client_id: 'partner', redirect_uri: partnerCallback }
  return at.post('/oidc/token', redemption(code, changes), partnerBasic)
}

export async function partnerTokens(at: Gate, one: Person, changes: Fields = {}): Promise<Tokens> {
  const answer = await redeemPartner(at, await partnerCode(one, changes))
  if (answer.status !== 200) throw new Error(await answer.text())
  return (await answer.json()) as Tokens
}

export function refreshPartner(at: Gate, refresh_token: string): Promise<Response> {
  const form = { grant_type: 'refresh_token', client_id: 'partner', refresh_token }
  return at.post('/oidc/token', form, partnerBasic)
}
