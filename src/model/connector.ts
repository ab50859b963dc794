import type { Tx } from '../base/context.ts'
import { seal, secretOf, unseal } from '../base/crypto.ts'
import { sql } from '../base/sql.ts'
import { sqlNow } from './clock.ts'
import { record } from './event.ts'

/** A connector that was set up: which code reaches out, and with which keys. */
export interface StoredConnector {
  id: string
  /** The id of the code (`mailgun-email`), Logto's `connectorId`. */
  connectorId: string
  /** As the connector's own schema checked it; sealed at rest, for it holds the keys to other people's services. */
  config: unknown
  metadata: Record<string, unknown>
  syncProfile: boolean
  createdAt: Date
  updatedAt: Date
}

export interface NewConnector {
  id?: string | undefined
  connectorId: string
  config: unknown
  metadata?: Record<string, unknown> | undefined
  syncProfile?: boolean | undefined
}

/** All of them, the oldest first. Cached for seconds: every message looks here. */
export function listConnectors(ctx: Tx): Promise<StoredConnector[]> {
  return ctx.cache.get('connectors', ctx.now(), async () => {
    const { rows } =
      await sql<ConnectorRow>`select * from idp.connectors order by created_at, id`.execute(ctx.db)
    return rows.map((row) => toConnector(ctx, row))
  })
}

/** The config must have passed the connector's schema: nothing here knows it. */
export async function createConnector(ctx: Tx, connector: NewConnector): Promise<string> {
  const id = connector.id ?? ctx.random.id(12)
  const sealed = seal(secretOf(ctx.config), placeOf(id), JSON.stringify(connector.config))
  await sql`
    insert into idp.connectors (id, connector_id, sealed_config, metadata, sync_profile, created_at, updated_at)
    values (${id}, ${connector.connectorId}, ${sealed}, ${JSON.stringify(connector.metadata ?? {})}::text::jsonb,
      ${connector.syncProfile ?? false}, ${sqlNow(ctx)}, ${sqlNow(ctx)})`.execute(ctx.db)
  await record(ctx, {
    type: 'connector.created',
    details: { id, connectorId: connector.connectorId },
  })
  ctx.cache.forget('connectors')
  return id
}

/** Replaces the config; false when there is no such connector. */
export async function updateConnectorConfig(
  ctx: Tx,
  id: string,
  config: unknown,
): Promise<boolean> {
  const sealed = seal(secretOf(ctx.config), placeOf(id), JSON.stringify(config))
  const { rows } = await sql<{ connector_id: string }>`
    update idp.connectors set sealed_config = ${sealed}, updated_at = ${sqlNow(ctx)} where id = ${id}
    returning connector_id`.execute(ctx.db)
  const [row] = rows
  if (row === undefined) return false
  await record(ctx, {
    type: 'connector.updated',
    details: { id, connectorId: row.connector_id },
  })
  ctx.cache.forget('connectors')
  return true
}

/** Returns whether there was one. */
export async function deleteConnector(ctx: Tx, id: string): Promise<boolean> {
  const { rows } = await sql<{ connector_id: string }>`
    delete from idp.connectors where id = ${id} returning connector_id`.execute(ctx.db)
  const [row] = rows
  if (row === undefined) return false
  await record(ctx, {
    type: 'connector.deleted',
    details: { id, connectorId: row.connector_id },
  })
  ctx.cache.forget('connectors')
  return true
}

interface ConnectorRow {
  id: string
  connector_id: string
  sealed_config: string
  metadata: Record<string, unknown>
  sync_profile: boolean
  created_at: Date
  updated_at: Date
}

function toConnector(ctx: Tx, row: ConnectorRow): StoredConnector {
  return {
    id: row.id,
    connectorId: row.connector_id,
    config: JSON.parse(unseal(secretOf(ctx.config), placeOf(row.id), row.sealed_config)),
    metadata: row.metadata,
    syncProfile: row.sync_profile,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}

function placeOf(id: string): string {
  return `idp.connectors.sealed_config:${id}`
}
