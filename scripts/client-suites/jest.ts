import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { node } from '../../test/walks/machine.ts'

export interface Tally {
  passed: number
  failed: number
  skipped: number
  failures: string[]
}

interface Report {
  testResults: {
    name: string
    message: string
    assertionResults: { status: string; fullName: string; failureMessages: string[] }[]
  }[]
}

/** Runs the suite of a checkout with the jest that is installed there. */
export async function runJest(folder: string, args: readonly string[]): Promise<Tally> {
  const jest = join(folder, 'node_modules/jest/bin/jest.js')
  if (!existsSync(jest)) throw new Error(`Install the dependencies of ${folder} first`)
  const place = mkdtempSync(join(tmpdir(), 'sekisho-suites-'))
  const report = join(place, 'report.json')
  const always = ['--runInBand', '--forceExit', '--coverage=false', '--json']
  try {
    const child = spawn(node, [jest, ...always, `--outputFile=${report}`, ...args], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let said = ''
    child.stderr.on('data', (chunk) => {
      said = (said + chunk).slice(-4000)
    })
    await once(child, 'close')
    if (!existsSync(report)) throw new Error(`jest made no report:\n${said}`)
    return tallyOf(JSON.parse(readFileSync(report, 'utf8')))
  } finally {
    rmSync(place, { recursive: true, force: true })
  }
}

function tallyOf({ testResults }: Report): Tally {
  const tests = testResults.flatMap((file) =>
    file.assertionResults.map((test) => ({ ...test, file: file.name })),
  )
  // A file that does not load has no tests, and must not count as good.
  const broken = testResults.filter(({ assertionResults }) => assertionResults.length === 0)
  const failed = tests.filter(({ status }) => status === 'failed')
  return {
    passed: tests.filter(({ status }) => status === 'passed').length,
    failed: failed.length + broken.length,
    skipped: tests.filter(({ status }) => status === 'pending' || status === 'todo').length,
    failures: [
      ...failed.map(({ file, fullName, failureMessages }) =>
        [`${file}: ${fullName}`, ...failureMessages].join('\n'),
      ),
      ...broken.map(({ name, message }) => `${name} did not load\n${message}`),
    ],
  }
}
