import { spawnSync } from 'node:child_process'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { runBroken } from '../test/faults/broken.ts'
import { faults } from '../test/faults/faults/index.ts'
import { openLab } from '../test/faults/lab/lab.ts'
import { printHead, printResult, printTable } from '../test/faults/report.ts'
import { type Result, runFault } from '../test/faults/run.ts'

// npm run faults [-- --only=<fault>,… --ops=N --seed=S --tree=<folder> --out=<folder> --broken]; docs/faults.md

const top = join(import.meta.dirname, '..')
const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    ops: { type: 'string', default: '20000' },
    seed: { type: 'string' },
    tree: { type: 'string', default: top },
    out: { type: 'string', default: join(top, 'node_modules/.cache/faults') },
    broken: { type: 'boolean', default: false },
  },
})
const operations = Number(values.ops)
const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed)
const tree = resolve(values.tree)
const folder = resolve(values.out)
const wanted = values.only?.split(',')
const chosen = faults.filter(({ name }) => wanted === undefined || wanted.includes(name))
if (chosen.length === 0 || !Number.isInteger(operations) || !Number.isInteger(seed)) {
  console.error(
    `--only is one of: ${faults.map(({ name }) => name).join(', ')}; --ops and --seed are numbers.`,
  )
  process.exit(2)
}

// What the lab started ends with this process, whichever way that ends (lab/yard.ts).
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))

const asked = spawnSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: top, encoding: 'utf8' })
const commit = asked.status === 0 ? asked.stdout.trim() : 'unknown'
printHead({ seed, commit, operations, folder })
const isGood = values.broken ? await runBroken({ tree, seed, folder }) : await runAll()
process.exit(isGood ? 0 : 1)

async function runAll(): Promise<boolean> {
  const results: Result[] = []
  const left: string[] = []
  let lab = await openLab(tree)
  try {
    for (const fault of chosen) {
      const missing = fault.missing?.(lab) ?? null
      if (missing !== null) {
        left.push(`${fault.name}: ${missing}`)
        continue
      }
      const patienceMs = Math.max(120_000, operations * 12)
      try {
        const result = await runFault(lab, fault, { operations, seed, folder, patienceMs })
        results.push(result)
        printResult(fault, result)
      } catch (error) {
        left.push(`${fault.name}: ${error instanceof Error ? error.stack : error}`)
        console.log(
          `${fault.name}: it went wrong\n  ${error instanceof Error ? error.stack : error}`,
        )
        // Nobody knows what it left behind.
        await lab.close()
        lab = await openLab(tree)
      }
    }
  } finally {
    await lab.close()
  }
  printTable(results)
  for (const one of left) console.log(`not done: ${one}`)
  const acknowledged = results.reduce((sum, one) => sum + one.acknowledged, 0)
  const violations = results.reduce((sum, one) => sum + one.violations.length, 0)
  console.log(
    `${results.length} faults, ${acknowledged} acknowledged operations, ${violations} violations`,
  )
  return violations === 0 && left.length === 0
}
