import { execFileSync, spawnSync } from 'node:child_process'
import type { Relay } from './relay.ts'
import type { Yard } from './yard.ts'

export type Direction = 'up' | 'down' | 'both'

/** Where the nodes live. */
export interface Network {
  kind: 'namespaces' | 'ports'
  /** The address at which everybody reaches a node. */
  addressOf(node: number): string
  /** The address at which a node reaches the lab: the relay, the mail server. */
  labSeenFrom(node: number): string
  /** Put before a node's command. */
  entering(node: number): string[]
  /** Nothing passes between a node and the database any more; `up` is what the node sends. Nobody is told. */
  part(node: number, direction: Direction): Promise<void>
  join(node: number): Promise<void>
}

/** Which way of the relay a node takes to the database. */
export const wayOf = (node: number): string => `node ${node}`

/** Namespaces joined by veth where this machine lets us make them, else ports and the relay. */
export function openNetwork(yard: Yard, { nodes, relay, port }: NetworkParts): Network {
  if (canMakeNamespaces()) return namespaces(yard, { nodes, relay, port })
  return {
    kind: 'ports',
    addressOf: () => '127.0.0.1',
    labSeenFrom: () => '127.0.0.1',
    entering: () => [],
    part: (node, direction) => relay.set(wayOf(node), { held: direction }),
    join: (node) => relay.set(wayOf(node), { held: 'nothing' }),
  }
}

interface NetworkParts {
  nodes: number
  relay: Relay
  /** Where the relay listens on every node's side. */
  port: number
}

function canMakeNamespaces(): boolean {
  if (process.getuid?.() !== 0) return false
  if (!has('ip') || !(has('nft') || install('nftables'))) return false
  const name = `sk${process.pid}probe`
  const isMade = spawnSync('ip', ['netns', 'add', name]).status === 0
  if (!isMade) return false
  const filters = spawnSync('ip', ['netns', 'exec', name, 'nft', 'add', 'table', 'inet', 'faults'])
  spawnSync('ip', ['netns', 'del', name])
  return filters.status === 0
}

function has(command: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${command}`]).status === 0
}

/** A package of Debian's, where we may; whether it is there now. */
export function install(name: string): boolean {
  if (process.getuid?.() !== 0 || !has('apt-get')) return false
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const patience = { env, timeout: 180_000 }
  if (spawnSync('apt-get', ['install', '-y', name], patience).status === 0) return true
  spawnSync('apt-get', ['update'], patience)
  return spawnSync('apt-get', ['install', '-y', name], patience).status === 0
}

function namespaces(yard: Yard, { nodes, port }: NetworkParts): Network {
  const net = `10.${64 + ((process.pid >> 8) % 128)}.${process.pid % 256}`
  const nameOf = (node: number) => `sk${process.pid}n${node}`
  const near = (node: number) => `${net}.${4 * node + 1}`
  const far = (node: number) => `${net}.${4 * node + 2}`
  for (let node = 0; node < nodes; node += 1) {
    const [name, outside, inside] = [
      nameOf(node),
      `sk${process.pid}o${node}`,
      `sk${process.pid}i${node}`,
    ]
    ip('netns', 'add', name)
    // With the namespace go both ends of the pair.
    yard.undoLater(`ip netns del ${name}`)
    ip('link', 'add', outside, 'type', 'veth', 'peer', 'name', inside)
    ip('link', 'set', inside, 'netns', name)
    ip('addr', 'add', `${near(node)}/30`, 'dev', outside)
    ip('link', 'set', outside, 'up')
    ip('-n', name, 'addr', 'add', `${far(node)}/30`, 'dev', inside)
    ip('-n', name, 'link', 'set', inside, 'up')
    ip('-n', name, 'link', 'set', 'lo', 'up')
  }
  const rules: Record<Exclude<Direction, 'both'>, string> = {
    up: `chain up { type filter hook output priority 0; tcp dport ${port} drop; }`,
    down: `chain down { type filter hook input priority 0; tcp sport ${port} drop; }`,
  }
  return {
    kind: 'namespaces',
    addressOf: far,
    labSeenFrom: near,
    entering: (node) => ['ip', 'netns', 'exec', nameOf(node)],
    async part(node, direction) {
      const wanted = direction === 'both' ? [rules.up, rules.down] : [rules[direction]]
      filter(nameOf(node), `table inet faults {\n${wanted.join('\n')}\n}`)
    },
    async join(node) {
      filter(nameOf(node), 'delete table inet faults')
    },
  }
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] })
}

function filter(namespace: string, rules: string): void {
  execFileSync('ip', ['netns', 'exec', namespace, 'nft', '-f', '-'], {
    input: `${rules}\n`,
    stdio: ['pipe', 'ignore', 'pipe'],
  })
}
