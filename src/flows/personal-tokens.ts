import { z } from 'zod'
import type { Tx } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import {
  createPersonalAccessToken,
  deletePersonalAccessToken,
  listPersonalAccessTokens,
  type PersonalAccessToken,
} from '../model/subject-token.ts'
import { findPerson } from './people.ts'

/** By which a user knows their token; unique among theirs. */
const name = z
  .string()
  .min(1)
  .max(256)
  .refine((value) => !value.includes('\0'), 'must not contain U+0000')

export const newPersonalToken = z.strictObject({
  who: z.string(),
  name,
  /** A date counts from its first moment, in UTC. */
  expiresAt: z.union([z.iso.date(), z.iso.datetime({ offset: true })]).optional(),
})

/**
 * Makes a token that stands for a user, to be exchanged by applications that may (RFC 8693); it is told this once.
 * Throws `user_not_found`, `conflict` where they have one of this name, and `input_invalid` for a past end.
 */
export async function createPersonalToken(
  ctx: Tx,
  { who, name, expiresAt }: z.output<typeof newPersonalToken>,
): Promise<PersonalAccessToken & { userId: string; value: string }> {
  const userId = await idOf(ctx, who)
  const until = expiresAt === undefined ? null : new Date(expiresAt)
  if (until !== null && until <= ctx.now()) {
    const issue = { path: ['expiresAt'], message: 'must be in the future' }
    throw new Fault('input_invalid', { issues: [issue] })
  }
  return { userId, ...(await createPersonalAccessToken(ctx, { userId, name, expiresAt: until })) }
}

/** What there is, without the tokens themselves. */
export async function listPersonalTokens(
  ctx: Tx,
  who: string,
): Promise<(PersonalAccessToken & { userId: string })[]> {
  const userId = await idOf(ctx, who)
  return (await listPersonalAccessTokens(ctx, userId)).map((token) => ({ userId, ...token }))
}

/** Takes a token back: it is exchanged no more. What it was exchanged for lives until it expires. */
export async function deletePersonalToken(ctx: Tx, who: string, name: string): Promise<void> {
  const gone = await deletePersonalAccessToken(ctx, await idOf(ctx, who), name)
  if (!gone) throw new Fault('not_found', { token: name })
}

async function idOf(ctx: Tx, who: string): Promise<string> {
  const user = await findPerson(ctx, who)
  if (user === null) throw new Fault('user_not_found', { who })
  return user.id
}
