import { copyFile, readdir, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { createClient } from '@supabase/supabase-js'
import { expect, test } from 'vitest'
import { backUp } from '../../src/cli/backups.ts'
import { listBackups } from '../../src/db/damage.ts'
import { freePort } from '../setup/free-port.ts'
import { folder, jsonLines, sekisho, serve } from './cli-runner.ts'

const slow = 120_000

const client = (url: string, key: unknown) =>
  createClient(url, String(key), { auth: { persistSession: false, autoRefreshToken: false } })

test(
  'a backup is made while the server works, and what was damaged later goes back to it, sessions too',
  async () => {
    const cwd = folder()
    const port = String(await freePort())
    const start = () => serve(['dev', '--port', port, '--json'], { cwd, env: settings })
    const settings = { GOTRUE_MAILER_AUTOCONFIRM: 'true' }
    const server = await start()
    const url = String(server.ready.url)
    const { auth } = client(url, server.ready.anonKey)
    const account = { email: 'ann@example.com', password: 'a long password' }
    const before = await auth.signUp(account)
    expect(before.error).toBeNull()

    // Somebody writes all the time.
    let isOver = false
    let written = 0
    const writer = (async () => {
      while (!isOver) {
        const { error } = await client(url, server.ready.anonKey).auth.signInWithPassword(account)
        expect(error).toBeNull()
        written += 1
      }
    })()
    const atStart = written
    const backup = await sekisho(['db', 'backup', '--json'], { cwd })
    const during = written - atStart
    isOver = true
    await writer
    expect(backup).toMatchObject({ code: 0 })
    expect(during).toBeGreaterThan(0)
    const [made] = jsonLines(backup)
    expect(made).toMatchObject({ file: expect.stringMatching(/\.sekisho\/backups\/2.*\.sekisho$/) })

    const whileRunning = await sekisho(['db', 'restore', String(made?.file)], { cwd })
    expect(whileRunning).toMatchObject({ code: 3 })
    expect(whileRunning.stderr).toContain(`in use by process ${server.pid}`)
    expect(await server.stop()).toMatchObject({ code: 0 })

    const data = join(cwd, '.sekisho')
    await truncate(join(data, 'database/global/pg_control'), 100)
    const refused = await sekisho(['dev', '--port', port, '--json'], { cwd })
    expect(refused).toMatchObject({ code: 3, stdout: '' })
    expect(refused.stderr).toContain('global/pg_control is missing, cut off or altered')
    expect(refused.stderr).not.toContain('    at ')
    const [, command = ''] = /^ {2}sekisho (db restore .*)$/m.exec(refused.stderr) ?? []
    expect(command).toBe(`db restore --data-dir ${data} ${made?.file}`)

    const restored = await sekisho(command.split(' '), { cwd })
    expect(restored).toMatchObject({ code: 0 })
    expect(
      (await readdir(data)).filter((name) => name.startsWith('database.before-')),
    ).toHaveLength(1)

    const again = await start()
    const session = before.data.session
    const { data: refreshed, error } = await client(url, again.ready.anonKey).auth.refreshSession({
      refresh_token: session?.refresh_token ?? '',
    })
    expect(error).toBeNull()
    expect(refreshed.user?.email).toBe('ann@example.com')
    const { data: known } = await client(url, again.ready.anonKey).auth.getUser(
      session?.access_token,
    )
    expect(known.user?.id).toBe(before.data.user?.id)
    await again.kill()

    // After a kill too, nobody needs the server for a backup; and a server's own backups do not pile up.
    for (let day = 1; day <= 5; day++) {
      await copyFile(String(made?.file), join(data, `backups/2020-01-0${day}T00-00-00.sekisho`))
    }
    const problem = await new Promise((resolve) => backUp(data, resolve))
    expect(problem).toBeNull()
    const names = (await listBackups(data)).map((path) => path.slice(-29))
    expect(names).toHaveLength(5)
    expect(names.at(-1)).toContain('2020-01-03')
    expect((await readdir(data)).filter((name) => name.startsWith('copy-'))).toEqual([])
  },
  slow,
)

test(
  'commands that cannot be done say why',
  async () => {
    const cwd = folder()
    const none = await sekisho(['db', 'backup'], { cwd })
    expect(none).toMatchObject({ code: 3 })
    expect(none.stderr).toContain('There is no database in')
    expect(await readdir(cwd)).toEqual([])
    const missing = await sekisho(['db', 'restore', 'nowhere.sekisho'], { cwd })
    expect(missing.code).toBe(2)
    expect(missing.stderr).toContain('nowhere.sekisho')
    const elsewhere = await sekisho(['db', 'copy', '--to', 'mysql://x'], { cwd })
    expect(elsewhere.code).toBe(2)
    expect(await readdir(cwd)).toEqual([])
  },
  slow,
)
