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
await import('../src/cli.ts')
