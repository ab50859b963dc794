import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { tmpdir } from 'node:os'
import { join, resolve, sep } from 'node:path'
import { build } from 'vite'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { withDatabase } from '../database.ts'
import { node, top } from '../walks/machine.ts'
import { runToEnd } from '../walks/process.ts'

const database = withDatabase()

// Far from our own node_modules: what the package does not bring along is not there.
const folder = mkdtempSync(join(tmpdir(), 'sekisho-package-'))
const app = join(folder, 'app')
const installed = join(app, 'node_modules/@sekisho/authjs')
const doors = ['', '/http', '/provider', '/email', '/contract'].map(
  (path) => `@sekisho/authjs${path}`,
)

beforeAll(async () => {
  const dist = join(folder, 'dist')
  mkdirSync(app)
  await runToEnd(node, [join(top, 'scripts/build.ts'), dist], { cwd: top })
  const packed = await runToEnd('npm', ['pack', '--json', '--pack-destination', folder], {
    cwd: dist,
  })
  const [{ filename }] = JSON.parse(packed)
  const { devDependencies } = JSON.parse(readFileSync(join(top, 'package.json'), 'utf8'))
  const beside = ['@types/node', '@auth/core'].map((name) => `${name}@${devDependencies[name]}`)
  writeFileSync(join(app, 'package.json'), '{ "private": true, "type": "module" }')
  await runToEnd(
    'npm',
    [
      ...['install', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts'],
      join(folder, filename),
      ...beside,
    ],
    { cwd: app },
  )
}, 120_000)

afterAll(() => rmSync(folder, { recursive: true, force: true }))

function runInApp(code: string, env: Record<string, string> = {}): Promise<string> {
  return runToEnd(node, ['--input-type=module', '--eval', code], { cwd: app, env })
}

test('every door opens in plain Node, and leads into node_modules', async () => {
  const said = await runInApp(`
    const found = {}
    for (const door of ${JSON.stringify(doors)}) {
      found[import.meta.resolve(door)] = Object.keys(await import(door))
    }
    console.log(JSON.stringify(found))`)
  const found: Record<string, string[]> = JSON.parse(said)
  const base = 'file:.*/app/node_modules/@sekisho/authjs'
  for (const place of Object.keys(found)) expect(place).toMatch(new RegExp(`^${base}/\\w+\\.js$`))
  expect(Object.values(found)).toEqual([
    expect.arrayContaining(['sekishoAdapter', 'ConfigError', 'isFault', 'isAdapterConflict']),
    expect.arrayContaining(['sekishoHttpAdapter', 'isFault', 'isAdapterUnavailable']),
    expect.arrayContaining(['sekisho', 'sekishoV4']),
    ['sekishoEmail'],
    expect.arrayContaining(['adapterContract', 'adapterRules', 'breaches']),
  ])
})

test('the installed adapter keeps a user in Postgres, and its faults are known at both doors', async () => {
  const said = await runInApp(
    `
    import { sekishoAdapter } from '@sekisho/authjs'
    import { isAdapterConflict } from '@sekisho/authjs/http'
    const adapter = sekishoAdapter({ database: process.env.DATABASE_URL })
    const ann = { email: 'ann@example.com', name: 'Ann', emailVerified: null, image: null }
    const { id } = await adapter.createUser(ann)
    const found = await adapter.getUserByEmail('Ann@example.com')
    const again = await adapter.createUser(ann).catch((error) => error)
    await adapter.close()
    console.log(JSON.stringify({ id, found, isConflict: isAdapterConflict(again) }))`,
    { DATABASE_URL: database.url! },
  )
  const { id, found, isConflict } = JSON.parse(said)
  expect(found).toMatchObject({ id, email: 'ann@example.com', name: 'Ann', emailVerified: null })
  expect(isConflict).toBe(true)
  const rows = await database.db.selectFrom('auth.users').select(['id', 'email']).execute()
  expect(rows).toEqual([{ id, email: 'ann@example.com' }])
})

test('who wants the embedded database without its engine is told what to install', async () => {
  mkdirSync(join(app, 'data/database'), { recursive: true })
  const said = await runInApp(`
    import { sekishoAdapter } from '@sekisho/authjs'
    const adapter = sekishoAdapter({ database: { dataDir: 'data' } })
    console.log(String(await adapter.getUser('x').catch((error) => error)))`)
  expect(said).toContain('@electric-sql/pglite')
})

const strict = {
  target: 'es2022',
  lib: ['es2022'],
  module: 'nodenext',
  moduleResolution: 'nodenext',
  types: ['node'],
  strict: true,
  skipLibCheck: false,
  noEmit: true,
}

test.each([
  ['exact optional properties', { exactOptionalPropertyTypes: true }],
  ['loose ones', { exactOptionalPropertyTypes: false }],
  ['a bundler', { module: 'esnext', moduleResolution: 'bundler' }],
])(
  'the types hold for a strict compiler, libraries included: with %s',
  async (name, options) => {
    const config = `tsconfig.${name.replaceAll(' ', '-')}.json`
    writeFileSync(join(app, 'consumer.ts'), consumer)
    writeFileSync(
      join(app, config),
      JSON.stringify({ compilerOptions: { ...strict, ...options }, files: ['consumer.ts'] }),
    )
    expect(await compile(config)).toBe('')
  },
  60_000,
)

test("the types are those of Auth.js' own adapter", async () => {
  writeFileSync(join(app, 'auth.ts'), auth)
  // The libraries of Auth.js' own types are not all installed.
  const compilerOptions = { ...strict, lib: ['es2022', 'dom'], skipLibCheck: true }
  writeFileSync(
    join(app, 'tsconfig.auth.json'),
    JSON.stringify({ compilerOptions, files: ['auth.ts'] }),
  )
  expect(await compile('tsconfig.auth.json')).toBe('')
}, 60_000)

function compile(config: string): Promise<string> {
  const compiler = join(top, 'node_modules/typescript/bin/tsc')
  return runToEnd(node, [compiler, '-p', config], { cwd: app })
}

test('nothing in it leads out of it, but to the packages that it names', () => {
  const { dependencies, peerDependencies, peerDependenciesMeta } = JSON.parse(
    readFileSync(join(installed, 'package.json'), 'utf8'),
  )
  expect(Object.keys(dependencies)).toEqual(['kysely', 'pg'])
  expect(Object.keys(peerDependenciesMeta)).toEqual(Object.keys(peerDependencies))
  const packages = new Set([
    ...Object.keys({ ...dependencies, ...peerDependencies }),
    ...builtinModules.map((name) => `node:${name}`),
  ])
  const files = readdirSync(installed, { recursive: true, encoding: 'utf8' })
  const code = files.filter((file) => /\.(js|ts)$/.test(file))
  expect(code.filter((file) => /test|assets|migrations/.test(file))).toEqual([])
  let seen = 0
  for (const file of code) {
    const path = join(installed, file)
    const text = readFileSync(path, 'utf8')
    expect(text).not.toMatch(/import\.meta|\brequire\(|database\.tar/)
    for (const [, id = ''] of text.matchAll(/(?:from|import|import\()\s*['"]([^'"\n]+)['"]/g)) {
      seen += 1
      const name = id.split('/', id.startsWith('@') ? 2 : 1).join('/')
      if (id.startsWith('node:')) expect(packages, `${file}: ${id}`).toContain(id)
      else if (!id.startsWith('.')) expect(packages, `${file}: ${id}`).toContain(name)
      else expect(resolve(path, '..', id).startsWith(installed + sep), `${file}: ${id}`).toBe(true)
    }
  }
  expect(seen).toBeGreaterThan(20)
})

test('the adapter over HTTP is smaller than 6 kB, as it is installed', async () => {
  const built = await build({
    configFile: false,
    logLevel: 'silent',
    build: {
      write: false,
      minify: true,
      target: 'es2022',
      lib: { entry: join(installed, 'http.js'), formats: ['es'], fileName: 'bundle' },
    },
  })
  const [{ output }] = built as unknown as [{ output: { code: string; imports: string[] }[] }]
  expect(output).toHaveLength(1)
  expect(output[0]?.imports).toEqual([])
  expect(Buffer.byteLength(output[0]?.code ?? '')).toBeLessThan(6000)
  expect(output[0]?.code).toContain('/api/authjs/')
})

test('the server is packed with all that it runs on, and without its tests', async () => {
  const said = await runToEnd('npm', ['pack', '--dry-run', '--json'], { cwd: top })
  const paths: string[] = JSON.parse(said)[0].files.map(({ path }: { path: string }) => path)
  expect(paths).toEqual(
    expect.arrayContaining([
      'bin/sekisho.js',
      'src/cli.ts',
      'src/main.ts',
      'assets/database.tar.br',
      'assets/pages.css',
      'migrations/0001_auth.sql',
      'LICENSE',
    ]),
  )
  const rooms = new Set(paths.map((path) => path.split('/')[0]))
  const files = ['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md']
  expect([...rooms].sort()).toEqual(['assets', 'bin', 'migrations', 'src', ...files].sort())
  expect(paths.filter((path) => path.includes('.test.'))).toEqual([])
})

const consumer = `
import { ConfigError, isFault, type SekishoAdapterOptions, sekishoAdapter } from '@sekisho/authjs'
import { adapterRules, breaches } from '@sekisho/authjs/contract'
import { sekishoEmail } from '@sekisho/authjs/email'
import { isAdapterConflict, sekishoHttpAdapter } from '@sekisho/authjs/http'
import { sekisho, sekishoV4 } from '@sekisho/authjs/provider'

const options: SekishoAdapterOptions = { database: 'postgres://localhost/club', secret: process.env.SECRET }
const adapter = sekishoAdapter(options)
export const user: Promise<{ id: string; email: string } | null> = adapter.getUser('1')
export const expires: Promise<Date | undefined> = adapter.getSessionAndUser('t').then((both) => both?.session.expires)
export const closed: Promise<void> = adapter.close()
export const http = sekishoHttpAdapter({ url: 'https://id.example.com', applicationId: 'a', applicationSecret: 'b' })
export const broken: Promise<{ rule: string; how: string }[]> = breaches(adapter)
export const names: string[] = adapterRules.map((rule) => rule.name)
const app = { issuer: 'https://id.example.com/oidc', clientId: 'club', clientSecret: 'secret' }
export const type: 'oidc' = sekisho(app).type
export const typeV4: 'oauth' = sekishoV4(app).type
export const email = sekishoEmail({ url: 'https://id.example.com', applicationId: 'a', applicationSecret: 'b' })
export function code(error: unknown): string | readonly string[] | undefined {
  if (error instanceof ConfigError) return error.problems
  return isAdapterConflict(error) || isFault(error, 'user_not_found') ? error.code : undefined
}
// @ts-expect-error A number is no database: were the types lost, this would compile.
export const wrong = sekishoAdapter({ database: 42 })
// @ts-expect-error The type of a user is none of them.
export const lost: number = adapter.getUser('1')
`

const auth = `
import type { AuthConfig } from '@auth/core'
import type { Adapter } from '@auth/core/adapters'
import { sekishoAdapter } from '@sekisho/authjs'
import { sekishoEmail } from '@sekisho/authjs/email'
import { sekishoHttpAdapter } from '@sekisho/authjs/http'
import { sekisho } from '@sekisho/authjs/provider'

const app = { url: 'https://id.example.com', applicationId: 'club', applicationSecret: 'secret' }
export const adapter: Required<Adapter> = sekishoAdapter({ database: 'postgres://localhost/club' })
export const http: Required<Adapter> = sekishoHttpAdapter(app)
export const config: AuthConfig = { adapter, providers: [sekisho, sekishoEmail(app)] }
// @ts-expect-error A user without an id is none of Auth.js: if this line compiles, the others prove nothing.
export const wrong: Adapter = { getUser: async () => ({ name: 'Ann' }) }
`
