import { TOTP } from 'otpauth'
import { expect } from 'vitest'
import { second } from '../../src/base/time.ts'
import { type Answer, type Body, type GotrueWorld, gotrueWorld } from './gotrue-world.ts'

/** The code that an app shows now, and before or after so many steps. */
export function codeOf({ ctx }: GotrueWorld, secret: string, steps = 0): string {
  const timestamp = ctx.now().getTime() + steps * 30 * second
  return new TOTP({ secret, algorithm: 'SHA1', digits: 6, period: 30 }).generate({ timestamp })
}

export interface Enrolled {
  id: string
  secret: string
}

/** An app that was begun. */
export async function enroll(
  { ask }: GotrueWorld,
  bearer: string,
  name = 'app',
): Promise<Enrolled> {
  const body = { factor_type: 'totp', friendly_name: name }
  const answer = await ask('POST', '/factors', { bearer, body })
  expect(answer.body).toMatchObject({ type: 'totp', friendly_name: name })
  return { id: answer.body.id, secret: answer.body.totp.secret }
}

export async function challenge({ ask }: GotrueWorld, bearer: string, id: string): Promise<string> {
  const { body } = await ask('POST', `/factors/${id}/challenge`, { bearer })
  return body.id
}

/** Asks for an app and shows what it shows. */
export async function verify(
  world: GotrueWorld,
  bearer: string,
  { id, secret }: Enrolled,
  steps = 0,
): Promise<Answer> {
  const challenge_id = await challenge(world, bearer, id)
  const code = codeOf(world, secret, steps)
  return world.ask('POST', `/factors/${id}/verify`, { bearer, body: { challenge_id, code } })
}

/** Ann, signed in by her password. */
export async function ann(environment: Record<string, string> = {}): Promise<{
  world: GotrueWorld
  session: Body
  bearer: string
}> {
  const world = await gotrueWorld(environment)
  await world.createAccount()
  const session = await world.signIn()
  return { world, session, bearer: session.access_token }
}
