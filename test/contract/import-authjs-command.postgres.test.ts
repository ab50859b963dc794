import { expect, test } from 'vitest'
import { sekishoAdapter } from '../../authjs/index.ts'
import { folder, jsonLines, sekisho, serve } from './cli-runner.ts'
import { shapes } from './import-sources.ts'
import { people, slow, sources } from './import-world.ts'

const source = sources()

test(
  'the command takes them into the embedded database, through its server and without',
  async () => {
    const from = await source(shapes['prisma-adapter']!)
    const { ann } = await people(from)
    const cwd = folder()
    const command = ['import', 'authjs', '--from', from.url, '--json']
    const server = await serve(['dev', '--json', '--port', '0'], { cwd })
    const dry = await sekisho([...command, '--dry-run'], { cwd })
    expect(dry.stderr).toContain('sessions: public.Session')
    expect(jsonLines(dry).at(-1)).toMatchObject({
      kind: 'report',
      dryRun: true,
      users: { imported: 3 },
    })
    const ended = await sekisho(command, { cwd })
    expect(ended.code).toBe(0)
    expect(jsonLines(ended).at(-1)).toMatchObject({
      kind: 'report',
      dryRun: false,
      users: { imported: 3 },
      sessions: { imported: 2, skipped: 1 },
    })
    await server.stop()
    const again = await sekisho(['import', 'authjs', '--from', from.url], { cwd })
    expect(again.stdout).toContain(`${ann}\t`)
    expect(again.stderr).toMatch(/users +0 +3 +0/)
    const adapter = sekishoAdapter({ database: { dataDir: `${cwd}/.sekisho` } })
    expect((await adapter.getSessionAndUser('session of Ann'))?.user.email).toBe('ann@example.com')
    await adapter.close()
  },
  slow,
)

test(
  'an address that is none, and a database that does not answer, are said in a sentence',
  async () => {
    const cwd = folder()
    const wrong = await sekisho(['import', 'authjs', '--from', 'mysql://root:hunter2@host/x'], {
      cwd,
    })
    expect(wrong.code).toBe(2)
    const none = await sekisho(
      ['import', 'authjs', '--from', 'postgres://a:hunter2@127.0.0.1:9/x'],
      { cwd },
    )
    expect(none.code).toBe(1)
    expect(wrong.stderr + none.stderr).not.toMatch(/hunter2|\n {4}at /)
  },
  slow,
)
