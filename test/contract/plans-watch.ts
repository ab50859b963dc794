import { type OpenDatabase, openDatabase } from '../../src/db/open.ts'
import { onServer } from '../setup/names.ts'

/** A node of a plan, as Postgres writes it (EXPLAIN with analyze, buffers, verbose, format json). */
export interface Node {
  'Node Type': string
  Schema?: string
  'Relation Name'?: string
  'Index Name'?: string
  'Actual Rows'?: number
  'Actual Loops'?: number
  'Rows Removed by Filter'?: number
  'Rows Removed by Index Recheck'?: number
  'Rows Removed by Join Filter'?: number
  'Shared Hit Blocks'?: number
  'Shared Read Blocks'?: number
  Plans?: Node[]
}

/** A statement that ran, with what Postgres did for it. Those of foreign keys and triggers are among them. */
export interface Ran {
  text: string
  plan: Node
  milliseconds: number
}

/** `generic` plans know no value of a parameter, as those that are kept for a prepared statement. */
export type Plans = 'custom' | 'generic'

export interface Watched {
  database: OpenDatabase
  /** What ran since the last call. */
  ran(): Ran[]
}

/**
 * Opens a database so that Postgres tells the plan of each statement while it really runs, with its real values. The
 * module that does it comes with Postgres, and is loaded for connections of this database only.
 */
export async function watch(url: string, plans: Plans): Promise<Watched> {
  const name = new URL(url).pathname.slice(1)
  const settings = {
    session_preload_libraries: 'auto_explain',
    'auto_explain.log_min_duration': '0',
    'auto_explain.log_level': 'notice',
    'auto_explain.log_nested_statements': 'on',
    'auto_explain.log_analyze': 'on',
    'auto_explain.log_timing': 'off',
    'auto_explain.log_buffers': 'on',
    'auto_explain.log_verbose': 'on',
    'auto_explain.log_format': 'json',
    plan_cache_mode: `force_${plans}_plan`,
    // Whether compiling pays is a question of cost, and not of the plan.
    jit: 'off',
  }
  for (const [setting, value] of Object.entries(settings)) {
    await onServer(url, `alter database ${name} set ${setting} = '${value}'`)
  }
  const database = await openDatabase({ url })
  let seen: Ran[] = []
  database.onNotice(({ message }) => {
    const [, duration, json] = /^duration: ([\d.]+) ms {2}plan:\n(.*)$/s.exec(message) ?? []
    if (json === undefined) return
    const told: { 'Query Text': string; Plan: Node } = JSON.parse(json)
    seen.push({ text: told['Query Text'], plan: told.Plan, milliseconds: Number(duration) })
  })
  return {
    database,
    ran() {
      const ran = seen
      seen = []
      return ran
    },
  }
}

/** What does not grow with the users; every other table does, new ones too. */
export const small = [
  ...['applications', 'application_secrets', 'application_roles', 'application_user_scopes'],
  ...['application_resource_scopes', 'application_organization_scopes', 'connectors', 'keys'],
  ...['settings', 'resources', 'scopes', 'roles', 'role_scopes', 'registrations', 'migrations'],
  ...['organization_scopes', 'organization_roles', 'organization_role_scopes', 'walks'],
  ...['organization_role_resource_scopes', 'organization_applications', 'messages'],
  ...['organization_application_roles'],
]
  .map((table) => `idp.${table}`)
  .concat(
    ...['sso_providers', 'sso_domains', 'saml_providers', 'oauth_clients', 'instances'].map(
      (table) => `auth.${table}`,
    ),
    ...['custom_oauth_providers', 'schema_migrations'].map((table) => `auth.${table}`),
  )

/** A scan may look at so many rows; nothing that answers a request needs more. */
const mostRows = 2500

/** What is wrong with a plan, in a line each; none where it is good at any size. */
export function faultsOf({ plan }: Pick<Ran, 'plan'>): string[] {
  return nodesOf(plan).flatMap((node) => {
    const type = node['Node Type']
    if (!/Scan$/.test(type)) return []
    const index = node['Index Name'] ?? ''
    const table = node['Relation Name'] ? `${node.Schema}.${node['Relation Name']}` : index
    if (table === '' || small.includes(table) || table.startsWith('pg_')) return []
    if (type === 'Seq Scan') return [`reads all of ${table}`]
    const loops = node['Actual Loops'] ?? 0
    const rows = loops * (examined(node) ?? 0)
    if (rows > mostRows) return [`looks at ${rows} rows of ${table} by ${index}`]
    const blocks = (node['Shared Hit Blocks'] ?? 0) + (node['Shared Read Blocks'] ?? 0)
    // A descent of four levels and a row each, and entries of rows that were just deleted; less what it has below it.
    const below = (node.Plans ?? []).reduce(
      (sum, one) => sum + (one['Shared Hit Blocks'] ?? 0) + (one['Shared Read Blocks'] ?? 0),
      0,
    )
    if (blocks - below > 200 + 8 * (rows + loops)) {
      return [`reads ${blocks - below} blocks of ${table} by ${index} for ${rows} rows`]
    }
    return []
  })
}

function examined(node: Node): number {
  return (
    (node['Actual Rows'] ?? 0) +
    (node['Rows Removed by Filter'] ?? 0) +
    (node['Rows Removed by Index Recheck'] ?? 0)
  )
}

export function nodesOf(node: Node): Node[] {
  return [node, ...(node.Plans ?? []).flatMap(nodesOf)]
}

/** The tables that a plan touches, by their scans and writes. */
export function tablesOf(plan: Node): string[] {
  return nodesOf(plan).flatMap((node) =>
    node['Relation Name'] ? [`${node.Schema}.${node['Relation Name']}`] : [],
  )
}
