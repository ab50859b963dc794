import type { Context as HonoContext } from 'hono'
import type { Env } from '../../base/http.ts'
import { invite as inviteUser } from '../../flows/invite.ts'
import { sendMagicLink, recover as sendRecovery } from '../../flows/magic-link.ts'
import { sendPhoneCode } from '../../flows/phone-sign-up.ts'
import { requestReauthentication } from '../../flows/reauthenticate.ts'
import { type ResendType, resend as sendAgain } from '../../flows/resend.ts'
import { adminOf, callerOf } from './bearer.ts'
import { refused } from './errors.ts'
import { userJson } from './present.ts'
import { readBody, readChallenge, redirectOf } from './read.ts'
import { inviteBody, magicLinkBody, otpBody, recoverBody, resendBody } from './schema.ts'

/** `POST /otp`: a link, and digits beside it, for an address or a number. */
export async function otp(c: HonoContext<Env>): Promise<Response> {
  const ctx = c.get('ctx')
  const body = await readBody(c, otpBody)
  const { email, phone, channel, data } = body
  if (email !== '' && phone !== '') {
    throw refused('Only an email address or phone number should be provided')
  }
  if (email !== '' && channel !== '') {
    throw refused('Channel should only be specified with Phone OTP')
  }
  const challenge = readChallenge(body)
  if (email === '' && phone === '') throw refused('One of email or phone must be set')
  if (phone !== '') {
    const createUser = body.create_user
    return c.json(sentJson(await sendPhoneCode(ctx, { phone, createUser, data, channel })))
  }
  const redirectTo = redirectOf(c)
  await sendMagicLink(ctx, { email, createUser: body.create_user, data, challenge, redirectTo })
  return c.json({})
}

/** `POST /magiclink`, which clients of the first version use. */
export async function magicLink(c: HonoContext<Env>): Promise<Response> {
  const body = await readBody(c, magicLinkBody)
  const { email, data } = body
  // GoTrue's own text.
  if (email === '') throw refused('Password recovery requires an email', { status: 422 })
  const challenge = readChallenge(body)
  const redirectTo = redirectOf(c)
  await sendMagicLink(c.get('ctx'), { email, createUser: true, data, challenge, redirectTo })
  return c.json({})
}

/** `POST /recover`: the answer is the same for an unknown address. */
export async function recover(c: HonoContext<Env>): Promise<Response> {
  const body = await readBody(c, recoverBody)
  const { email } = body
  if (email === '') throw refused('Password recovery requires an email')
  const challenge = readChallenge(body)
  await sendRecovery(c.get('ctx'), { email, challenge, redirectTo: redirectOf(c) })
  return c.json({})
}

const resendTypes: Record<ResendType, 'email' | 'phone'> = {
  signup: 'email',
  email_change: 'email',
  sms: 'phone',
  phone_change: 'phone',
}

/** `POST /resend`. */
export async function resend(c: HonoContext<Env>): Promise<Response> {
  const body = await readBody(c, resendBody)
  const { type, email, phone } = body
  if (!isResendType(type)) {
    throw refused('Missing one of these types: signup, email_change, sms, phone_change')
  }
  if (resendTypes[type] === 'email' && email === '' && phone !== '') {
    throw refused('Type provided requires an email address')
  }
  if (resendTypes[type] === 'phone' && phone === '' && email !== '') {
    throw refused('Type provided requires a phone number')
  }
  if (email !== '' && phone !== '') {
    throw refused('Only an email address or phone number should be provided.')
  }
  if (email === '' && phone === '') throw refused('Missing email address or phone number')
  const challenge = readChallenge(body)
  const redirectTo = redirectOf(c)
  const request = { type, email, phone, challenge, redirectTo }
  return c.json(sentJson(await sendAgain(c.get('ctx'), request)))
}

function isResendType(type: string): type is ResendType {
  return Object.hasOwn(resendTypes, type)
}

/** `POST /invite`. */
export async function invite(c: HonoContext<Env>): Promise<Response> {
  const ctx = await adminOf(c)
  const { email, data } = await readBody(c, inviteBody)
  return c.json(userJson(await inviteUser(ctx, { email, data, redirectTo: redirectOf(c) })))
}

/** `GET /reauthenticate`. */
export async function reauthenticate(c: HonoContext<Env>): Promise<Response> {
  const { ctx, user } = await callerOf(c)
  return c.json(sentJson(await requestReauthentication(ctx, user)))
}

/** Messages to phones have an id at their provider. */
function sentJson(messageId: string): { message_id?: string } {
  return messageId === '' ? {} : { message_id: messageId }
}
