#!/usr/bin/env node
// Plain JavaScript, so that an old Node can read it and say what is wrong.
const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(
    `Sekisho needs Node 22.18 or newer, and this is ${process.versions.node}. ` +
      'Run it through npm (npm start, npx sekisho): npm install has brought a Node that is new enough.',
  )
  process.exit(1)
}

// Reading the sources lets V8's young generation grow to 32 MB, which it keeps for good; with less it answers as many
// requests. The option is taken at the very start only, so this process becomes another one, under its own id.
const young = '--max-semi-space-size'
const options = [process.env.NODE_OPTIONS ?? '', ...process.execArgv]
if (
  process.argv[2] === 'start' &&
  process.platform !== 'win32' &&
  typeof process.execve === 'function' &&
  !options.some((option) => option.includes(young))
) {
  const rest = [...process.execArgv, ...process.argv.slice(1)]
  process.execve(process.execPath, [process.execPath, `${young}=4`, ...rest], process.env)
}

const { enableCompileCache } = await import('node:module')
const { fileURLToPath } = await import('node:url')
// As src/cli.ts does, and before it is read: then the stripping of types, which takes as much memory as all sources, is
// not loaded at all.
enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/sekisho', import.meta.url)))

await import('../src/cli.ts')
