import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { top } from '../../walks/machine.ts'
import { until } from '../lab/yard.ts'
import type { Fault } from '../run.ts'

/** A copy of the server in another folder; packages are those of the original. */
export async function copyTree(from: string, to: string): Promise<string> {
  await mkdir(to, { recursive: true })
  for (const part of ['src', 'assets', 'migrations', 'authjs', 'package.json', 'CHANGELOG.md']) {
    await cp(join(from, part), join(to, part), { recursive: true })
  }
  await symlink(join(top, 'node_modules'), join(to, 'node_modules'))
  return to
}

/** The version with some migrations more than the one before: each is a file, and so a transaction, of its own. */
async function nextVersion(tree: string, folder: string, version: number): Promise<string> {
  const next = await copyTree(tree, join(folder, `version-${version}`))
  const text = await readFile(join(import.meta.dirname, '../fixtures/migrations.sql'), 'utf8')
  const parts = text.split(/^-- next file$/m)
  for (let one = 1; one <= version; one += 1) {
    for (const [at, part] of parts.entries()) {
      const name = `9${one}${String(at).padStart(2, '0')}_of_the_fault_harness.sql`
      await writeFile(join(next, 'migrations', name), part.replaceAll('$version', String(one)))
    }
  }
  return next
}

export const rollingUpgrade: Fault = {
  name: 'upgrade',
  what: 'a rolling restart into a version with migrations that add columns, an index and a table; nodes of both versions answer side by side, and no request fails',
  rounds: 2,
  bounds: { mayFail: 'refused' },
  stray: 0,
  async disturb({ lab, round, inject, heal, hold, isReady }) {
    const tree = await nextVersion(lab.tree, lab.yard.folder, round + 1)
    inject()
    for (const node of lab.nodes) {
      await node.stop()
      await node.start({ tree })
      await until(() => (isReady(node.number) ? true : null), {
        why: () => `Node ${node.number} is not ready in its new version.`,
      })
      await hold(2000)
    }
    heal()
  },
  async after(lab) {
    for (const node of lab.nodes) node.tree = lab.tree
  },
}
