import { relative } from 'node:path'
import type { Config } from '../base/config.ts'
import { second } from '../base/time.ts'
import { whereabouts } from './configuration.ts'
import type { Ready } from './serve.ts'

/** What `sekisho dev` says when it is ready: where everything is, and how each kind of client connects. */
export function banner(config: Config, ready: Ready): string {
  const { url, anonKey, serviceRoleKey, mailboxUrl } = ready
  const seconds = (performance.now() / 1000).toFixed(1)
  return `
  Sekisho is ready in ${seconds} s

  Server     ${url}
  Mailbox    ${mailboxUrl}   every message stays here
  Data       ${dataOf(config)}

  Supabase   createClient('${url}', anonKey)
  Logto      endpoint: '${url}', and an app: npx sekisho app create --help
  OpenID     issuer: ${url}/oidc
  Auth.js    the adapter @sekisho/authjs on the same database, or the issuer above

  anon key          ${anonKey}
  service-role key  ${serviceRoleKey}
                    (the second may do everything: for servers only)
${ignoredNote(config)}`
}

function dataOf({ databaseUrl, dataDir, syncDelay }: Config): string {
  if (databaseUrl !== null) return `the database ${whereabouts(databaseUrl)}`
  const path = relative(process.cwd(), dataDir)
  const short = path.startsWith('..') ? dataDir : `./${path}`
  return `${short}   embedded Postgres, for one process on this machine; set DATABASE_URL for a server of your own
             ${promise(syncDelay)}`
}

/** docs/embedded.md says it at length. */
function promise(syncDelay: number): string {
  const powerCut =
    syncDelay === 0
      ? 'nor does a power failure'
      : `a power failure at most the last ${syncDelay / second} s`
  return `a killed process loses nothing that was answered, ${powerCut}; backups: sekisho db backup`
}

function ignoredNote({ ignored }: Config): string {
  return ignored.length === 0 ? '' : `\n  Without effect in this version: ${ignored.join(', ')}\n`
}
