import { spawn } from 'node:child_process'
import { existsSync, globSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { freePort } from './free-port.ts'

export interface PostgresServer {
  /** The superuser's address of the database `postgres`. */
  url: string
  stop(): Promise<void>
}

/** The newest Postgres programs of this machine, or null. */
export function postgresPrograms(): string | null {
  const folders = globSync('/usr/lib/postgresql/*/bin').filter((folder) =>
    existsSync(`${folder}/initdb`),
  )
  const version = (folder: string) => Number(folder.split('/').at(-2))
  return folders.sort((a, b) => version(a) - version(b)).at(-1) ?? null
}

/** Forgetful is faster, and good where nobody pulls the plug. */
export type Durability = 'durable' | 'forgetful'

/**
 * A Postgres of its own, with its own port and directory, that ends with this process however this one ends. More
 * settings are written `name=value`.
 */
export async function startPostgres(
  durability: Durability,
  more: readonly string[] = [],
): Promise<PostgresServer> {
  const programs = postgresPrograms()
  if (!programs) throw new Error('This machine has no Postgres programs')
  const port = await freePort()
  const chosen = [...(durability === 'forgetful' ? forgetful : []), ...more]
  const settings = chosen.flatMap((setting) => ['-c', setting])
  const shell = ['/bin/sh', '-c', script, 'postgres', programs, String(port), ...settings]
  // Postgres refuses to run as root.
  const command = process.getuid?.() === 0 ? ['runuser', '-u', 'postgres', '--', ...shell] : shell
  const child = spawn(command[0] ?? '', command.slice(1), {
    cwd: '/tmp',
    // Ctrl-C in the terminal is for us alone: the server ends after its clients.
    detached: true,
    stdio: ['pipe', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.on('data', (chunk) => {
    said = (said + chunk).slice(-4000)
  })
  const ended = new Promise<void>((resolve) => child.on('exit', () => resolve()))
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`
  async function stop() {
    child.stdin.end()
    await ended
  }
  for (let attempt = 0; attempt < 300; attempt++) {
    if (child.exitCode !== null) break
    if (await answers(url)) return { url, stop }
    await pause(100)
  }
  await stop()
  throw new Error(`Postgres did not start:\n${said}`)
}

// Autovacuum in between would hold a test's own vacuum back from what it deleted.
const forgetful = ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off', 'autovacuum=off']

/** The pipe to this process closes when it ends, even by kill -9, and `cat` with it. */
const script = `
set -e
programs=$1; port=$2; shift 2
directory=$(mktemp -d /tmp/sekisho-postgres-XXXXXX)
trap 'rm -rf "$directory"' EXIT
"$programs/initdb" -D "$directory" -A trust -U postgres -E UTF8 --locale=C --no-sync >/dev/null
"$programs/postgres" -D "$directory" -p "$port" -c listen_addresses=127.0.0.1 -c unix_socket_directories= \\
  -c max_connections=200 -c max_prepared_transactions=0 -c log_min_messages=fatal "$@" &
server=$!
cat >/dev/null
kill -INT "$server"
wait "$server" || true
`

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 1000 })
  client.on('error', () => {})
  try {
    await client.connect()
    await client.end()
    return true
  } catch {
    return false
  }
}
