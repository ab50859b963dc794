import { z } from 'zod'
import { type Context, type Tx, transaction } from '../base/context.ts'
import { Fault, type FaultCode } from '../base/fault.ts'
import { sameJson } from '../base/json.ts'
import { hashPassword, passwordMatches } from '../base/password.ts'
import { isUniqueViolation } from '../base/sql-error.ts'
import { adminActor } from '../model/audit.ts'
import { type Audit, record } from '../model/event.ts'
import { createIdentity } from '../model/identity.ts'
import { endSessionsOf } from '../model/session.ts'
import {
  createUser,
  deleteUser,
  findUser,
  findUserByEmail,
  findUserByPhone,
  findUserByUsername,
  isEmail,
  normalEmail,
  passwordHashOf,
  type User,
  type UserChange,
  updateUser,
} from '../model/user.ts'
import { isUuid } from '../model/uuid.ts'
import { isBanned } from './admit.ts'
import { personProfile, withProfile } from './person-profile.ts'
import { namePhoneIdentity } from './redeem.ts'

const text = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .refine((value) => !value.includes('\0'), 'must not contain U+0000')

const fields = z.strictObject({
  id: z.string().refine(isUuid, 'must be a uuid').optional(),
  primaryEmail: z.string().refine(isEmail, 'must be an e-mail address').optional(),
  primaryPhone: z
    .string()
    .regex(/^\d{5,15}$/, 'must be digits, with the country and without +')
    .optional(),
  username: z
    .string()
    .regex(/^[A-Z_a-z]\w{0,127}$/, 'must begin with a letter or _, then letters, digits and _')
    .optional(),
  name: text(256).optional(),
  avatar: z
    .url({ protocol: /^https?$/ })
    .max(2048)
    .optional(),
  password: text(256).optional(),
  customData: z.record(z.string(), z.unknown()).optional(),
  profile: personProfile.optional(),
  isSuspended: z.boolean().optional(),
})

/** A user as an administrator gives one, in the Management API's shape. */
export const person = fields.refine(
  ({ primaryEmail, primaryPhone, username }) => primaryEmail ?? primaryPhone ?? username,
  'needs a primaryEmail, a primaryPhone or a username',
)

export type Person = z.infer<typeof person>

/** A person whose password was hashed already: hashing takes too long for a transaction. */
interface Prepared extends Omit<Person, 'password'> {
  passwordHash: string | null
}

/** What an administrator says is taken as verified. Throws `email_exists`, `phone_exists`, `username_exists`, `conflict`. */
export async function createPerson(ctx: Context, input: Person): Promise<User> {
  const prepared = await prepare(ctx, input)
  return transaction(ctx, (ctx) => writePerson(ctx, prepared))
}

export async function prepare(ctx: Tx, { password, ...rest }: Person): Promise<Prepared> {
  return {
    ...rest,
    passwordHash: password === undefined ? null : await hashPassword(ctx, password),
  }
}

export async function writePerson(ctx: Tx, person: Prepared): Promise<User> {
  const id = person.id ?? ctx.random.uuid()
  const email = person.primaryEmail === undefined ? null : normalEmail(person.primaryEmail)
  const phone = person.primaryPhone ?? null
  const providers = [email === null ? [] : ['email'], phone === null ? [] : ['phone']].flat()
  const facts = { email_verified: email !== null, phone_verified: phone !== null }
  const user = await refusing(() =>
    createUser(ctx, {
      id,
      email,
      emailVerified: email !== null,
      phone,
      phoneVerified: phone !== null,
      username: person.username,
      name: person.name,
      avatar: person.avatar,
      details: person.profile && withProfile({}, person.profile),
      customData: person.customData,
      passwordHash: person.passwordHash,
      bannedUntil: person.isSuspended ? endOfTime : null,
      metadata: { app: providers.length > 0 ? { provider: providers[0], providers } : {} },
    }),
  )
  if (email !== null) {
    const data = { sub: id, email, ...facts }
    await createIdentity(ctx, { userId: id, provider: 'email', subject: id, data })
  }
  if (phone !== null) {
    const data = { sub: id, phone, ...facts }
    await createIdentity(ctx, { userId: id, provider: 'phone', subject: id, data })
  }
  await record(ctx, { type: 'user.created', userId: id, audit: audit(ctx, 'user_signedup', user) })
  return findOrThrow(ctx, id)
}

/** What an update changes; empty when everything is as `input` wants it. */
export async function planChange(ctx: Tx, user: User, input: Person): Promise<UserChange> {
  const change: UserChange = {}
  if (input.primaryEmail !== undefined && normalEmail(input.primaryEmail) !== user.email) {
    throw new Fault('conflict', { field: 'primaryEmail', id: user.id })
  }
  if (input.primaryPhone !== undefined && input.primaryPhone !== user.phone) {
    Object.assign(change, { phone: input.primaryPhone, phoneVerified: true })
  }
  for (const field of ['username', 'name', 'avatar'] as const) {
    if (input[field] !== undefined && input[field] !== user[field]) change[field] = input[field]
  }
  if (input.customData !== undefined && !sameJson(input.customData, user.customData)) {
    change.customData = input.customData
  }
  const details = withProfile(user.details, input.profile ?? {})
  if (!sameJson(details, user.details)) change.details = details
  if (input.isSuspended !== undefined && input.isSuspended !== isBanned(ctx, user)) {
    change.bannedUntil = input.isSuspended ? endOfTime : null
  }
  const hash = passwordHashOf(ctx, user)
  if (input.password !== undefined && !(await passwordMatches(ctx, input.password, hash))) {
    change.passwordHash = await hashPassword(ctx, input.password)
  }
  return change
}

/** Writes a change; a new password or a suspension ends every session. */
export async function changePerson(ctx: Tx, id: string, change: UserChange): Promise<User> {
  const user = await refusing(() => updateUser(ctx, id, change))
  if (user === null) throw new Fault('user_not_found')
  if (change.phone) await namePhoneIdentity(ctx, user, change.phone)
  if (change.passwordHash || change.bannedUntil) await endSessionsOf(ctx, id)
  await record(ctx, {
    type: 'user.updated',
    userId: id,
    details: {
      changed: Object.keys(change).map((key) => (key === 'passwordHash' ? 'password' : key)),
    },
    audit: audit(ctx, 'user_modified', user),
  })
  return findOrThrow(ctx, id)
}

/** Deletes a user, and by cascade every session, identity and grant. Null when there was none. */
export async function deletePerson(ctx: Context, who: string): Promise<User | null> {
  const user = await findPerson(ctx, who)
  if (user === null) return null
  return transaction(ctx, async (ctx) => {
    if (!(await deleteUser(ctx, user.id))) return null
    await record(ctx, {
      type: 'user.deleted',
      userId: user.id,
      audit: audit(ctx, 'user_deleted', user),
    })
    return user
  })
}

/** By id, e-mail address, user name or phone number. */
export async function findPerson(ctx: Tx, who: string): Promise<User | null> {
  if (isUuid(who)) return findUser(ctx, who)
  if (who.includes('@')) return findUserByEmail(ctx, who)
  return (await findUserByUsername(ctx, who)) ?? findUserByPhone(ctx, who.replace(/^\+/, ''))
}

const taken: Record<string, FaultCode> = {
  users_email_partial_key: 'email_exists',
  users_phone_key: 'phone_exists',
  profiles_username_key: 'username_exists',
}

async function refusing<T>(write: () => Promise<T>): Promise<T> {
  try {
    return await write()
  } catch (error) {
    const constraint = Object.keys(taken).find((name) => isUniqueViolation(error, name))
    const code = constraint === undefined ? undefined : taken[constraint]
    if (code !== undefined) throw new Fault(code, {}, { cause: error })
    if (isUniqueViolation(error)) throw new Fault('conflict', { field: 'id' }, { cause: error })
    throw error
  }
}

async function findOrThrow(ctx: Tx, id: string): Promise<User> {
  const user = await findUser(ctx, id)
  if (user === null) throw new Error('The user cannot be read.')
  return user
}

function audit(ctx: Tx, action: string, user: User): Audit {
  return {
    action,
    logType: action === 'user_modified' ? 'user' : 'team',
    actor: adminActor(ctx),
    traits: { user_id: user.id, user_email: user.email ?? '', user_phone: user.phone ?? '' },
  }
}

const endOfTime = new Date(8.64e15)
