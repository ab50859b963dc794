import type { Context as HonoContext } from 'hono'
import { Fault } from '../../base/fault.ts'
import type { Env } from '../../base/http.ts'
import { signInWithIdToken } from '../../flows/id-token.ts'
import { weaknessOf } from '../../flows/password-rules.ts'
import { redeemAuthCode } from '../../flows/redeem.ts'
import { refresh } from '../../flows/refresh.ts'
import { signInWithPassword } from '../../flows/sign-in.ts'
import { normalPhone } from '../../model/phone.ts'
import { callerOf } from './bearer.ts'
import { answerRefreshed, answerSignedIn } from './carry.ts'
import { refused, weaknessText } from './errors.ts'
import { readBody, redirectOf } from './read.ts'
import { idTokenBody, passwordBody, pkceBody, refreshBody } from './schema.ts'

/** `POST /token`, by its grant. */
export async function token(c: HonoContext<Env>): Promise<Response> {
  switch (c.req.query('grant_type')) {
    case 'password':
      return byPassword(c)
    case 'refresh_token': {
      const { refresh_token } = await readBody(c, refreshBody)
      const ctx = c.get('ctx')
      return c.json(await answerRefreshed(c, ctx, await refresh(ctx, refresh_token)))
    }
    case 'pkce':
      return byAuthCode(c)
    case 'id_token':
      return byIdToken(c)
    case 'web3':
      // Its curves are large, and few servers know wallets.
      return (await import('./web3.ts')).byWallet(c)
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
  const json = await answerSignedIn(c, ctx, signedIn)
  const { providerTokens } = signedIn
  if (providerTokens === null) return c.json(json)
  const { accessToken, refreshToken } = providerTokens
  return c.json({
    ...json,
    provider_token: accessToken,
    ...(refreshToken === null ? {} : { provider_refresh_token: refreshToken }),
  })
}

async function byIdToken(c: HonoContext<Env>): Promise<Response> {
  const body = await readBody(c, idTokenBody)
  const { id_token: idToken, client_id: clientId, provider, issuer, nonce } = body
  const oauth = { code: 'invalid request', isOAuth: true }
  if (idToken === '') throw refused('id_token required', oauth)
  if (provider === '' && (clientId === '' || issuer === '')) {
    throw refused('provider or client_id and issuer required', oauth)
  }
  if (body.link_identity && !c.req.header('authorization')) {
    throw refused('Linking requires a valid user access token in Authorization', oauth)
  }
  const linkingUserId = body.link_identity ? (await callerOf(c)).user.id : null
  const ctx = c.get('ctx')
  const signedIn = await signInWithIdToken(ctx, {
    idToken,
    provider,
    clientId,
    issuer,
    nonce,
    accessToken: body.access_token,
    linkingUserId,
    redirectTo: redirectOf(c),
  })
  return c.json(await answerSignedIn(c, ctx, signedIn))
}
