import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const clean = 'export const stone = 1\n'

/** What must not be written, where, and which rule says so. */
const broken: { file: string; source: string; rule: string }[] = [
  faulty('src/faces/gotrue/a.ts', importing('../oidc/index.ts'), 'noRestrictedImports'),
  faulty('src/faces/gotrue/b.ts', importing('kysely'), 'noRestrictedImports'),
  faulty('src/faces/gotrue/c.ts', importing('../../db/open.ts'), 'noRestrictedImports'),
  faulty('src/flows/a.ts', importing('../faces/gotrue/index.ts'), 'noRestrictedImports'),
  faulty('src/flows/b.ts', importing('kysely'), 'noRestrictedImports'),
  faulty('src/flows/c.ts', importing('hono'), 'noRestrictedImports'),
  faulty('src/model/a.ts', importing('../flows/sign-in.ts'), 'noRestrictedImports'),
  faulty('src/model/b.ts', importing('../connectors/index.ts'), 'noRestrictedImports'),
  faulty('src/model/c.ts', importing('../db/open.ts'), 'noRestrictedImports'),
  faulty('src/connectors/a.ts', importing('../model/user.ts'), 'noRestrictedImports'),
  faulty('src/words/a.ts', importing('../base/time.ts'), 'noRestrictedImports'),
  faulty('src/base/a.ts', importing('../model/user.ts'), 'noRestrictedImports'),
  faulty('src/db/a.ts', importing('../base/fault.ts'), 'noRestrictedImports'),
  faulty('authjs/a.ts', importing('../src/faces/oidc/index.ts'), 'noRestrictedImports'),
  faulty(
    'src/model/d.ts',
    "import { two } from './e.ts'\nexport const one = two\n",
    'noImportCycles',
  ),
  faulty('src/model/f.ts', 'export const at = Date.now()\n', 'plugin'),
  faulty('src/model/g.ts', 'export const at = new Date()\n', 'plugin'),
  faulty('src/model/h.ts', 'export const luck = Math.random()\n', 'plugin'),
  faulty(
    'src/flows/i.ts',
    "export const answer = fetch('https://example.com')\n",
    'noRestrictedGlobals',
  ),
  faulty('src/flows/j.ts', 'export const port = process.env.PORT\n', 'noRestrictedGlobals'),
  faulty(
    'src/flows/k.ts',
    'async function tell() {}\nexport function end() {\n  tell()\n}\n',
    'noFloatingPromises',
  ),
]

/** What the floors allow: the rules must not be so strict that nobody can work. */
const sound: Record<string, string> = {
  'src/faces/gotrue/index.ts': importing('../../flows/sign-in.ts'),
  'src/faces/oidc/index.ts': importing('../../model/user.ts'),
  'src/flows/sign-in.ts': importing('../model/user.ts'),
  'src/model/user.ts': importing('kysely'),
  'src/model/z.ts': importing('../db/tables.ts'),
  'src/model/e.ts': "import { one } from './d.ts'\nexport const two = one\n",
  'src/connectors/index.ts': importing('../base/time.ts'),
  'src/base/fault.ts': clean,
  'src/base/time.ts': 'export const stone = new Date(0)\n',
  'src/db/tables.ts': clean,
  'src/faces/authjs/adapter.ts': importing('../../model/user.ts'),
  'authjs/index.ts': importing('../src/faces/authjs/adapter.ts'),
  'src/db/open.ts': clean,
}

function faulty(file: string, source: string, rule: string) {
  return { file, source, rule }
}

function importing(path: string): string {
  return `import * as stone from '${path}'\n\nexport const wall = stone\n`
}

let house: string
let diagnostics: { category: string; file: string }[]

beforeAll(() => {
  house = mkdtempSync(join(tmpdir(), 'floors-'))
  cpSync(join(root, 'biome.json'), join(house, 'biome.json'))
  cpSync(join(root, 'scripts/lint'), join(house, 'scripts/lint'), { recursive: true })
  for (const [file, source] of [
    ...Object.entries(sound),
    ...broken.map(({ file, source }) => [file, source] as const),
  ]) {
    mkdirSync(dirname(join(house, file)), { recursive: true })
    writeFileSync(join(house, file), source)
  }
  diagnostics = lint(house)
})

afterAll(() => rmSync(house, { recursive: true, force: true }))

function lint(directory: string): { category: string; file: string }[] {
  const biome = join(root, 'node_modules/.bin/biome')
  const args = [
    'lint',
    '--vcs-enabled=false',
    '--reporter=json',
    '--max-diagnostics=none',
    directory,
  ]
  const printed = (() => {
    try {
      return execFileSync(biome, args, {
        cwd: directory,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      })
    } catch (error) {
      return (error as { stdout: string }).stdout
    }
  })()
  const report = JSON.parse(printed) as {
    diagnostics: { category: string; location: { path: string | { file: string } } }[]
  }
  return report.diagnostics.map(({ category, location }) => ({
    category,
    file: typeof location.path === 'string' ? location.path : location.path.file,
  }))
}

test.each(broken)('$file breaks a floor, and $rule says so', ({ file, rule }) => {
  const said = diagnostics.filter((diagnostic) => diagnostic.file.endsWith(file))
  expect(said.map(({ category }) => category.split('/').at(-1))).toContain(rule)
})

test('what the floors allow is not refused', () => {
  const said = diagnostics.filter(({ file }) =>
    Object.keys(sound).some((name) => file.endsWith(name) && name !== 'src/model/e.ts'),
  )
  expect(said).toEqual([])
})

test('the house itself keeps its floors', () => {
  const biome = join(root, 'node_modules/.bin/biome')
  expect(() =>
    execFileSync(biome, ['lint', '--error-on-warnings', 'src', 'authjs'], {
      cwd: root,
      stdio: 'pipe',
    }),
  ).not.toThrow()
})
