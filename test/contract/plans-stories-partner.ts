import { expect } from 'vitest'
import { userIdOf } from '../../bench/growth/names.ts'
import { withdrawConsent } from '../../src/flows/allow.ts'
import { createApplication } from '../../src/model/application.ts'
import { listConsents, saveConsent } from '../../src/model/consent.ts'
import { answerOf, authPath, callback, redemption } from './oidc-client.ts'
import { atBrowser, browserOf, type Story, well } from './plans-stage.ts'

export const partner: Story[] = [
  {
    name: 'what an application of somebody else was allowed, and what is taken back',
    async tell(stage) {
      const { at, scene, next } = stage
      const user = next((one) => atBrowser(one) && one % 4 === 0)
      const [userId, client_id] = [userIdOf(user), `partner-${user}`]
      await createApplication(scene.ctx, {
        ...{ id: client_id, name: 'Partner', type: 'SPA', isThirdParty: true },
        oidcClientMetadata: { redirectUris: [callback] },
      })
      const nothing = { scopes: [], resourceScopes: {}, organizationScopes: [] }
      const consent = { ...nothing, organizationIds: [] }
      await saveConsent(scene.ctx, { userId, applicationId: client_id }, consent)
      const asked = { client_id, scope: 'openid', prompt: undefined }
      const { code = '' } = answerOf(await browserOf(stage, user).open(authPath(asked)))
      await well(at.post('/oidc/token', redemption(code, { client_id })))
      expect(await listConsents(scene.ctx, userId)).toHaveLength(1)
      expect(await withdrawConsent(scene.ctx, { userId, applicationId: client_id })).toBe(true)
    },
  },
]
