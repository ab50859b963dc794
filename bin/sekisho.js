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

const { enableCompileCache } = await import('node:module')
const { fileURLToPath } = await import('node:url')
// As src/cli.ts does, and before it is read: then the stripping of types, which takes as much memory as all sources, is
// not loaded at all.
enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/sekisho', import.meta.url)))

await import('../src/cli.ts')
