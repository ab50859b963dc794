import { apple } from './apple.ts'
import { azure } from './azure.ts'
import { bitbucket } from './bitbucket.ts'
import { discord } from './discord.ts'
import { facebook } from './facebook.ts'
import { figma } from './figma.ts'
import { fly } from './fly.ts'
import { github } from './github.ts'
import { gitlab } from './gitlab.ts'
import { google } from './google.ts'
import { kakao } from './kakao.ts'
import { keycloak } from './keycloak.ts'
import { linkedin } from './linkedin.ts'
import { linkedinOidc } from './linkedin-oidc.ts'
import { notion } from './notion.ts'
import { slack, slackOidc } from './slack.ts'
import { snapchat } from './snapchat.ts'
import type { SocialConnector } from './social.ts'
import { spotify } from './spotify.ts'
import { twitch } from './twitch.ts'
import { twitter } from './twitter.ts'
import { vercelMarketplace } from './vercel-marketplace.ts'
import { workos } from './workos.ts'
import { x } from './x.ts'
import { zoom } from './zoom.ts'

export { type CustomDeclaration, customConnector } from './custom.ts'
export { discover, discoveryUrlOf } from './documents.ts'
export { readIssuer, verifyIdToken } from './id-token.ts'
export { profileOfClaims } from './openid.ts'
export type {
  Beginning,
  Claims,
  Granted,
  IdTokenRules,
  ProfileEmail,
  SocialConnector,
  SocialOutside,
  SocialProfile,
  SocialSettings,
} from './social.ts'

export const socialConnectors: readonly SocialConnector[] = [
  apple,
  azure,
  bitbucket,
  discord,
  facebook,
  figma,
  fly,
  github,
  gitlab,
  google,
  kakao,
  keycloak,
  linkedin,
  linkedinOidc,
  notion,
  slack,
  slackOidc,
  snapchat,
  spotify,
  twitch,
  twitter,
  vercelMarketplace,
  workos,
  x,
  zoom,
]

/** By its id; null for one that there is no code for. */
export function findSocialConnector(id: string): SocialConnector | null {
  return socialConnectors.find((connector) => connector.id === id) ?? null
}
