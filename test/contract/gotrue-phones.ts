import { type Answer, type Body, type GotrueWorld, password } from './gotrue-world.ts'

export const phone = '819012345678'
export const other = '15551234567'
export const phones = { GOTRUE_EXTERNAL_PHONE_ENABLED: 'true' }

/** The newest code in the mailbox to a number. */
export async function codeTo(world: GotrueWorld, to = phone): Promise<string> {
  const [message] = await world.mails(to)
  if (!message?.code) throw new Error(`There is no message to ${to}`)
  return message.code
}

export function verify(
  world: GotrueWorld,
  token: string,
  type = 'sms',
  to = phone,
): Promise<Answer> {
  return world.ask('POST', '/verify', { body: { type, token, phone: to } })
}

/** Somebody with a number that was proved, signed in. */
export async function signedIn(world: GotrueWorld, to = phone): Promise<Body> {
  const { status, body } = await world.ask('POST', '/signup', { body: { phone: to, password } })
  if (status !== 200) throw new Error(JSON.stringify(body))
  return (await verify(world, await codeTo(world, to), 'sms', to)).body
}
