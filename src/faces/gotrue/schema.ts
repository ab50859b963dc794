import { z } from 'zod'

/** What requests may hold. Go reads null and absence alike, as nothing; unknown fields are not looked at. */

export const text = z
  .string()
  .nullish()
  .transform((value) => value ?? '')
export const textOrNull = z
  .string()
  .nullish()
  .transform((value) => value ?? null)
const yes = z
  .boolean()
  .nullish()
  .transform((value) => value ?? false)
const object = z
  .record(z.string(), z.unknown())
  .nullish()
  .transform((value) => value ?? {})
const objectOrNull = z
  .record(z.string(), z.unknown())
  .nullish()
  .transform((value) => value ?? null)

const challenge = { code_challenge: text, code_challenge_method: text }
const identifier = { email: text, phone: text }

export const signUpBody = z.object({
  ...identifier,
  ...challenge,
  password: text,
  data: object,
  channel: text,
})

export const passwordBody = z.object({ ...identifier, password: text })
export const refreshBody = z.object({ refresh_token: text })
export const pkceBody = z.object({ auth_code: text, code_verifier: text })
export const idTokenBody = z.object({
  id_token: text,
  provider: text,
  client_id: text,
  issuer: text,
  access_token: text,
  nonce: text,
  link_identity: yes,
})

export const otpBody = z.object({
  ...identifier,
  ...challenge,
  create_user: z
    .boolean()
    .nullish()
    .transform((value) => value ?? true),
  data: object,
  channel: text,
})
export const magicLinkBody = z.object({ ...challenge, email: text, data: object })
export const recoverBody = z.object({ ...challenge, email: text })
export const resendBody = z.object({ ...identifier, ...challenge, type: text })

export const verifyBody = z.object({
  ...identifier,
  type: text,
  token: text,
  token_hash: text,
  redirect_to: text,
})

export const userBody = z.object({
  ...identifier,
  ...challenge,
  password: textOrNull,
  current_password: textOrNull,
  nonce: text,
  data: objectOrNull,
  app_metadata: objectOrNull,
  channel: text,
})

export const inviteBody = z.object({ email: text, data: object })

export const adminUserBody = z.object({
  ...identifier,
  id: text,
  aud: text,
  role: text,
  password: textOrNull,
  password_hash: text,
  email_confirm: yes,
  phone_confirm: yes,
  user_metadata: objectOrNull,
  app_metadata: objectOrNull,
  ban_duration: text,
})

export const deleteUserBody = z.object({ should_soft_delete: yes })

export const linkBody = z.object({
  type: text,
  email: text,
  new_email: text,
  password: text,
  data: object,
  redirect_to: text,
})

export const factorBody = z.object({
  friendly_name: text,
  factor_type: text,
  issuer: text,
  phone: text,
})
export const factorChallengeBody = z.object({ channel: text, webauthn: objectOrNull })
export const factorVerifyBody = z.object({
  challenge_id: text,
  code: text,
  webauthn: z
    .object({ type: text, credential_response: z.unknown().optional() })
    .nullish()
    .transform((value) => value ?? null),
})
export const adminFactorBody = z.object({ friendly_name: text, phone: text })

export const passkeyBody = z.object({ challenge_id: text, credential: objectOrNull })
export const passkeyNameBody = z.object({ friendly_name: text })
