import { stat, statfs } from 'node:fs/promises'
import { hour } from '../base/time.ts'
import { listBackups } from '../db/damage.ts'
import { findKeys } from '../model/key.ts'
import { whereabouts } from './configuration.ts'
import { type Check, counted, ofConfig, ofDatabase, ok, problem, warning } from './doctor-check.ts'

const day = 24 * hour

export const databaseChecks: readonly Check[] = [
  ofConfig('database', ({ databaseUrl, dataDir }, { database }) => {
    const where = databaseUrl === null ? dataDir : whereabouts(databaseUrl)
    if (database === null) {
      return ok(`The embedded database in ${where} is made at the first start of sekisho dev.`)
    }
    if ('failed' in database) {
      return problem(
        `The database ${where} cannot be opened: ${database.failed}`,
        databaseUrl === null
          ? 'sekisho dev says what is damaged, and how to go back to a backup (docs/embedded.md).'
          : 'Look whether it runs, whether this machine may reach it, and at name and password in DATABASE_URL.',
      )
    }
    if (database.survey.isReadOnly) {
      return problem(
        `The database ${where} can only be read.`,
        'Let DATABASE_URL name the primary, not a replica (target_session_attrs=read-write).',
      )
    }
    return ok(`The database ${where} answers.`)
  }),

  ofDatabase('postgres-version', ({ survey }) =>
    survey.version >= 150_000
      ? ok(`Postgres ${survey.versionText}.`)
      : problem(
          `Postgres ${survey.versionText} is too old.`,
          'Sekisho needs Postgres 15 or newer.',
        ),
  ),

  ofDatabase('rights', ({ survey: { lacking } }) =>
    lacking.length === 0
      ? ok('The role may do all that is needed.')
      : problem(
          `The role of DATABASE_URL may not ${lacking.slice(0, 5).join(', ')}${lacking.length > 5 ? ' and more' : ''}.`,
          'Grant it that, or let the role that owns the schemas auth and idp connect.',
        ),
  ),

  ofDatabase('schema', ({ survey: { pending, unknown } }) => {
    if (unknown.length > 0) {
      return problem(
        `The database was migrated by a newer version (${unknown.join(', ')}).`,
        'Use that version, or a newer one.',
      )
    }
    if (pending.length === 0) return ok('The schema is that of this version.')
    return warning(
      `${counted(pending.length, 'migration')} to come: ${pending.join(', ')}.`,
      'The next start does it, or sekisho migrate.',
    )
  }),

  ofDatabase('clock', ({ secondsOff, kind }) => {
    if (kind === 'pglite') return null
    const off = Math.abs(secondsOff).toFixed(1)
    return Math.abs(secondsOff) <= 2
      ? ok(`This machine's clock and the database's are ${off} s apart.`)
      : warning(
          `This machine's clock and the database's are ${off} s apart.`,
          'Let both follow a time server (chrony, systemd-timesyncd): codes and tokens end too early or too late.',
        )
  }),

  ofDatabase('connections', ({ survey: { connections }, kind }, { databasePoolSize }) => {
    if (kind === 'pglite') return null
    const { limit, used } = connections
    const facts = `This server opens up to ${databasePoolSize}; the database takes ${limit}, and ${used} are open.`
    if (databasePoolSize > limit) {
      return problem(facts, `Lower GOTRUE_DB_MAX_POOL_SIZE, or raise max_connections.`)
    }
    if (databasePoolSize > limit - used) {
      return warning(
        facts,
        'Lower GOTRUE_DB_MAX_POOL_SIZE, raise max_connections, or put PgBouncer between.',
      )
    }
    return ok(facts)
  }),

  ofDatabase('supabase-roles', ({ survey: { missingRoles, pending } }) => {
    if (pending.includes('0001_auth.sql')) return null
    return missingRoles.length === 0
      ? ok('The roles anon, authenticated and service_role are there.')
      : warning(
          `These roles are missing: ${missingRoles.join(', ')}.`,
          `Row level security of Supabase's kind needs them. As a superuser: ${missingRoles.map((role) => `create role ${role};`).join(' ')}`,
        )
  }),

  ofDatabase('keys', async ({ ctx, survey }, { keyRotationDays }, { now }) => {
    if (ctx === null || survey.pending.includes('0002_idp.sql')) return null
    try {
      const keys = [...(await findKeys(ctx, 'oidc')), ...(await findKeys(ctx, 'gotrue'))]
      const current = keys.filter((key) => key.state === 'current')
      if (current.length === 0) return ok('There are no keys yet: the first start makes them.')
      const oldest = Math.max(
        ...current
          .filter((key) => key.purpose === 'oidc')
          .map((key) => now().getTime() - (key.promotedAt ?? key.createdAt).getTime()),
        0,
      )
      const days = Math.floor(oldest / day)
      const facts = `${counted(current.length, 'key')} ${current.length === 1 ? 'signs' : 'sign'}, the oldest of OpenID's for ${counted(days, 'day')}.`
      if (keyRotationDays > 0 && days > keyRotationDays + 7) {
        return warning(
          facts,
          'They should have been replaced: does a server run? sekisho keys rotate does it by hand.',
        )
      }
      if (keyRotationDays === 0 && days > 365) return warning(facts, 'sekisho keys rotate')
      return ok(facts)
    } catch {
      return problem(
        'The keys in the database do not open.',
        'SEKISHO_SECRET is not the one with which they were made: bring the old one back.',
      )
    }
  }),

  ofConfig('disk', async ({ databaseUrl, dataDir }, { database }) => {
    if (databaseUrl !== null || database === null) return null
    const { bavail, bsize } = await statfs(dataDir)
    const megabytes = Math.floor((bavail * bsize) / 1e6)
    const facts = `${megabytes} MB are free where ${dataDir} is.`
    if (megabytes < 200) return problem(facts, 'Make room: writes will fail.')
    return megabytes < 1000 ? warning(facts, 'Make room before it is full.') : ok(facts)
  }),

  ofConfig('backups', async ({ databaseUrl, dataDir, backupEvery }, { database, now }) => {
    if (databaseUrl !== null || database === null) return null
    const [newest] = await listBackups(dataDir)
    const todo =
      'sekisho db backup; sekisho dev makes one a minute after its start (SEKISHO_BACKUP_EVERY).'
    if (newest === undefined) return warning('There is no backup yet.', todo)
    const hours = Math.floor((now().getTime() - (await stat(newest)).mtimeMs) / hour)
    const facts = `The newest backup is ${counted(hours, 'hour')} old: ${newest}.`
    return hours > (2 * (backupEvery || day)) / hour ? warning(facts, todo) : ok(facts)
  }),
]
