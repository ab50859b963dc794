import { z } from 'zod'
import type { Tx } from '../base/context.ts'
import { sql } from '../base/sql.ts'
import { sqlNow } from './clock.ts'
import { customClaims } from './custom-claims.ts'
import { record } from './event.ts'

/** How people sign in and sign up on the hosted pages, in Logto's shape (reference/logto.md § 1.2), as far as we use it. */
export const signInExperience = z.object({
  branding: z
    .object({ logoUrl: z.string().url().optional(), darkLogoUrl: z.string().url().optional() })
    .prefault({}),
  color: z
    .object({
      primaryColor: z
        .string()
        .regex(/^#[0-9a-fA-F]{6}$/)
        .default('#5d34f2'),
      isDarkModeEnabled: z.boolean().default(true),
    })
    .prefault({}),
  languageInfo: z
    .object({
      autoDetect: z.boolean().default(true),
      fallbackLanguage: z.enum(['en', 'ja']).default('en'),
    })
    .prefault({}),
  termsOfUseUrl: z.string().url().nullable().default(null),
  privacyPolicyUrl: z.string().url().nullable().default(null),
  signInMode: z.enum(['SignIn', 'Register', 'SignInAndRegister']).default('SignInAndRegister'),
  signIn: z
    .object({
      methods: z
        .array(
          z.object({
            identifier: z.literal('email'),
            password: z.boolean(),
            verificationCode: z.boolean(),
            isPasswordPrimary: z.boolean().default(false),
          }),
        )
        .default([
          { identifier: 'email', password: true, verificationCode: true, isPasswordPrimary: false },
        ]),
    })
    .prefault({}),
  signUp: z
    .object({
      identifiers: z.array(z.literal('email')).default(['email']),
      password: z.boolean().default(false),
      verify: z.boolean().default(true),
    })
    .prefault({}),
})

export type SignInExperience = z.infer<typeof signInExperience>

const topics = { 'sign-in-experience': signInExperience, 'custom-claims': customClaims }

export type Topic = keyof typeof topics
type Value<T extends Topic> = z.infer<(typeof topics)[T]>

/** Settings of one topic, with defaults where nothing was set. Cached for seconds. */
export function findSettings<T extends Topic>(ctx: Tx, topic: T): Promise<Value<T>> {
  return ctx.cache.get(`settings:${topic}`, ctx.now(), async () => {
    const { rows } = await sql<{
      value: unknown
    }>`select value from idp.settings where topic = ${topic}`.execute(ctx.db)
    return topics[topic].parse(rows[0]?.value ?? {}) as Value<T>
  })
}

/** Merges `change` into a topic, key by key at the first level, and returns the whole. Throws a ZodError on a wrong shape. */
export async function updateSettings<T extends Topic>(
  ctx: Tx,
  topic: T,
  change: unknown,
): Promise<Value<T>> {
  const { rows } = await sql<{
    value: object
  }>`select value from idp.settings where topic = ${topic} for update`.execute(ctx.db)
  const value = topics[topic].parse({ ...rows[0]?.value, ...(change as object) }) as Value<T>
  await sql`
    insert into idp.settings (topic, value, updated_at) values (${topic}, ${JSON.stringify(value)}::text::jsonb, ${sqlNow(ctx)})
    on conflict (topic) do update set value = excluded.value, updated_at = excluded.updated_at`.execute(
    ctx.db,
  )
  await record(ctx, { type: 'settings.updated', details: { topic } })
  ctx.cache.forget(`settings:${topic}`)
  return value
}
