import { createHmac } from 'node:crypto'
import { unixSeconds } from '../../base/time.ts'
import { readJson } from './oauth2.ts'
import {
  answerLimit,
  at,
  failed,
  onlyEmail,
  present,
  type SocialConnector,
  type SocialOutside,
  type SocialSettings,
  textOf,
} from './social.ts'

const id = 'twitter'

/** Twitter by OAuth 1.0a (RFC 5849): the only one of its kind, so its dialect lives here whole. */
export const twitter: SocialConnector = {
  id,
  name: { en: 'Twitter', ja: 'Twitter' },
  needsUrl: false,
  remembers: true,
  async begin(settings, { state }, out) {
    const callback = new URL(settings.redirectUri)
    callback.searchParams.set('state', state)
    const answer = await post(settings, out, {
      path: '/oauth/request_token',
      oauth: { oauth_callback: callback.href },
      step: 'begin',
    })
    const token = answer.get('oauth_token') ?? ''
    const secret = answer.get('oauth_token_secret') ?? ''
    if (token === '') throw failed(id, 'begin', { why: 'no request token' })
    return {
      url: `${placeOf(settings)}/oauth/authenticate?${new URLSearchParams({ oauth_token: token })}`,
      // Whoever comes back has to bring this token, and no other's.
      remember: JSON.stringify([token, secret]),
    }
  },
  hasReturned: (parameters) =>
    (parameters.get('oauth_token') ?? '') !== '' && (parameters.get('oauth_verifier') ?? '') !== '',
  async finish(settings, { parameters, remembered }, out) {
    const [token, secret] = readRemembered(remembered)
    if (token === '' || token !== parameters.get('oauth_token')) {
      throw failed(id, 'exchange', { why: 'another request token' })
    }
    const answer = await post(settings, out, {
      path: '/oauth/access_token',
      oauth: { oauth_token: token, oauth_verifier: parameters.get('oauth_verifier') ?? '' },
      tokenSecret: secret,
      step: 'exchange',
    })
    const accessToken = answer.get('oauth_token') ?? ''
    if (accessToken === '') throw failed(id, 'exchange', { why: 'no access token' })
    const tokenSecret = answer.get('oauth_token_secret') ?? ''
    const profile = await profileOf(settings, out, { accessToken, tokenSecret })
    return {
      granted: {
        accessToken,
        refreshToken: null,
        idToken: null,
        answer: Object.fromEntries(answer),
      },
      profile,
    }
  },
}

function placeOf({ url }: SocialSettings): string {
  return (url ?? 'https://api.twitter.com').replace(/\/+$/, '')
}

function readRemembered(remembered: string | null): [string, string] {
  try {
    const [token, secret] = JSON.parse(remembered ?? '')
    return [textOf(token), textOf(secret)]
  } catch {
    return ['', '']
  }
}

async function post(
  settings: SocialSettings,
  out: SocialOutside,
  call: {
    path: string
    oauth: Record<string, string>
    tokenSecret?: string
    step: 'begin' | 'exchange'
  },
): Promise<URLSearchParams> {
  const { path, oauth, tokenSecret = '', step } = call
  const address = placeOf(settings) + path
  const signed = sign(settings, out, { method: 'POST', address, query: {}, oauth, tokenSecret })
  const answer = await out.ask(address, {
    method: 'POST',
    headers: { authorization: signed },
    limit: answerLimit,
  })
  if (answer.outcome !== 'answered' || answer.status !== 200) {
    const why = answer.outcome === 'answered' ? { status: answer.status } : { why: answer.outcome }
    throw failed(id, step, why)
  }
  return new URLSearchParams(answer.text)
}

async function profileOf(
  settings: SocialSettings,
  out: SocialOutside,
  { accessToken, tokenSecret }: { accessToken: string; tokenSecret: string },
) {
  const address = `${placeOf(settings)}/1.1/account/verify_credentials.json`
  const query = { include_entities: 'false', skip_status: 'true', include_email: 'true' }
  const authorization = sign(settings, out, {
    method: 'GET',
    address,
    query,
    oauth: { oauth_token: accessToken },
    tokenSecret,
  })
  const answer = await out.ask(`${address}?${new URLSearchParams(query)}`, {
    headers: { authorization },
    limit: answerLimit,
  })
  const user = readJson(id, answer)
  const subject = textOf(at(user, 'id_str'))
  if (subject === '') throw failed(id, 'profile', { why: 'no subject' })
  return {
    subject,
    issuer: address,
    emails: onlyEmail(at(user, 'email'), true),
    claims: present({
      name: at(user, 'name'),
      preferred_username: at(user, 'screen_name'),
      picture: at(user, 'profile_image_url_https'),
    }),
  }
}

/** The `Authorization` header of RFC 5849 § 3.4 and § 3.5.1, by HMAC-SHA1, which Twitter demands. */
function sign(
  { clientIds, secret }: SocialSettings,
  out: SocialOutside,
  call: {
    method: 'GET' | 'POST'
    address: string
    query: Record<string, string>
    oauth: Record<string, string>
    tokenSecret: string
  },
): string {
  const { method, address, query, tokenSecret } = call
  const oauth: Record<string, string> = {
    ...call.oauth,
    oauth_consumer_key: clientIds[0] ?? '',
    oauth_nonce: out.random.id(32),
    oauth_signature_method: 'HMAC-SHA1',
    oauth_timestamp: String(unixSeconds(out.now())),
    oauth_version: '1.0',
  }
  const base = [method, address, signedParameters({ ...query, ...oauth })].map(encode).join('&')
  const key = `${encode(secret)}&${encode(tokenSecret)}`
  const signature = createHmac('sha1', key).update(base).digest('base64')
  const parts = Object.entries({ ...oauth, oauth_signature: signature })
  return `OAuth ${parts.map(([name, value]) => `${encode(name)}="${encode(value)}"`).join(', ')}`
}

/** Encoded first, and sorted as encoded (§ 3.4.1.3.2). */
function signedParameters(parameters: Record<string, string>): string {
  return Object.entries(parameters)
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .sort()
    .join('&')
}

/** RFC 5849 § 3.6 leaves fewer characters as they are than `encodeURIComponent`. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}
