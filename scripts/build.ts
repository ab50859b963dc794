/**
 * `npm run build [folder]`: `@sekisho/authjs` as it is published, in `authjs/dist`: a bundle for each entry, the types beside
 * them, and a manifest of its own. Node runs no TypeScript under node_modules. `npm publish ./authjs/dist` does the rest.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, posix, resolve } from 'node:path'
import { build } from 'vite'

const top = join(import.meta.dirname, '..')
const workspace = manifestOf('authjs')
const house = manifestOf('.')
const entries = Object.keys(workspace.exports).map((door) =>
  door === '.' ? 'index' : door.slice(2),
)

const target = resolve(process.argv[2] ?? join(top, 'authjs/dist'))
rmSync(target, { recursive: true, force: true })
mkdirSync(target, { recursive: true })

const wanted = new Set([...(await bundle()), ...types()])
writeFileSync(join(target, 'package.json'), `${JSON.stringify(manifest(), null, 2)}\n`)
cpSync(join(top, 'authjs/README.md'), join(target, 'README.md'))
cpSync(join(top, 'LICENSE'), join(target, 'LICENSE'))
console.log(`${workspace.name} ${workspace.version} is in ${target}`)

/** Writes the code; the packages that it asks for. */
async function bundle(): Promise<string[]> {
  const built = await build({
    configFile: false,
    root: top,
    logLevel: 'error',
    build: {
      outDir: target,
      emptyOutDir: false,
      copyPublicDir: false,
      ssr: true,
      minify: false,
      target: 'es2022',
      rolldownOptions: {
        input: Object.fromEntries(entries.map((name) => [name, join(top, `authjs/${name}.ts`)])),
        external: (id) => !/^[./]|^[A-Z]:/.test(id),
        output: { format: 'es', entryFileNames: '[name].js', chunkFileNames: 'shared/[name].js' },
      },
    },
  })
  if (!('output' in built)) throw new Error('One build has one output.')
  return built.output.flatMap((file) =>
    file.type === 'chunk' ? [...file.imports, ...file.dynamicImports] : [],
  )
}

/** Writes the declarations that the entries lead to, and no other; the packages that they ask for. */
function types(): string[] {
  const all = mkdtempSync(join(tmpdir(), 'sekisho-types-'))
  const compiler = join(top, 'node_modules/typescript/bin/tsc')
  const project = join(top, 'authjs/tsconfig.build.json')
  const made = spawnSync(process.execPath, [compiler, '-p', project, '--outDir', all], {
    stdio: 'inherit',
  })
  if (made.status !== 0) throw new Error('The types do not compile.')
  const packages: string[] = []
  const files = entries.map((name) => `authjs/${name}.d.ts`)
  // A list that grows while it is walked: each file once.
  for (const file of files) {
    const text = readFileSync(join(all, file), 'utf8').replace(
      /((?:from|import\()\s*['"])([^'"]+)(['"])/g,
      (_all, before: string, id: string, after: string) => {
        if (!id.startsWith('.')) packages.push(id)
        else {
          const found = posix.join(posix.dirname(file), id.replace(/\.ts$/, '.d.ts'))
          if (!files.includes(found)) files.push(found)
        }
        return `${before}${id.replace(/\.ts$/, '.js')}${after}`
      },
    )
    const path = join(target, 'types', file)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }
  rmSync(all, { recursive: true, force: true })
  return packages
}

/** The workspace's own names the sources, which its examples link to; this one names what was built. */
function manifest(): object {
  const { name, version, description, license, type, keywords } = workspace
  const optional = {
    // The data directory's form is that of the server's own version.
    '@electric-sql/pglite': versionOf('@electric-sql/pglite'),
    '@auth/core': '>=0.30.0 <1',
    'next-auth': '^4.24.0 || ^5.0.0-beta.0',
  }
  const ids = [...wanted].filter((id) => !/^node:|^shared\/|\.js$/.test(id))
  const packages = [...new Set(ids.map(packageOf))]
  const dependencies = packages.filter((id) => !(id in optional)).sort()
  return {
    name,
    version,
    description,
    license,
    type,
    keywords,
    sideEffects: false,
    engines: { node: '>=22' },
    exports: Object.fromEntries(
      entries.map((name) => [
        name === 'index' ? '.' : `./${name}`,
        { types: `./types/authjs/${name}.d.ts`, default: `./${name}.js` },
      ]),
    ),
    files: ['*.js', 'shared', 'types'],
    dependencies: Object.fromEntries(dependencies.map((id) => [id, versionOf(id)])),
    peerDependencies: optional,
    peerDependenciesMeta: Object.fromEntries(
      Object.keys(optional).map((id) => [id, { optional: true }]),
    ),
  }
}

/** What is asked for may be a part of a package. */
function packageOf(id: string): string {
  return id.split('/', id.startsWith('@') ? 2 : 1).join('/')
}

function versionOf(id: string): string {
  const version = house.dependencies?.[id]
  if (version === undefined) throw new Error(`${id} is no dependency of the server.`)
  return version
}

interface Manifest {
  name: string
  version: string
  description: string
  license: string
  type: string
  keywords: string[]
  exports: Record<string, string>
  dependencies?: Record<string, string>
}

function manifestOf(folder: string): Manifest {
  return JSON.parse(readFileSync(join(top, folder, 'package.json'), 'utf8'))
}
