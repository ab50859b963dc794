import { createSubjectToken } from '../../src/flows/subject-token.ts'
import { updateApplication } from '../../src/model/application.ts'
import { type Authority, authority } from './oidc-authority.ts'
import { type Fields, shopBasic } from './oidc-client.ts'

export const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange'
export const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token'
export const personalType = 'urn:logto:token-type:personal_access_token'

/** The authority, of which the shop, the machine and the API may exchange tokens. */
export async function stage(): Promise<Authority> {
  const at = await authority()
  await allowExchange(at)
  return at
}

export async function allowExchange(at: Authority): Promise<void> {
  for (const id of ['shop', 'machine', 'api']) {
    await updateApplication(at.scene.ctx, id, {
      customClientMetadata: { allowTokenExchange: true },
    })
  }
}

export function exchange(at: Authority, fields: Fields, who = shopBasic): Promise<Response> {
  return at.post(
    '/oidc/token',
    { grant_type: exchangeGrant, subject_token_type: accessTokenType, ...fields },
    who,
  )
}

export async function exchanged(at: Authority, fields: Fields, who = shopBasic) {
  const answer = await exchange(at, fields, who)
  if (answer.status !== 200) throw new Error(await answer.text())
  return answer.json()
}

export async function subjectFor(at: Authority, userId = at.ann.user.id): Promise<string> {
  return subjectWith(at, {}, userId)
}

export async function subjectWith(
  at: Authority,
  context: Record<string, unknown>,
  userId = at.ann.user.id,
): Promise<string> {
  const { subjectToken } = await createSubjectToken(at.scene.ctx, { userId, context })
  return subjectToken
}
