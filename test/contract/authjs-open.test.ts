import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import pg from 'pg'
import { afterAll, describe, expect, test } from 'vitest'
import { sekishoAdapter } from '../../authjs/index.ts'
import { migrate } from '../../src/db/migrate.ts'
import { openDatabase } from '../../src/db/open.ts'
import { databaseKind, withBareDatabases } from '../database.ts'
import { authjsWorld, freshEmail, secret, tomorrow } from './authjs-world.ts'

const { adapter, database, newUser, rows } = authjsWorld()
const bareDatabase = withBareDatabases()

const folders: string[] = []
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})
function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'sekisho-authjs-'))
  folders.push(made)
  return made
}

describe('the object', () => {
  const methods = [
    'createUser',
    'getUser',
    'getUserByEmail',
    'getUserByAccount',
    'updateUser',
    'deleteUser',
    'linkAccount',
    'unlinkAccount',
    'getAccount',
    'createSession',
    'getSessionAndUser',
    'updateSession',
    'deleteSession',
    'createVerificationToken',
    'useVerificationToken',
    'createAuthenticator',
    'getAuthenticator',
    'listAuthenticatorsByUserId',
    'updateAuthenticatorCounter',
  ]
  const extras = ['listSessions', 'deleteSessions', 'listAccounts', 'collectGarbage']

  test('is plain, and its nineteen methods are its own', () => {
    expect(Object.getPrototypeOf(adapter)).toBe(Object.prototype)
    expect(Object.keys(adapter).sort()).toEqual([...methods, ...extras, 'close'].sort())
    for (const key of Object.keys(adapter))
      expect(adapter).toHaveProperty(key, expect.any(Function))
  })

  test('its methods need no `this`: Auth.js calls copies of them', async () => {
    const user = await newUser()
    const { getUser, getUserByEmail } = { ...adapter }
    expect(await getUser.call(undefined, user.id)).toEqual(user)
    expect(await getUserByEmail.call(null, user.email)).toEqual(user)
  })

  test('what it returns is the caller’s: no later call sees what is done to it', async () => {
    const user = await newUser({ tags: ['a'] })
    const copy = structuredClone(user)
    user.name = 'changed'
    ;(user as unknown as { tags: string[] }).tags.push('b')
    expect(await adapter.getUser(user.id)).toEqual(copy)
  })
})

describe('the options', () => {
  test('a database has to be named', () => {
    expect(() => sekishoAdapter({} as never)).toThrow(/`database` is missing/)
  })

  test('a short secret is refused at once', () => {
    expect(() => sekishoAdapter({ database, secret: 'short' })).toThrow(/32 characters/)
  })

  test("the server's variables are honoured: its audience, its role, its audit log", async () => {
    const other = sekishoAdapter({
      database,
      environment: {
        SEKISHO_SECRET: secret,
        GOTRUE_JWT_AUD: 'members',
        GOTRUE_JWT_DEFAULT_GROUP_NAME: 'member',
        GOTRUE_AUDIT_LOG_DISABLE_POSTGRES: 'true',
      },
    })
    const { id } = await other.createUser({ email: freshEmail() })
    expect(
      await rows(sql`
        select aud, role, (select count(*)::int from auth.audit_log_entries where payload->>'actor_id' = ${id}) as audits
        from auth.users where id = ${id}`),
    ).toEqual([{ aud: 'members', role: 'member', audits: 0 }])
  })

  test('a database that was given open stays open', async () => {
    const other = sekishoAdapter({ database })
    const user = await newUser()
    expect(await other.getUser(user.id)).toEqual(user)
    await other.close()
    await expect(other.getUser(user.id)).rejects.toThrow(/closed/)
    expect(await adapter.getUser(user.id)).toEqual(user)
  })
})

if (databaseKind() === 'postgres')
  describe('on Postgres', () => {
    test('an address is enough, and is opened at the first call', async () => {
      const user = await newUser()
      const other = sekishoAdapter({ database: database.url! })
      expect(await other.getUser(user.id)).toEqual(user)
      await other.close()
      const unused = sekishoAdapter({ database: database.url! })
      await unused.close()
    })

    test('a pool of the app’s own serves, whatever it made of values, and stays open', async () => {
      const pool = new pg.Pool({
        connectionString: database.url!,
        types: { getTypeParser: () => (text: string) => `odd ${text}` },
      })
      const other = sekishoAdapter({ database: pool, secret })
      const user = await newUser({ role: 'admin' })
      expect(await other.getUser(user.id)).toStrictEqual(user)
      const expires = tomorrow()
      await other.createSession({ sessionToken: user.id, userId: user.id, expires })
      expect((await other.getSessionAndUser(user.id))?.session.expires).toEqual(expires)
      await expect(other.createUser({ email: user.email })).rejects.toMatchObject({
        code: 'email_exists',
      })
      await other.close()
      expect((await pool.query('select 1 as one')).rows).toHaveLength(1)
      await pool.end()
    })

    test('a database that cannot be reached is `unavailable`, and is asked again at the next call', async () => {
      const lost = sekishoAdapter({ database: 'postgres://nobody@127.0.0.1:1/nothing' })
      for (const _attempt of [1, 2]) {
        await expect(lost.getUser('x')).rejects.toMatchObject({ code: 'unavailable' })
      }
      await lost.close()
    })
  })

if (databaseKind() === 'pglite')
  describe('on the embedded database', () => {
    async function laidOut(): Promise<string> {
      const dataDir = folder()
      const opened = await openDatabase({ dataDir })
      await migrate(opened)
      await opened.close()
      writeFileSync(join(dataDir, 'secret'), secret)
      return dataDir
    }

    test('a directory that nobody holds is opened, with the secret that lies there', async () => {
      const dataDir = await laidOut()
      const first = sekishoAdapter({ database: { dataDir } })
      const user = await first.createUser({ email: freshEmail() })
      const account = {
        userId: user.id,
        type: 'oidc' as const,
        provider: 'google',
        providerAccountId: '1',
        refresh_token: 'kept',
      }
      await first.linkAccount(account)
      await first.close()
      expect(existsSync(join(dataDir, 'lock'))).toBe(false)

      const second = sekishoAdapter({ database: { dataDir }, secret })
      expect(await second.getAccount('1', 'google')).toStrictEqual(account)
      await second.close()
      expect(readFileSync(join(dataDir, 'secret'), 'utf8')).toBe(secret)
    })

    test('a directory that a server holds is not opened: it says who has it, and what to do', async () => {
      const dataDir = await laidOut()
      const server = await openDatabase({ dataDir })
      const late = sekishoAdapter({ database: { dataDir } })
      await expect(late.getUser('x')).rejects.toThrow(
        new RegExp(`in use by process ${process.pid} since .*room for one process.*Postgres`),
      )
      await server.close()
      expect(await late.getUser('x')).toBeNull()
      await late.close()
    })

    test('a directory without a database is not made into one', async () => {
      const dataDir = folder()
      const lost = sekishoAdapter({ database: { dataDir } })
      await expect(lost.getUser('x')).rejects.toThrow(/no database of Sekisho/)
      await lost.close()
      expect(existsSync(join(dataDir, 'database'))).toBe(false)
    })
  })

test('a database without tables says what to do, and no SQL', async () => {
  const other = sekishoAdapter({ database: (await bareDatabase()).database })
  const error = await other.getUserByEmail('ann@example.com').catch((error: Error) => error)
  expect(error).toBeInstanceOf(Error)
  expect(String(error)).toContain('sekisho migrate')
  expect(String(error)).not.toMatch(/select|relation/)
})

test('an error of the database names no value (N4)', async () => {
  const user = await newUser()
  const error = await adapter.createUser({ email: user.email }).catch((error: Error) => error)
  expect(JSON.stringify(error) + String(error) + String((error as Error).cause)).not.toContain(
    user.email,
  )
})
