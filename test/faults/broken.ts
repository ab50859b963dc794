import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { invariants } from './checks/facts.ts'
import { copyTree } from './faults/upgrade.ts'
import { type Mistake, mistakes } from './fixtures/broken.ts'
import { openLab } from './lab/lab.ts'
import { type Fault, runFault } from './run.ts'

/** Throws where the text to be replaced is not there exactly once: then the fixture is out of date. */
export function withMistake(text: string, { name, file, replacements }: Mistake): string {
  let changed = text
  for (const { found, by } of replacements) {
    const times = changed.split(found).length - 1
    if (times !== 1)
      throw new Error(`The mistake "${name}" fits ${times} times into ${file}, not once: ${found}`)
    changed = changed.replace(found, () => by)
  }
  return changed
}

const operations = 6000

/** Runs each broken build without any fault, and says which invariant broke. Whether all of them were caught. */
export async function runBroken(options: {
  tree: string
  seed: number
  folder: string
}): Promise<boolean> {
  const { tree, ...rest } = options
  const lab = await openLab(tree)
  let caught = 0
  try {
    for (const mistake of mistakes) {
      const copy = await copyTree(tree, join(lab.yard.folder, `broken-${mistake.name}`))
      const file = join(copy, mistake.file)
      writeFileSync(file, withMistake(readFileSync(file, 'utf8'), mistake))
      const build: Fault = {
        name: `broken-${mistake.name}`,
        what: mistake.what,
        rounds: 1,
        start: () => lab.startNodes({ tree: copy }),
        async disturb() {},
        async after() {
          for (const node of lab.nodes) node.tree = tree
        },
      }
      const result = await runFault(lab, build, { ...rest, operations, patienceMs: 120_000 })
      const of = result.violations.filter(({ invariant }) => invariant === mistake.breaks)
      console.log(`${build.name}: ${build.what}`)
      const [first] = of
      if (first === undefined) {
        console.log(`  NOT caught in ${result.acknowledged} acknowledged operations`)
        continue
      }
      caught += 1
      console.log(
        `  caught: ${first.invariant}, ${invariants[first.invariant]}: ${first.what} (operations ${first.operations.join(', ')}; ${of.length} times in ${result.acknowledged} acknowledged operations)`,
      )
    }
  } finally {
    await lab.close()
  }
  console.log(`\n${caught} of ${mistakes.length} broken builds were caught`)
  return caught === mistakes.length
}
