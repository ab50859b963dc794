import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../setup/free-port.ts'
import { withName } from '../../setup/names.ts'
import { node as nodeProgram } from '../../walks/machine.ts'
import { runToEnd } from '../../walks/process.ts'
import { type MailServer, mailTemplate, openMailServer } from './mail.ts'
import { type Network, openNetwork, wayOf } from './network.ts'
import { describeNode, type Node, type StartOptions } from './nodes.ts'
import { describePostgres, makePostgres, type Postgres } from './postgres.ts'
import { type Relay, startRelay } from './relay.ts'
import { openYard, type Yard } from './yard.ts'

export const nodeCount = 3
export const publicUrl = 'http://id.faults.example'
export const application = {
  id: 'bookstore',
  secret: 'bookstore-secret-that-only-the-lab-knows',
  callback: 'http://localhost:9/callback',
}

/** Three nodes, a Postgres with its standby, a mail provider, and the network between them. */
export interface Lab {
  yard: Yard
  relay: Relay
  network: Network
  mail: MailServer
  nodes: readonly Node[]
  /** The Postgres that takes writes now, and the one that follows it. */
  primary(): Postgres
  standby(): Postgres
  /** The copy of the server that the nodes run, unless they are told another. */
  tree: string
  /** Where the data and the log of the primary rest, each on a disk of limited size; null where they do not. */
  smallDisks(): { data: string; log: string } | null
  serviceRoleKey(): string
  /** An empty database, migrated and with the lab's application, for the nodes that are started next. */
  renewDatabase(name: string): Promise<void>
  databaseUrl(): string
  /** Everything that nodes get beside their port. */
  settings(node: number): Record<string, string>
  startNodes(options?: StartOptions): Promise<void>
  stopNodes(): Promise<void>
  /** The nodes' way to the database leads there from now on, and what they have open is cut. */
  leadTo(postgres: Postgres): Promise<void>
  /** The standby becomes the primary; the nodes' way leads there from now on. Returns the one that was. */
  promoteStandby(): Promise<Postgres>
  /** The one that is no primary becomes the standby, from a fresh copy. */
  renewStandby(): Promise<void>
  close(): Promise<void>
}

const secret = 'a lab needs no secret that somebody could not read'
const replication = 'replication'
const template = 'sekisho_template'

/** `tree` is the copy of the server that its nodes run. */
export async function openLab(tree: string): Promise<Lab> {
  const yard = openYard()
  chmodSync(yard.folder, 0o711)
  try {
    return await furnish(yard, tree)
  } catch (error) {
    await yard.close()
    throw error
  }
}

async function furnish(yard: Yard, tree: string): Promise<Lab> {
  const relay = startRelay()
  const relayPort = await freePort()
  const network = openNetwork(yard, { nodes: nodeCount, relay, port: relayPort })
  const isApart = network.kind === 'namespaces'
  const mail = await openMailServer(isApart ? '0.0.0.0' : '127.0.0.1')
  const templateFile = join(yard.folder, 'mail.html')
  writeFileSync(templateFile, mailTemplate)

  const data = mountDisk(yard, 'data', '400m')
  const log = data === null ? null : mountDisk(yard, 'log', '500m')
  let smallDisks = data === null || log === null ? null : { data, log }
  let primary: Postgres = await makePostgres(
    { yard, name: 'first', below: data ?? yard.folder },
    log === null ? null : join(log, 'wal'),
  )
  let standby: Postgres = await describePostgres({ yard, name: 'second', below: yard.folder })
  await primary.start()
  const replicationPort = await freePort()
  const target = (postgres: Postgres) => ({ host: '127.0.0.1', port: postgres.port })
  await relay.open({
    name: replication,
    host: '127.0.0.1',
    port: replicationPort,
    target: target(primary),
  })
  // Where all nodes share one address, each takes a port of its own to the database.
  const doors = isApart ? [relayPort, relayPort, relayPort] : await threePorts()
  for (const [node, port] of doors.entries()) {
    const host = network.labSeenFrom(node)
    await relay.open({ name: wayOf(node), host, port, target: target(primary) })
  }
  await standby.follow(primary, replicationPort)

  let database = template
  let keys = { serviceRoleKey: '' }
  const urlFor = (host: string, port: number) => `postgres://sekisho@${host}:${port}/${database}`
  const settings = (node: number) => ({
    DATABASE_URL: urlFor(network.labSeenFrom(node), doors[node] ?? 0),
    ...common,
    GOTRUE_SMTP_HOST: network.labSeenFrom(node),
    GOTRUE_SMTP_PORT: String(mail.port),
    GOTRUE_MAILER_TEMPLATES_CONFIRMATION: `file:${templateFile}`,
    GOTRUE_MAILER_TEMPLATES_MAGIC_LINK: `file:${templateFile}`,
    // One node writes refresh tokens as rows; all of them take both kinds.
    GOTRUE_SECURITY_REFRESH_TOKEN_ALGORITHM_VERSION: node === 2 ? '1' : '2',
  })
  const nodes: Node[] = []
  for (let number = 0; number < nodeCount; number += 1) {
    const port = await freePort()
    nodes.push(
      describeNode({ yard, network, number, port, tree, settings: () => settings(number) }),
    )
  }

  const lab: Lab = {
    yard,
    relay,
    network,
    mail,
    nodes,
    tree,
    settings,
    smallDisks: () => smallDisks,
    primary: () => primary,
    standby: () => standby,
    serviceRoleKey: () => keys.serviceRoleKey,
    databaseUrl: () => withName(primary.url, database),
    async renewDatabase(name) {
      if (database !== template)
        await primary.query(`drop database if exists ${database} with (force)`)
      await primary.query(`drop database if exists ${name} with (force)`)
      await primary.query(`create database ${name} template ${template} owner sekisho`)
      database = name
    },
    async startNodes(options = {}) {
      await Promise.all(nodes.map((node) => node.start(options)))
      const line = /^\{"url".*$/m.exec(nodes[0]?.program?.printed() ?? '')?.[0] ?? '{}'
      keys = JSON.parse(line)
    },
    async stopNodes() {
      for (const node of nodes) node.thaw()
      await Promise.all(nodes.map((node) => node.kill()))
    },
    async promoteStandby() {
      const before = primary
      smallDisks = null
      await standby.promote()
      primary = standby
      standby = before
      await relay.set(replication, { target: target(primary) })
      await lab.leadTo(primary)
      return before
    },
    async leadTo(postgres) {
      for (const { number } of nodes) {
        await relay.set(wayOf(number), { target: target(postgres) })
        await relay.cut(wayOf(number))
      }
    },
    renewStandby: () => standby.follow(primary, replicationPort),
    async close() {
      await lab.stopNodes()
      await Promise.all([standby.stop('immediate'), primary.stop('immediate')])
      await mail.close()
      relay.close()
      await yard.close()
    },
  }
  await prepare(yard, primary, tree)
  return lab
}

const common = {
  SEKISHO_PUBLIC_URL: publicUrl,
  SEKISHO_SECRET: secret,
  SEKISHO_LOG_LEVEL: 'warn',
  SEKISHO_TRUST_PROXY: '1',
  // Longer than the lab's balancer takes to notice.
  SEKISHO_DRAIN_SECONDS: '3',
  GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED: 'true',
  GOTRUE_SMTP_MAX_FREQUENCY: '0s',
  GOTRUE_SMTP_ADMIN_EMAIL: 'gate@faults.example',
}

/** The database that every fault gets a copy of. */
async function prepare(yard: Yard, primary: Postgres, tree: string): Promise<void> {
  await primary.query('create role sekisho login createrole')
  await primary.query(`create database ${template} owner sekisho`)
  const file = join(yard.folder, 'apply.json')
  writeFileSync(file, JSON.stringify({ applications: [declared], signInExperience: passwords }))
  const url = withName(primary.url, template).replace('postgres@', 'sekisho@')
  const env = { ...common, DATABASE_URL: url, PORT: '1' }
  for (const command of [['migrate'], ['apply', file]]) {
    const args = [join(tree, 'src/cli.ts'), ...command, '--json']
    await runToEnd(nodeProgram, args, { cwd: yard.folder, env })
  }
}

const declared = {
  id: application.id,
  secret: application.secret,
  name: 'Bookstore',
  type: 'Traditional',
  oidcClientMetadata: { redirectUris: [application.callback], postLogoutRedirectUris: [] },
  customClientMetadata: { alwaysIssueRefreshToken: true },
}

const passwords = {
  signInMode: 'SignInAndRegister',
  signUp: { identifiers: ['email'], password: true, verify: true },
  signIn: {
    methods: [
      { identifier: 'email', password: true, verificationCode: false, isPasswordPrimary: true },
    ],
  },
}

async function threePorts(): Promise<number[]> {
  const ports: number[] = []
  for (let node = 0; node < nodeCount; node += 1) ports.push(await freePort())
  return ports
}

/** In memory, and so fast; null where we may not mount. */
function mountDisk(yard: Yard, name: string, size: string): string | null {
  const folder = join(yard.folder, `disk-${name}`)
  mkdirSync(folder)
  const options = ['-t', 'tmpfs', '-o', `size=${size},mode=711`, 'sekisho-faults', folder]
  if (spawnSync('mount', options).status !== 0) return null
  yard.undoLater(`umount -l ${folder}`)
  return folder
}
