import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { sql } from 'kysely'
import { expect, onTestFinished, test } from 'vitest'
import { openDatabase } from '../../src/db/open.ts'
import { createDatabase } from '../database.ts'
import { freePort } from '../setup/free-port.ts'
import { until } from '../walks/mail.ts'
import { folder, jsonLines, sekisho, serve } from './cli-runner.ts'

const slow = 60_000
const secret = 'a root secret of more than 32 characters'

async function place() {
  const { url, drop } = await createDatabase()
  onTestFinished(drop)
  return { cwd: folder(), url, env: { DATABASE_URL: url, SEKISHO_SECRET: secret } }
}

test(
  'production says everything that is missing at once, in a numbered list',
  async () => {
    const ended = await sekisho(['start', '--json'], { cwd: folder() })
    expect(ended.code).toBe(3)
    expect(ended.stdout).toBe('')
    expect(ended.stderr).toMatch(
      /1\. DATABASE_URL.*\n +2\. SEKISHO_PUBLIC_URL.*\n +3\. SEKISHO_SECRET/,
    )
    expect(ended.stderr).not.toContain('    at ')
  },
  slow,
)

test(
  'production starts on Postgres, without mailbox, and two share a database',
  async () => {
    const { cwd, env } = await place()
    const [port, other] = [await freePort(), await freePort()]
    const settings = { ...env, SEKISHO_PUBLIC_URL: 'https://id.example.com', HOST: '127.0.0.1' }
    const start = (one: number) =>
      serve(['start', '--json', '--port', String(one)], { cwd, env: settings })
    const [first, second] = await Promise.all([start(port), start(other)])
    expect(first.ready).toMatchObject({
      url: 'https://id.example.com',
      mailboxUrl: null,
      setupUrl: null,
      dataDir: null,
      pid: first.pid,
    })
    for (const one of [port, other]) {
      const url = `http://127.0.0.1:${one}`
      expect((await fetch(`${url}/readyz`)).status).toBe(200)
      expect((await fetch(`${url}/api/dev/messages`)).status).toBe(404)
      expect((await fetch(`${url}/console/mailbox`)).status).toBe(404)
    }
    const lines = await until('the log', () =>
      first.log().endsWith('\n') ? first.log().trim().split('\n') : undefined,
    )
    expect(lines.map((line) => JSON.parse(line).msg)).toContain('ready')
    expect(await first.stop()).toMatchObject({ code: 0 })
    expect(await second.stop()).toMatchObject({ code: 0 })
  },
  slow,
)

test(
  'a query that hangs in the database holds up neither the check nor the end',
  async () => {
    const { cwd, url, env } = await place()
    const port = await freePort()
    const settings = { ...env, SEKISHO_PUBLIC_URL: 'https://id.example.com', HOST: '127.0.0.1' }
    const server = await serve(['start', '--json', '--port', String(port)], { cwd, env: settings })
    const database = await openDatabase({ url })
    onTestFinished(() => database.close())
    await database.db.transaction().execute(async (tx) => {
      await sql`lock table idp.settings`.execute(tx)
      const at = `http://127.0.0.1:${port}`
      const stuck = fetch(`${at}/sign-in`)
      await until('a page that waits', async () => {
        const { rows } = await sql`
          select from pg_locks where relation = 'idp.settings'::regclass and not granted`.execute(
          tx,
        )
        return rows.length > 0 || undefined
      })
      expect((await fetch(`${at}/readyz`)).status).toBe(200)
      const { code, tookMs } = await server.stop()
      expect(code).toBe(0)
      expect(tookMs).toBeLessThan(5000)
      expect((await stuck).status).toBe(503)
    })
  },
  slow,
)

test(
  'commands work on the database of DATABASE_URL, and say so without its password',
  async () => {
    const { cwd, url, env } = await place()
    const withPassword = new URL(url)
    withPassword.password = 'not-for-eyes'
    const settings = { ...env, DATABASE_URL: withPassword.href }
    const migrated = await sekisho(['migrate', '--json'], { cwd, env: settings })
    expect(jsonLines(migrated)).toEqual([{ applied: [], warnings: [] }])
    expect(migrated.stderr).not.toContain('not-for-eyes')
    writeFileSync(
      join(cwd, 'declared.json'),
      JSON.stringify({ users: [{ primaryEmail: 'ann@example.com', username: 'ann' }] }),
    )
    const outcomes = async () =>
      jsonLines(await sekisho(['apply', 'declared.json', '--json'], { cwd, env: settings })).map(
        ({ outcome }) => outcome,
      )
    expect(await outcomes()).toEqual(['created'])
    expect(await outcomes()).toEqual(['unchanged'])
    expect((await sekisho(['user', 'delete', 'ann'], { cwd, env: settings })).code).toBe(0)
  },
  slow,
)

test(
  'a database by its address needs the secret of its server',
  async () => {
    const { cwd, url } = await place()
    const ended = await sekisho(['app', 'list'], { cwd, env: { DATABASE_URL: url } })
    expect(ended.code).toBe(3)
    expect(ended.stderr).toContain('SEKISHO_SECRET is missing')
  },
  slow,
)

test(
  'a database that is not there, or not migrated, is said in a sentence',
  async () => {
    const cwd = folder()
    const port = await freePort()
    const nowhere = `postgres://ann:not-for-eyes@127.0.0.1:${port}/none`
    const ended = await sekisho(['app', 'list'], {
      cwd,
      env: { DATABASE_URL: nowhere, SEKISHO_SECRET: secret },
    })
    expect(ended.code).toBe(1)
    expect(ended.stderr).toContain(`127.0.0.1:${port}/none cannot be opened`)
    expect(ended.stderr).not.toContain('not-for-eyes')
    expect(ended.stderr).not.toContain('    at ')

    const { url, env } = await place()
    const database = await openDatabase({ url })
    await database.execute('drop schema idp cascade')
    await database.close()
    const unmigrated = await sekisho(['app', 'list'], { cwd, env })
    expect(unmigrated.code).toBe(3)
    expect(unmigrated.stderr).toContain('run sekisho migrate')
  },
  slow,
)

test('a changed secret and a database of an old GoTrue are said in a sentence', async () => {
  const { cwd, url, env } = await place()
  await sekisho(['keys'], { cwd, env })
  const other = { ...env, SEKISHO_SECRET: 'another secret of more than 32 characters' }
  const changed = await sekisho(['keys'], { cwd, env: other })
  expect(changed.code).toBe(3)
  expect(changed.stderr).toContain('was SEKISHO_SECRET changed?')
  expect(changed.stderr).not.toContain('    at ')

  const database = await openDatabase({ url })
  await database.execute(`drop schema idp cascade;
    alter table auth.mfa_factors drop column last_challenged_at`)
  await database.close()
  const old = await sekisho(['migrate'], { cwd, env })
  expect(old.code).toBe(3)
  expect(old.stderr).toContain('of an older GoTrue (Let a current GoTrue')
  expect(old.stderr).not.toContain('    at ')
}, 60_000)
