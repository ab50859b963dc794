import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createDatabase, type DatabaseKind } from '../database.ts'
import { freePort } from '../setup/free-port.ts'
import { node, top } from './machine.ts'
import { type Running, run, runToEnd } from './process.ts'

/** Where a server keeps everything; it outlives the server's process. */
export interface Place {
  kind: DatabaseKind
  folder: string
  secret: string
  /** Postgres only. */
  databaseUrl: string | null
  leave(): Promise<void>
}

export interface Server extends Running {
  url: string
  anonKey: string
  serviceRoleKey: string
}

export interface ServerOptions {
  env?: Record<string, string>
  /** In the shapes of `sekisho apply`. */
  apply?: Record<string, unknown>
  port?: number
  /** The other nodes of one cluster answer under the first one's URL. */
  publicUrl?: string
}

export async function findPlace(kind: DatabaseKind): Promise<Place> {
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-walk-'))
  const database = kind === 'postgres' ? await createDatabase() : null
  return {
    kind,
    folder,
    secret: 'a walk needs no secret that somebody could not read',
    databaseUrl: database?.url ?? null,
    async leave() {
      rmSync(folder, { recursive: true, force: true })
      await database?.drop()
    },
  }
}

/** The variables under which a command or an app reaches the place. */
export function variablesOf(place: Place): Record<string, string> {
  return {
    SEKISHO_SECRET: place.secret,
    ...(place.databaseUrl === null
      ? { SEKISHO_DATA_DIR: join(place.folder, 'data') }
      : { DATABASE_URL: place.databaseUrl }),
  }
}

/** A real process: `dev` on the embedded database, `start` on Postgres. */
export async function startServer(place: Place, options: ServerOptions = {}): Promise<Server> {
  const port = options.port ?? (await freePort())
  const env = {
    ...variablesOf(place),
    PORT: String(port),
    // People who walk this fast would meet GoTrue's pause of a minute between two mails.
    GOTRUE_SMTP_MAX_FREQUENCY: '0s',
    ...options.env,
  }
  const production = place.kind === 'postgres'
  const url = options.publicUrl ?? `http://localhost:${port}`
  const cli = join(top, 'src/cli.ts')
  const file = options.apply ? join(place.folder, 'apply.json') : null
  if (file) writeFileSync(file, JSON.stringify(options.apply))

  if (production) {
    const settings = { ...env, SEKISHO_PUBLIC_URL: url, HOST: '127.0.0.1' }
    if (file) {
      await runToEnd(node, [cli, 'migrate', '--json'], { cwd: place.folder, env: settings })
      await runToEnd(node, [cli, 'apply', file, '--json'], { cwd: place.folder, env: settings })
    }
    return serverOf(
      await run(node, [cli, 'start', '--json'], { cwd: place.folder, env: settings }),
      port,
    )
  }
  const flags = ['--json', '--port', String(port), '--data-dir', join(place.folder, 'data')]
  return serverOf(
    await run(node, [cli, 'dev', ...flags, ...(file ? ['--apply', file] : [])], {
      cwd: place.folder,
      env,
    }),
    port,
  )
}

function serverOf(running: Running, port: number): Server {
  return {
    ...running,
    // Two nodes share one public URL; the walks talk to each of them.
    url: `http://localhost:${port}`,
    anonKey: String(running.ready.anonKey),
    serviceRoleKey: String(running.ready.serviceRoleKey),
  }
}
