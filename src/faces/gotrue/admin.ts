import type { Context as HonoContext } from 'hono'
import type { z } from 'zod'
import { Fault } from '../../base/fault.ts'
import type { Env } from '../../base/http.ts'
import { generateLink, type LinkType, linkTypes } from '../../flows/admin-link.ts'
import {
  type AdminUserInput,
  createUserByAdmin,
  deleteUserByAdmin,
  updateUserByAdmin,
} from '../../flows/admin-users.ts'
import { type AuditScope, listAuditEntries } from '../../model/audit.ts'
import { findUser, listUsers as findUsers } from '../../model/user.ts'
import { isUuid } from '../../model/uuid.ts'
import { adminOf } from './bearer.ts'
import { refused } from './errors.ts'
import { auditJson, factorJson, userJson } from './present.ts'
import { readBody, readBodyIfAny, redirectOf } from './read.ts'
import { adminUserBody, deleteUserBody, linkBody } from './schema.ts'

/** `GET /admin/users`. */
export async function listUsers(c: HonoContext<Env>): Promise<Response> {
  const ctx = await adminOf(c)
  const page = pageOf(c)
  const order = orderOf(c.req.query('sort'))
  const { users, total } = await findUsers(ctx, {
    limit: page.size,
    offset: (page.number - 1) * page.size,
    filter: c.req.query('filter'),
    order,
  })
  tellPages(c, '/admin/users', page, total)
  return c.json({
    users: users.map((user) => userJson(user, { inList: true })),
    aud: c.req.header('x-jwt-aud') || ctx.config.gotrue.jwtAudience,
  })
}

interface Page {
  number: number
  size: number
}

function pageOf(c: HonoContext<Env>): Page {
  return { number: countOf(c.req.query('page'), 1), size: countOf(c.req.query('per_page'), 50) }
}

function countOf(text: string | undefined, fallback: number): number {
  if (!text) return fallback
  const count = Number(text)
  if (!/^\d+$/.test(text) || count < 1 || count > 1_000_000) {
    throw refused(
      `Bad Pagination Parameters: strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`,
    )
  }
  return count
}

function orderOf(sort: string | undefined): 'asc' | 'desc' {
  if (!sort) return 'desc'
  const [field, direction = 'asc', ...more] = sort.trim().split(/\s+/)
  if (field !== 'created_at' || !/^(asc|desc)$/.test(direction) || more.length > 0) {
    throw refused(`Bad Sort Parameters: bad field for sort ${JSON.stringify(field)}`)
  }
  return direction === 'asc' ? 'asc' : 'desc'
}

/** The client cuts the page's number out of the link, so `page` comes first in it. */
function tellPages(c: HonoContext<Env>, path: string, page: Page, total: number): void {
  const last = Math.ceil(total / page.size)
  const rest = new URLSearchParams(c.req.query())
  rest.delete('page')
  const linkTo = (number: number) => `<${path}?page=${number}${rest.size > 0 ? `&${rest}` : ''}>`
  const next = page.number < last ? `${linkTo(page.number + 1)}; rel="next", ` : ''
  c.header('Link', `${next}${linkTo(last)}; rel="last"`)
  c.header('X-Total-Count', String(total))
}

/** `POST /admin/users`. */
export async function createUser(c: HonoContext<Env>): Promise<Response> {
  const ctx = await adminOf(c)
  const input = inputOf(await readBody(c, adminUserBody))
  return c.json(userJson(await createUserByAdmin(ctx, input)))
}

function inputOf(body: z.output<typeof adminUserBody>): AdminUserInput {
  return {
    id: body.id,
    audience: body.aud,
    databaseRole: body.role,
    email: body.email,
    phone: body.phone,
    password: body.password,
    passwordHash: body.password_hash,
    emailConfirm: body.email_confirm,
    phoneConfirm: body.phone_confirm,
    userMetadata: body.user_metadata,
    appMetadata: body.app_metadata,
    banDuration: body.ban_duration,
  }
}

/** `GET /admin/users/{id}`. */
export async function showUser(c: HonoContext<Env>): Promise<Response> {
  const ctx = await adminOf(c)
  const user = await findUser(ctx, idOf(c))
  if (user === null) throw new Fault('user_not_found')
  return c.json(userJson(user))
}

function idOf(c: HonoContext<Env>): string {
  const id = c.req.param('id') ?? ''
  if (!isUuid(id)) throw refused('user_id must be an UUID', { status: 404 })
  return id
}

/** `GET /admin/users/{id}/factors`. */
export async function listFactors(c: HonoContext<Env>): Promise<Response> {
  const ctx = await adminOf(c)
  const user = await findUser(ctx, idOf(c))
  if (user === null) throw new Fault('user_not_found')
  return c.json(user.factors.map(factorJson))
}

/** `PUT /admin/users/{id}`. */
export async function changeUser(c: HonoContext<Env>): Promise<Response> {
  const ctx = await adminOf(c)
  const id = idOf(c)
  const input = inputOf(await readBody(c, adminUserBody))
  return c.json(userJson(await updateUserByAdmin(ctx, id, input)))
}

/** `DELETE /admin/users/{id}`; old clients send `{}`, others nothing. */
export async function deleteUser(c: HonoContext<Env>): Promise<Response> {
  const ctx = await adminOf(c)
  const id = idOf(c)
  const { should_soft_delete } = await readBodyIfAny(c, deleteUserBody)
  await deleteUserByAdmin(ctx, id, should_soft_delete ? 'soft' : 'hard')
  return c.json({})
}

/** `POST /admin/generate_link`. */
export async function makeLink(c: HonoContext<Env>): Promise<Response> {
  const ctx = await adminOf(c)
  const { type, email, new_email, password, data, redirect_to } = await readBody(c, linkBody)
  if (!isLinkType(type)) throw refused(`Invalid email action link type requested: ${type}`)
  const redirectTo = redirectOf(c, redirect_to)
  const made = await generateLink(ctx, {
    type,
    email,
    newEmail: new_email,
    password,
    data,
    redirectTo,
  })
  return c.json({
    ...userJson(made.user),
    action_link: made.link,
    email_otp: made.token.code,
    hashed_token: made.token.hash,
    verification_type: made.verificationType,
    redirect_to: redirectTo,
  })
}

function isLinkType(type: string): type is LinkType {
  return linkTypes.some((known) => known === type)
}

/** `GET /admin/audit`. */
export async function listAudit(c: HonoContext<Env>): Promise<Response> {
  const ctx = await adminOf(c)
  const page = pageOf(c)
  const { entries, total } = await listAuditEntries(ctx, {
    limit: page.size,
    offset: (page.number - 1) * page.size,
    search: searchOf(c.req.query('query')),
  })
  tellPages(c, '/admin/audit', page, total)
  return c.json(entries.map(auditJson))
}

function searchOf(query: string | undefined): { scope: AuditScope; value: string } | null {
  if (!query) return null
  const [, scope, value = ''] = /^(author|action|type):(.*)$/s.exec(query) ?? []
  if (scope !== 'author' && scope !== 'action' && scope !== 'type') {
    throw refused(`Invalid query scope: ${query}`)
  }
  return { scope, value }
}
