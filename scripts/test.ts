/**
 * `npm test`: lint, types, and every test, in this order and all of them even when one fails.
 * The last line is `N passed, N failed`. With `CI=true` nothing may be skipped.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

interface Tally {
  passed: number
  failed: number
  skipped: number
}

const isCI = process.env.CI === 'true'

function run(name: string, command: string, args: string[]): boolean {
  console.log(`\n▸ ${name}`)
  return spawnSync(command, args, { stdio: 'inherit' }).status === 0
}

function check(name: string, command: string, args: string[]): Tally {
  const isGood = run(name, command, args)
  return { passed: isGood ? 1 : 0, failed: isGood ? 0 : 1, skipped: 0 }
}

function stories(filters: string[]): Tally {
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-test-'))
  const report = join(folder, 'report.json')
  const isGood = run('tests', 'vitest', [
    'run',
    ...filters,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
  ])
  const tally = read(report)
  rmSync(folder, { recursive: true, force: true })
  // A file that does not load, or an error between the tests, fails no test.
  if (!isGood && tally.failed === 0) return { ...tally, failed: 1 }
  return tally
}

function read(report: string): Tally {
  try {
    const { numPassedTests, numFailedTests, numPendingTests } = JSON.parse(
      readFileSync(report, 'utf8'),
    )
    return { passed: numPassedTests, failed: numFailedTests, skipped: numPendingTests }
  } catch {
    return { passed: 0, failed: 1, skipped: 0 }
  }
}

const filters = process.argv.slice(2)
const tallies = [
  check('lint and format', 'biome', ['ci', '--error-on-warnings']),
  check('types', 'tsc', ['-p', '.']),
  stories(filters),
]
const sum = (key: keyof Tally) => tallies.reduce((total, tally) => total + tally[key], 0)
const skipped = sum('skipped')
if (skipped > 0) console.log(`\n${skipped} skipped: what they need is not on this machine.`)
if (skipped > 0 && isCI) console.log('With CI=true a skipped test counts as failed.')
const failed = sum('failed') + (isCI ? skipped : 0)
console.log(`\n${sum('passed')} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
