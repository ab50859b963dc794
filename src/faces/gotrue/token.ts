import type { Context as HonoContext } from 'hono'
import { Fault } from '../../base/fault.ts'
import type { Env } from '../../base/http.ts'
import { weaknessOf } from '../../flows/password-rules.ts'
import { redeemAuthCode } from '../../flows/redeem.ts'
import { refresh } from '../../flows/refresh.ts'
import { signInWithPassword } from '../../flows/sign-in.ts'
import { normalPhone } from '../../model/phone.ts'
import { answerCarried, answerSignedIn } from './carry.ts'
import { refused, weaknessText } from './errors.ts'
import { readBody } from './read.ts'
import { idTokenBody, passwordBody, pkceBody, refreshBody } from './schema.ts'

/** `POST /token`, by its grant. */
export async function token(c: HonoContext<Env>): Promise<Response> {
  switch (c.req.query('grant_type')) {
    case 'password':
      return byPassword(c)
    case 'refresh_token': {
      const { refresh_token } = await readBody(c, refreshBody)
      const ctx = c.get('ctx')
      return c.json(await answerCarried(c, ctx, await refresh(ctx, refresh_token)))
    }
    case 'pkce':
      return byAuthCode(c)
    case 'id_token':
      return byIdToken(c)
    case 'web3':
      throw refused('Web3 provider is disabled', { status: 422, code: 'web3_provider_disabled' })
    default:
      throw refused('unsupported_grant_type', { code: 'invalid_credentials' })
  }
}

async function byPassword(c: HonoContext<Env>): Promise<Response> {
  const ctx = c.get('ctx')
  const { email, phone, password } = await readBody(c, passwordBody)
  if (email !== '' && phone !== '') {
    throw refused('Only an email address or phone number should be provided on login.')
  }
  const { emailEnabled, phoneEnabled } = ctx.config.gotrue
  if (email !== '' && !emailEnabled) throw new Fault('email_provider_disabled', { at: 'token' })
  if (phone !== '' && !phoneEnabled) throw new Fault('phone_provider_disabled', { at: 'token' })
  if (email === '' && phone === '') throw refused('missing email or phone')
  const identifier = email === '' ? { phone: normalPhone(phone) } : { email }
  const signedIn = await signInWithPassword(ctx, { ...identifier, password })
  const weakness = await weaknessOf(ctx, password)
  const json = await answerSignedIn(c, ctx, signedIn)
  if (weakness === null) return c.json(json)
  const { reasons } = weakness
  return c.json({ ...json, weak_password: { message: weaknessText({ ...weakness }), reasons } })
}

async function byAuthCode(c: HonoContext<Env>): Promise<Response> {
  const ctx = c.get('ctx')
  const { auth_code: authCode, code_verifier: verifier } = await readBody(c, pkceBody)
  if (authCode === '' || verifier === '') {
    throw refused('invalid request: both auth code and code verifier should be non-empty')
  }
  const signedIn = await redeemAuthCode(ctx, { authCode, verifier })
  return c.json(await answerSignedIn(c, ctx, signedIn))
}

/** Whose tokens a provider's name means. */
const issuers = new Map([
  ['google', 'https://accounts.google.com'],
  ['apple', 'https://appleid.apple.com'],
  ['facebook', 'https://www.facebook.com'],
  ['kakao', 'https://kauth.kakao.com'],
])

/** No provider is set up in this version, so there is none whose tokens could be believed. */
async function byIdToken(c: HonoContext<Env>): Promise<Response> {
  const { id_token, provider, client_id, issuer } = await readBody(c, idTokenBody)
  const oauth = { code: 'invalid request', isOAuth: true }
  if (id_token === '') throw refused('id_token required', oauth)
  if (provider === '' && (client_id === '' || issuer === '')) {
    throw refused('provider or client_id and issuer required', oauth)
  }
  const named = issuers.get(provider) ?? (issuer || provider)
  throw refused(`Provider (issuer ${JSON.stringify(named)}) is not enabled`, {
    code: 'provider_disabled',
  })
}
