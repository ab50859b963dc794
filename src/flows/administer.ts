import { z } from 'zod'
import type { Context, Tx } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { signatureAlgorithms } from '../base/jwt.ts'
import {
  type Application,
  createApplication,
  deleteApplication,
  findApplication,
  listApplications,
} from '../model/application.ts'
import { newApplication } from '../model/application-input.ts'
import { listApplicationSecrets } from '../model/application-secret.ts'
import { type Key, listKeys } from '../model/key.ts'
import type { PersonalAccessToken } from '../model/subject-token.ts'
import { listUsers, type User } from '../model/user.ts'
import { isBanned } from './admit.ts'
import { issueApiKeys, publishedKeys } from './api-keys.ts'
import { applyDeclaration } from './apply.ts'
import { importAuthjs, importBatch } from './import-authjs.ts'
import { announceKeys, dropKey, replaceKeys } from './keys.ts'
import { createPerson, deletePerson, findPerson, person } from './people.ts'
import { profileOf } from './person-profile.ts'
import {
  createPersonalToken,
  deletePersonalToken,
  listPersonalTokens,
  newPersonalToken,
} from './personal-tokens.ts'

const keyChoice = z.strictObject({
  purpose: z.enum(['oidc', 'gotrue']),
  algorithm: z.enum(signatureAlgorithms).nullable().default(null),
})

/**
 * What the command line can ask for. It runs here when the database is at hand, and through a running development server
 * when that one holds it: the same words, the same checks, JSON in and out.
 */
const commands = {
  keys: command(z.strictObject({}), async (ctx) => ({
    ...(await issueApiKeys(ctx)),
    jwks: await publishedKeys(ctx),
  })),
  'keys.list': command(z.strictObject({}), async (ctx) =>
    [...(await listKeys(ctx, 'oidc')), ...(await listKeys(ctx, 'gotrue'))].map(keyJson),
  ),
  'keys.announce': command(keyChoice, async (ctx, choice) =>
    (await announceKeys(ctx, choice)).map(keyJson),
  ),
  'keys.replace': command(keyChoice, async (ctx, choice) =>
    (await replaceKeys(ctx, choice)).map(keyJson),
  ),
  'keys.delete': command(z.strictObject({ id: z.string().max(128) }), async (ctx, { id }) => {
    await dropKey(ctx, id)
    return { id, deleted: true }
  }),

  'app.create': command(newApplication, async (ctx, input) => {
    const { application, secret } = await createApplication(ctx, input)
    return { ...applicationJson(application), ...(secret === null ? {} : { secret }) }
  }),
  'app.list': command(z.strictObject({}), async (ctx) =>
    (await listApplications(ctx)).map(applicationJson),
  ),
  'app.get': command(z.strictObject({ id: z.string() }), async (ctx, { id }) => {
    const found = await findApplication(ctx, id)
    if (found === null) throw new Fault('not_found', { application: id })
    const [secret] = await listApplicationSecrets(ctx, id)
    return { ...applicationJson(found), ...(secret === undefined ? {} : { secret: secret.value }) }
  }),
  'app.delete': command(z.strictObject({ id: z.string() }), async (ctx, { id }) => {
    if (!(await deleteApplication(ctx, id))) throw new Fault('not_found', { application: id })
    return { id, deleted: true }
  }),

  'user.create': command(person, async (ctx, input) =>
    userJson(ctx, await createPerson(ctx, input)),
  ),
  'user.list': command(
    z.strictObject({
      search: z.string().optional(),
      limit: z.number().int().min(1).max(1000).default(100),
      offset: z.number().int().min(0).default(0),
    }),
    async (ctx, { search, limit, offset }) => {
      const { users, total } = await listUsers(ctx, {
        filter: search,
        limit,
        offset,
        order: 'desc',
      })
      return { total, users: users.map((user) => userJson(ctx, user)) }
    },
  ),
  'user.get': command(z.strictObject({ who: z.string() }), async (ctx, { who }) => {
    const user = await findPerson(ctx, who)
    if (user === null) throw new Fault('user_not_found', { who })
    return userJson(ctx, user)
  }),
  'user.delete': command(z.strictObject({ who: z.string() }), async (ctx, { who }) => {
    const user = await deletePerson(ctx, who)
    if (user === null) throw new Fault('user_not_found', { who })
    return { id: user.id, deleted: true }
  }),

  'token.create': command(newPersonalToken, async (ctx, input) => {
    const { value, ...token } = await createPersonalToken(ctx, input)
    return { ...tokenJson(token), value }
  }),
  'token.list': command(z.strictObject({ who: z.string() }), async (ctx, { who }) =>
    (await listPersonalTokens(ctx, who)).map(tokenJson),
  ),
  'token.delete': command(
    z.strictObject({ who: z.string(), name: z.string() }),
    async (ctx, { who, name }) => {
      await deletePersonalToken(ctx, who, name)
      return { name, deleted: true }
    },
  ),

  apply: command(z.unknown(), (ctx, input) => applyDeclaration(ctx, input)),

  'import.authjs': command(importBatch, importAuthjs),
}

type Commands = typeof commands
export type CommandName = keyof Commands
export type CommandResult<Name extends CommandName> = Awaited<ReturnType<Commands[Name]>>

export function isCommandName(name: string): name is CommandName {
  return Object.hasOwn(commands, name)
}

/** Runs a command by its name; a wrong shape becomes `input_invalid` with the places and reasons. */
export async function runCommand<Name extends CommandName>(
  ctx: Context,
  name: Name,
  input: unknown,
): Promise<CommandResult<Name>> {
  const run = commands[name] as (ctx: Context, input: unknown) => Promise<CommandResult<Name>>
  try {
    return await run(ctx, input)
  } catch (error) {
    if (!(error instanceof z.ZodError)) throw error
    // Only place and reason: an issue could otherwise carry the value, and the value may be a secret.
    const issues = error.issues.map((issue) => ({
      path:
        issue.code === 'unrecognized_keys' ? [...issue.path, issue.keys.join(', ')] : issue.path,
      message: issue.code === 'unrecognized_keys' ? 'is not known to this version' : issue.message,
    }))
    throw new Fault('input_invalid', { issues })
  }
}

function command<Schema extends z.ZodType, Result>(
  schema: Schema,
  run: (ctx: Context, input: z.output<Schema>) => Promise<Result>,
) {
  return async (ctx: Context, input: z.input<Schema>): Promise<Result> =>
    run(ctx, schema.parse(input))
}

/** A key as a list shows it; never its private half. */
function keyJson({ id, purpose, algorithm, state, createdAt, expiresAt }: Key) {
  return {
    id,
    purpose,
    algorithm,
    state,
    createdAt: createdAt.getTime(),
    expiresAt: expiresAt?.getTime() ?? null,
  }
}

function applicationJson(application: Application) {
  const { createdAt, updatedAt: _notShown, ...rest } = application
  return { ...rest, createdAt: createdAt.getTime() }
}

function tokenJson({
  userId,
  name,
  createdAt,
  expiresAt,
}: PersonalAccessToken & { userId: string }) {
  return {
    ...{ userId, name, createdAt: createdAt.getTime() },
    expiresAt: expiresAt?.getTime() ?? null,
  }
}

/** A user as the Management API shows one; never the password's hash. */
function userJson(ctx: Tx, user: User) {
  return {
    id: user.id,
    username: user.username,
    primaryEmail: user.email,
    primaryPhone: user.phone,
    name: user.name,
    avatar: user.avatar,
    customData: user.customData,
    profile: profileOf(user.details),
    isSuspended: isBanned(ctx, user),
    hasPassword: user.passwordHash !== null,
    lastSignInAt: user.lastSignInAt?.getTime() ?? null,
    createdAt: user.createdAt.getTime(),
    updatedAt: user.updatedAt.getTime(),
  }
}
