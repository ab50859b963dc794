import { z } from 'zod'
import { Fault } from '../../base/fault.ts'
import { readJson } from '../../base/http.ts'
import { second } from '../../base/time.ts'
import { createSubjectToken, mayImpersonate } from '../../flows/subject-token.ts'
import type { Call } from './cors.ts'
import { noStore, shownBy } from './tokens.ts'

const body = z.strictObject({
  userId: z.uuid(),
  context: z.record(z.string(), z.unknown()).optional(),
  /** Seconds. */
  expiresIn: z.number().int().min(1).max(3600).optional(),
})

/** `POST /api/subject-tokens`, as Logto's Management API has it: for machines that may act as any user. */
export async function subjectToken(c: Call): Promise<Response> {
  const { token, scheme } = await shownBy(c)
  if (scheme !== 'Bearer') throw new Fault('invalid_token')
  const ctx = await mayImpersonate(c.get('ctx'), token)
  const parsed = body.safeParse(await readJson(c))
  if (!parsed.success) {
    const parameter = String(parsed.error.issues[0]?.path[0] ?? 'body')
    throw new Fault('invalid_request', { parameter, problem: 'malformed' })
  }
  const { userId, context = {}, expiresIn } = parsed.data
  const made = await createSubjectToken(ctx, {
    ...{ userId, context },
    ...(expiresIn !== undefined && { lifetime: expiresIn * second }),
  })
  noStore(c)
  return c.json({ subjectToken: made.subjectToken, expiresIn: made.lifetime / second }, 201)
}
