import { createCache } from '../src/base/cache.ts'
import { type Config, readConfig } from '../src/base/config.ts'
import { systemNow, type Tx } from '../src/base/context.ts'
import type { Log } from '../src/base/log.ts'
import { systemRandom } from '../src/base/random.ts'
import type { OpenDatabase } from '../src/db/driver.ts'

export interface ConfigInput {
  secret?: string | undefined
  environment?: Readonly<Record<string, string | undefined>> | undefined
  /** The secret that the embedded server made for itself. */
  storedSecret?: string | undefined
}

/** The server's defaults, with what the app knows of its configuration. Throws a `ConfigError`. */
export function adapterConfig({ secret, environment = {}, storedSecret }: ConfigInput): Config {
  return readConfig({
    mode: 'dev',
    environment: secret === undefined ? environment : { ...environment, SEKISHO_SECRET: secret },
    ...(storedSecret === undefined ? {} : { storedSecret }),
  })
}

/** The adapter is never told of the request: its events name no client. */
export function adapterContext(database: OpenDatabase, config: Config): Tx {
  return {
    db: database.db,
    config,
    cache: createCache(),
    log: silence,
    random: systemRandom,
    actor: { kind: 'system', name: 'authjs' },
    client: { ip: null, userAgent: null },
    now: systemNow,
    clock: 'running',
  }
}

const ignore = () => {}
/** The app has a log of its own, and what goes wrong is thrown at it. */
const silence: Log = {
  debug: ignore,
  info: ignore,
  warn: ignore,
  error: ignore,
  child: () => silence,
}
