import { execFileSync, spawn } from 'node:child_process'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { freePort } from '../setup/free-port.ts'
import { top } from '../walks/machine.ts'
import { until } from '../walks/mail.ts'
import { run } from '../walks/process.ts'
import { folder, jsonLines, sekisho, serve } from './cli-runner.ts'

const slow = 60_000

test(
  'a first start makes all it needs and prints one line of JSON, and nothing else',
  async () => {
    const cwd = folder()
    const port = await freePort()
    const server = await serve(['dev', '--port', String(port), '--json'], { cwd })
    const url = `http://localhost:${port}`
    expect(server.ready).toEqual({
      url,
      anonKey: expect.stringMatching(/^eyJ/),
      serviceRoleKey: expect.stringMatching(/^eyJ/),
      mailboxUrl: `${url}/console/mailbox`,
      setupUrl: `${url}/console`,
      dataDir: join(cwd, '.sekisho'),
      pid: server.pid,
    })
    expect(server.lines).toHaveLength(1)
    expect(claimsOf(server.ready.anonKey)).toMatchObject({ iss: 'sekisho', role: 'anon' })
    expect(claimsOf(server.ready.serviceRoleKey)).toMatchObject({ role: 'service_role' })
    for (const host of ['localhost', '127.0.0.1']) {
      const answer = await fetch(`http://${host}:${port}/readyz`)
      expect(answer.status).toBe(200)
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
    }
    expect(await (await fetch(`${url}/api/dev/messages`)).json()).toEqual([])
    expect((await fetch(`${url}/api/status`)).status).toBe(204)
    const nowhere = await fetch(`${url}/nowhere`)
    expect(nowhere.status).toBe(404)
    expect(await nowhere.json()).toMatchObject({ code: 'not_found' })

    const { code, tookMs } = await server.stop()
    expect(code).toBe(0)
    expect(tookMs).toBeLessThan(5000)
    expect(server.log()).toBe('')
  },
  slow,
)

test(
  'SIGTERM to npm ends the server that npm start runs',
  async () => {
    const cwd = folder()
    const args = ['start', '--silent', '--', '--port', '0', '--json', '--data-dir', cwd]
    const npm = await run('npm', args, { cwd: top, env: {} })
    expect(npm.lines).toHaveLength(1)
    const url = String(npm.ready.url)
    expect((await fetch(`${url}/auth/v1/health`)).status).toBe(200)
    expect((await fetch(`${url}/oidc/.well-known/openid-configuration`)).status).toBe(200)
    const began = performance.now()
    process.kill(npm.pid, 'SIGTERM')
    await until('an end', () => (existsSync(join(cwd, 'lock')) ? undefined : true))
    expect(performance.now() - began).toBeLessThan(5000)
  },
  slow,
)

test(
  'what is in the data directory is for its owner alone, and not for git',
  async () => {
    const cwd = folder()
    const server = await serve(['dev', '--port', '0', '--json', '--data-dir', 'here'], { cwd })
    const modeOf = (name: string) => statSync(join(cwd, 'here', name)).mode & 0o777
    expect(modeOf('')).toBe(0o700)
    expect(modeOf('secret')).toBe(0o600)
    expect(modeOf('server.json')).toBe(0o600)
    expect(readFileSync(join(cwd, 'here/.gitignore'), 'utf8')).toBe('*\n')
    await server.stop()
    expect(existsSync(join(cwd, 'here/server.json'))).toBe(false)
  },
  slow,
)

test(
  'a request that hangs does not hold up the end for long',
  async () => {
    const cwd = folder()
    const server = await serve(['dev', '--port', '0', '--json'], { cwd })
    const { hostname, port } = new URL(String(server.ready.url))
    const socket = connect(Number(port), hostname)
    socket.on('error', () => {})
    await new Promise((resolve) => socket.once('connect', resolve))
    socket.write('POST /api/dev/messages HTTP/1.1\r\nHost: loc')
    await (await fetch(`${server.ready.url}/livez`)).text()
    const { code, tookMs } = await server.stop()
    socket.destroy()
    expect(code).toBe(0)
    expect(tookMs).toBeLessThan(5000)
  },
  slow,
)

test(
  'a second start on the same data directory says which process has it, and since when',
  async () => {
    const cwd = folder()
    const first = await serve(['dev', '--port', '0', '--json'], { cwd })
    const second = await sekisho(['dev', '--port', '0', '--json'], { cwd })
    expect(second.code).toBe(3)
    expect(second.stdout).toBe('')
    expect(second.stderr).toContain(`in use by process ${first.pid} since 20`)
    expect((await fetch(`${first.ready.url}/readyz`)).status).toBe(200)
  },
  slow,
)

test(
  'a taken port is said, with the way out',
  async () => {
    const cwd = folder()
    const port = await freePort()
    const other = createServer().listen(port, '127.0.0.1')
    onTestFinished(() => {
      other.close()
    })
    const ended = await sekisho(['dev', '--port', String(port)], { cwd })
    expect(ended.code).toBe(3)
    expect(ended.stderr).toContain(`Port ${port} is taken`)
    expect(ended.stderr).toContain('--port 0')
    expect(ended.stderr).not.toContain('    at ')
  },
  slow,
)

test(
  'after kill -9 it starts again, with everything that it had acknowledged and the same secret',
  async () => {
    const cwd = folder()
    const first = await serve(['dev', '--port', '0', '--json'], { cwd })
    const made = await sekisho(['user', 'create', '--email', 'ann@example.com', '--json'], { cwd })
    const secret = readFileSync(join(cwd, '.sekisho/secret'), 'utf8')
    await first.kill()
    const second = await serve(['dev', '--port', '0', '--json'], { cwd })
    const found = await sekisho(['user', 'get', 'ann@example.com', '--json'], { cwd })
    expect(jsonLines(found)[0]?.id).toBe(jsonLines(made)[0]?.id)
    expect(found.stderr).toContain(`(process ${second.pid})`)
    expect(readFileSync(join(cwd, '.sekisho/secret'), 'utf8')).toBe(secret)
  },
  slow,
)

test(
  'a key of the first start is good after the second',
  async () => {
    const cwd = folder()
    const first = await serve(['dev', '--port', '0', '--json'], { cwd })
    await first.stop()
    const second = await serve(['dev', '--port', '0', '--json'], { cwd })
    expect(headerOf(second.ready.anonKey)).toEqual(headerOf(first.ready.anonKey))
    expect(second.ready.anonKey).not.toBe('')
  },
  slow,
)

test(
  'commands give the same answers through a running server and without one',
  async () => {
    const cwd = folder()
    const server = await serve(['dev', '--port', '0', '--json'], { cwd })
    const create = [
      'app',
      'create',
      '--name',
      'Shop',
      '--redirect-uri',
      'https://shop.example/back',
    ]
    const made = await sekisho([...create, '--json'], { cwd })
    expect(made.code).toBe(0)
    expect(made.stderr).toContain(`Using the server at http://127.0.0.1:`)
    const [app] = jsonLines(made)
    expect(app).toMatchObject({ name: 'Shop', type: 'Traditional', secret: expect.any(String) })

    const user = [
      'user',
      'create',
      '--email',
      'Bea@Example.com',
      '--name',
      'Bea',
      '--password-stdin',
    ]
    expect((await sekisho(user, { cwd, input: 'a long password\n' })).code).toBe(0)
    const through = await sekisho(['user', 'list', '--json'], { cwd })
    await server.stop()

    const alone = await sekisho(['user', 'list', '--json'], { cwd })
    expect(alone.stderr).toContain('Using the data directory')
    expect(jsonLines(alone)).toEqual(jsonLines(through))
    expect(jsonLines(alone)).toMatchObject([{ primaryEmail: 'bea@example.com', hasPassword: true }])
    const shown = await sekisho(['app', 'get', String(app?.id), '--json'], { cwd })
    expect(jsonLines(shown)).toEqual([app])
    expect((await sekisho(['app', 'delete', String(app?.id)], { cwd })).code).toBe(0)
    expect((await sekisho(['app', 'list', '--json'], { cwd })).stdout).toBe('')
  },
  slow,
)

test(
  'how a command ends says why',
  async () => {
    const cwd = folder()
    await serve(['dev', '--port', '0', '--json'], { cwd })
    const codes = async (...args: string[]) => (await sekisho(args, { cwd })).code
    expect(await codes('user', 'get', 'nobody@example.com')).toBe(4)
    expect(await codes('app', 'delete', 'nothing')).toBe(4)
    expect(await codes('user', 'create', '--email', 'no address')).toBe(2)
    expect(await codes('app', 'create', '--name', 'A', '--redirect-uri', 'not a uri')).toBe(2)
    expect(await codes('app', 'create')).toBe(2)
    expect(await codes('no-such-command')).toBe(2)
    expect(await codes('dev', '--port', '99999')).toBe(2)
    expect(await codes('user', 'create', '--username', 'twice')).toBe(0)
    expect(await codes('user', 'create', '--username', 'Twice')).toBe(1)
  },
  slow,
)

test(
  'a declaration is applied once, and a second time changes nothing',
  async () => {
    const cwd = folder()
    const declared = {
      applications: [
        {
          id: 'bookstore',
          name: 'Bookstore',
          type: 'Traditional',
          secret: 'not-a-guess',
        },
      ],
      users: [{ primaryEmail: 'ann@example.com', password: 'correct horse battery' }],
    }
    writeFileSync(join(cwd, 'declared.json'), JSON.stringify(declared))
    const server = await serve(['dev', '--port', '0', '--json', '--apply', 'declared.json'], {
      cwd,
    })
    expect(server.log()).toMatch(/created +application +Bookstore/)
    const again = await sekisho(['apply', 'declared.json', '--json'], { cwd })
    expect(jsonLines(again).map(({ outcome }) => outcome)).toEqual(['unchanged', 'unchanged'])
    const wrong = await sekisho(['apply', '-'], { cwd, input: '{"aplications":[]}' })
    expect(wrong.code).toBe(2)
    expect(wrong.stderr).toContain('aplications')
  },
  slow,
)

test(
  'a wrong declaration stops the start, and the data directory is free again',
  async () => {
    const cwd = folder()
    writeFileSync(join(cwd, 'wrong.json'), '{"users":[{"nick":"ann"}]}')
    const ended = await sekisho(['dev', '--port', '0', '--apply', 'wrong.json'], { cwd })
    expect(ended.code).toBe(2)
    expect(ended.stderr).toContain('users.0.nick')
    expect(existsSync(join(cwd, '.sekisho/lock'))).toBe(false)
  },
  slow,
)

test(
  'variables without effect are named at the start',
  async () => {
    const cwd = folder()
    const port = await freePort()
    const child = spawn(
      process.execPath,
      [join(top, 'src/cli.ts'), 'dev', '--port', String(port)],
      {
        cwd,
        env: {
          PATH: process.env.PATH ?? '',
          GOTRUE_NO_SUCH_THING: '1',
          GOTRUE_SITE_URL: 'http://localhost:3000',
        },
      },
    )
    onTestFinished(() => {
      child.kill('SIGKILL')
    })
    let said = ''
    await new Promise<void>((resolve) => {
      child.stderr.on('data', (chunk) => {
        said += chunk
        if (said.includes('Without effect')) resolve()
      })
    })
    expect(said).toContain('GOTRUE_NO_SUCH_THING')
    expect(said).not.toContain('GOTRUE_SITE_URL')
    expect(said).toContain(`http://localhost:${port}/console/mailbox`)
  },
  slow,
)

test('help comes at once, and a Node that is too old gets a clear sentence', async () => {
  const cwd = folder()
  const times: number[] = []
  for (let tries = 0; tries < 5; tries += 1) {
    const help = await sekisho(['--help'], { cwd })
    expect(help.stdout).toContain('Usage: sekisho')
    times.push(help.tookMs)
  }
  // 150 ms on an idle machine; tests share theirs with others.
  expect(Math.min(...times)).toBeLessThan(400)

  const source = readFileSync(join(top, 'bin/sekisho.js'), 'utf8')
  const old = `Object.defineProperty(process, 'versions', { value: { node: '20.20.0' } });`
  const script = `${old}${source.slice(source.indexOf('\n'))}`
  expect(() =>
    execFileSync(process.execPath, ['--input-type=module', '-e', script], { stdio: 'pipe' }),
  ).toThrow(/needs Node 22\.18 or newer, and this is 20\.20\.0/)
})

function claimsOf(key: unknown): Record<string, unknown> {
  return JSON.parse(Buffer.from(String(key).split('.')[1] ?? '', 'base64url').toString())
}

function headerOf(key: unknown): Record<string, unknown> {
  return JSON.parse(Buffer.from(String(key).split('.')[0] ?? '', 'base64url').toString())
}
