import type { RawBuilder } from 'kysely'
import type { Actor, Tx } from '../base/context.ts'
import { sql } from '../base/sql.ts'
import { sqlNow } from './clock.ts'
import { nilUuid } from './uuid.ts'

/** Events in the past tense, dotted. Whoever changes a row records one in the same transaction. */
export type EventType =
  | 'user.signed-up'
  | 'user.signed-in'
  | 'user.invited'
  | 'user.invite-accepted'
  | 'user.created'
  | 'user.updated'
  | 'user.deleted'
  | 'user.password-changed'
  | 'user.repeated-sign-up'
  | 'confirmation.requested'
  | 'recovery.requested'
  | 'reauthentication.requested'
  | 'verification.sent'
  | 'verification.finished'
  | 'verification.failed'
  | 'identity.used'
  | 'identity.linked'
  | 'identity.unlinked'
  | 'factor.created'
  | 'factor.challenged'
  | 'factor.updated'
  | 'factor.used'
  | 'factor.deleted'
  | 'session.created'
  | 'session.refreshed'
  | 'session.ended'
  | 'token.issued'
  | 'token.revoked'
  | 'token.reused'
  | 'grant.created'
  | 'grant.revoked'
  | 'consent.given'
  | 'consent.refused'
  | 'consent.revoked'
  | 'resource.created'
  | 'resource.updated'
  | 'resource.deleted'
  | 'role.created'
  | 'role.updated'
  | 'role.deleted'
  | 'role.assigned'
  | 'organization.created'
  | 'organization.updated'
  | 'organization.deleted'
  | 'organization.membership-updated'
  | 'organization-template.updated'
  | 'code.redeemed'
  | 'code.reused'
  | 'device.refused'
  | 'token.exchanged'
  | 'subject-token.created'
  | 'personal-access-token.created'
  | 'personal-access-token.deleted'
  | 'application.created'
  | 'application.updated'
  | 'application.deleted'
  | 'connector.created'
  | 'connector.updated'
  | 'connector.deleted'
  | 'settings.updated'
  | 'key.created'
  | 'key.promoted'
  | 'key.deleted'
  | 'logout.delivered'
  | 'logout.failed'
  | 'notice.delivered'
  | 'notice.failed'

/** What GoTrue's audit log says of an event (reference/gotrue.md § 0.5). */
export interface Audit {
  action: string
  logType: 'account' | 'team' | 'token' | 'user' | 'factor'
  actor: AuditActor
  traits?: Record<string, unknown>
  /** Only MFA, identity and passkey events keep the address; all others store ''. */
  ipAddress?: string
}

/** A synthetic actor stands for an admin key: nil id, and the role as its name. */
export interface AuditActor {
  id: string
  viaSso: boolean
  username: string
  name?: string
}

export interface NewEvent {
  type: EventType
  userId?: string | null
  sessionId?: string | null
  applicationId?: string | null
  details?: Record<string, unknown>
  audit?: Audit
}

/** Writes the event, and GoTrue's audit row where it has one, in one statement. Never a secret in `details`. */
export function record(ctx: Tx, event: NewEvent): Promise<void> {
  return recordAll(ctx, [event])
}

/** As `record`, for several events that one change makes. */
export async function recordAll(ctx: Tx, events: readonly NewEvent[]): Promise<void> {
  if (events.length === 0) return
  await sql`with ${recording(ctx, events)} select 1`.execute(ctx.db)
}

/**
 * The same as common table expressions, to stand in the statement that makes the change: `with changed as (update …
 * returning id), ${recording(ctx, events, sql`exists (select from changed)`)} select …` takes one round trip for all.
 */
export function recording(
  ctx: Tx,
  events: readonly NewEvent[],
  when: RawBuilder<unknown> = sql`true`,
): RawBuilder<unknown> {
  const rows = events.map((event) => eventRow(ctx, event))
  const audits = ctx.config.gotrue.auditToPostgres
    ? events.flatMap((event) => (event.audit ? [auditRow(ctx, event.audit)] : []))
    : []
  return sql`audited as (
    insert into auth.audit_log_entries (instance_id, id, payload, created_at, ip_address)
    select ${nilUuid}::uuid, a.id, a.payload, ${sqlNow(ctx)}, a.ip_address
    from jsonb_to_recordset(${JSON.stringify(audits)}::text::jsonb) as a(id uuid, payload json, ip_address text)
    where ${when}
  ), recorded as (
    insert into idp.events (type, user_id, session_id, application_id, actor, ip, user_agent, details, created_at)
    select e.type, e.user_id, e.session_id, e.application_id, e.actor, e.ip, e.user_agent, e.details, ${sqlNow(ctx)}
    from jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb) as e(type text, user_id uuid, session_id uuid,
      application_id text, actor text, ip text, user_agent text, details jsonb)
    where ${when}
  )`
}

/**
 * As `recording`, for a row that the statement itself finds: `source` is a common table expression with `user_id`,
 * `session_id` and `application_id`. Several may stand in one statement.
 */
export function recordingOf(ctx: Tx, type: EventType, source: string): RawBuilder<unknown> {
  return sql`${sql.ref(`told_of_${source}`)} as (
    insert into idp.events (type, user_id, session_id, application_id, actor, ip, user_agent, created_at)
    select ${type}, e.user_id, e.session_id, e.application_id, ${actorName(ctx.actor)}, ${ctx.client.ip},
      ${ctx.client.userAgent}, ${sqlNow(ctx)}
    from ${sql.ref(source)} e
  )`
}

/** The actor of what an import wrote. */
export const importer = 'system:import'

/** Whether `row`, an event, is what a later import asks for (model/authjs-import.ts): it stays, however old. */
export const isImportNote = sql`row.actor = ${importer}`

function eventRow(ctx: Tx, event: NewEvent) {
  return {
    type: event.type,
    user_id: event.userId ?? null,
    session_id: event.sessionId ?? null,
    application_id: event.applicationId ?? null,
    actor: actorName(ctx.actor),
    ip: ctx.client.ip,
    user_agent: ctx.client.userAgent,
    details: event.details ?? {},
  }
}

function actorName(actor: Actor): string {
  switch (actor.kind) {
    case 'anonymous':
      return 'anonymous'
    case 'user':
      return `user:${actor.userId}`
    case 'application':
      return `application:${actor.applicationId}`
    case 'admin':
      return `admin:${actor.name}`
    case 'system':
      return `system:${actor.name}`
  }
}

function auditRow(ctx: Tx, audit: Audit) {
  const { actor } = audit
  return {
    id: ctx.random.uuid(),
    ip_address: audit.ipAddress ?? '',
    payload: {
      actor_id: actor.id,
      actor_via_sso: actor.viaSso,
      actor_username: actor.username,
      ...(actor.name === undefined ? {} : { actor_name: actor.name }),
      action: audit.action,
      log_type: audit.logType,
      ...(audit.traits === undefined ? {} : { traits: audit.traits }),
    },
  }
}
