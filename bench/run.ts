/** `npm run bench -- NAME` runs bench/NAME.ts. */
import { existsSync, readdirSync } from 'node:fs'

const name = process.argv[2] ?? ''
const names = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.ts') && !['run.ts', 'measure.ts', 'peers.ts'].includes(file))
  .map((file) => file.replace(/\.ts$/, ''))

if (!names.includes(name) || !existsSync(`${import.meta.dirname}/${name}.ts`)) {
  console.error(`Which benchmark? npm run bench -- ${names.join(' | ')}`)
  process.exitCode = 2
} else {
  const { bench } = await import(`./${name}.ts`)
  await bench()
}
