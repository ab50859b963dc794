import type { Context, Tx } from '../base/context.ts'
import { hmacSha256, seal, secretOf, unseal } from '../base/crypto.ts'
import { Fault } from '../base/fault.ts'
import { isTooDeep, sameJson } from '../base/json.ts'
import { askOutside } from '../base/outgoing.ts'
import { second, unixSeconds } from '../base/time.ts'
import type { Application } from '../model/application.ts'
import { type CustomClaimsInput, isReservedClaim, mapClaims } from '../model/custom-claims.ts'
import type { Granted } from '../model/grant.ts'
import { findSettings, updateSettings } from '../model/settings.ts'
import type { Impersonated } from '../model/subject-token.ts'

type Claims = Record<string, unknown>

/** What a token is about: who asked for it, for whom, and where. */
interface About {
  application: Application
  holder: Granted | null
  organizationId: string | null
  subjectContext: Impersonated['context'] | null
}

/** A program that takes longer holds up every token. */
const patience = 3 * second

/** What others add to one token: more than this in JSON makes headers that servers refuse. */
const largest = 4096

const tokenExchange = 'urn:ietf:params:oauth:grant-type:token-exchange'

const place = 'idp.settings.value:custom-claims'

/**
 * What a JWT says beside the claims of the protocol, which nothing here can change: by the settings' mapping, and from
 * the hook, which wins. A hook that fails is logged, and refuses the token only where the settings say so.
 */
export async function addedClaims(ctx: Context, token: Claims, about: About): Promise<Claims> {
  const settings = await findSettings(ctx, 'custom-claims')
  const isClient = about.holder === null
  const mapping = isClient ? settings.clientCredentials : settings.accessToken
  if (settings.hook === null && Object.keys(mapping).length === 0) return {}
  const facts = factsOf(about)
  const mapped = mapClaims(mapping, facts)
  if (settings.hook === null) return isSmall(mapped) ? mapped : tooLarge(ctx)
  const body = JSON.stringify({
    type: isClient ? 'client-credentials' : 'access-token',
    token: { ...mapped, ...token },
    context: facts,
  })
  const secret = unseal(secretOf(ctx.config), place, settings.hook.sealedSecret)
  const answered = await ask(ctx, settings.hook.url, { body, secret })
  if (answered === null) {
    ctx.log.warn({ url: settings.hook.url }, 'The hook for custom claims failed.')
    if (settings.hook.onFailure === 'refuse') throw new Fault('unavailable')
    return isSmall(mapped) ? mapped : tooLarge(ctx)
  }
  if (answered.denied) throw new Fault('access_denied', { by: 'hook' })
  const all = { ...mapped, ...answered.claims }
  return isSmall(all) ? all : tooLarge(ctx)
}

/** Writes the settings, with the hook's secret encrypted; returns whether anything changed. */
export async function saveCustomClaims(ctx: Tx, input: CustomClaimsInput): Promise<boolean> {
  ctx.cache.forget('settings:custom-claims')
  const before = await findSettings(ctx, 'custom-claims')
  const { hook, ...mappings } = input
  const known = before.hook
  const opened = known === null ? null : unseal(secretOf(ctx.config), place, known.sealedSecret)
  const same =
    sameJson(mappings, {
      accessToken: before.accessToken,
      clientCredentials: before.clientCredentials,
    }) &&
    known?.url === hook?.url &&
    known?.onFailure === hook?.onFailure &&
    opened === (hook?.secret ?? null)
  if (same) return false
  const sealed =
    hook === null
      ? null
      : {
          url: hook.url,
          onFailure: hook.onFailure,
          sealedSecret: seal(secretOf(ctx.config), place, hook.secret),
        }
  await updateSettings(ctx, 'custom-claims', { ...mappings, hook: sealed })
  return true
}

/** What paths lead through, and what the hook is told. What users may write of themselves unasked is not among it. */
function factsOf({ application, holder, organizationId, subjectContext }: About): Claims {
  const { id, name, type, customData } = application
  const user = holder?.user
  return {
    application: { id, name, type, custom_data: customData },
    ...(organizationId !== null && { organization: { id: organizationId } }),
    // In Logto's words, so that a hook may be what a script of Logto's was.
    ...(subjectContext !== null && {
      grant: { type: tokenExchange, subjectTokenContext: subjectContext },
    }),
    ...(user !== undefined && {
      user: {
        id: user.id,
        email: user.email,
        email_verified: user.emailVerifiedAt !== null,
        phone: user.phone,
        phone_verified: user.phoneVerifiedAt !== null,
        username: user.username,
        name: user.name,
        avatar: user.avatar,
        details: user.details,
        custom_data: user.customData,
        app_metadata: user.metadata.app,
        roles: holder?.rights.roles ?? [],
      },
    }),
  }
}

/** Signed as Standard Webhooks say. Null where there was no answer that we understand. */
async function ask(
  ctx: Context,
  url: string,
  { body, secret }: { body: string; secret: string },
): Promise<{ denied: boolean; claims: Claims } | null> {
  const id = `msg_${ctx.random.id(24)}`
  const timestamp = String(unixSeconds(ctx.now()))
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64')
  const signature = hmacSha256(key, `${id}.${timestamp}.${body}`).toString('base64')
  const answer = await askOutside(ctx, url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      'webhook-signature': `v1,${signature}`,
    },
    body,
    timeout: patience,
  })
  if (answer.outcome !== 'answered' || answer.status !== 200) return null
  return understood(answer.text)
}

function understood(text: string): { denied: boolean; claims: Claims } | null {
  if (isTooDeep(text)) return null
  try {
    const value: unknown = JSON.parse(text)
    if (!isObject(value)) return null
    const { claims = {}, denied } = value
    if (!isObject(claims)) return null
    const own = Object.entries(claims).filter(([name]) => !isReservedClaim(name))
    return { denied: denied === true, claims: Object.fromEntries(own) }
  } catch {
    return null
  }
}

function isObject(value: unknown): value is Claims {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isSmall(claims: Claims): boolean {
  return JSON.stringify(claims).length <= largest
}

function tooLarge(ctx: Context): Claims {
  ctx.log.warn({ largest }, 'The custom claims of a token are too large, and were left out.')
  return {}
}
