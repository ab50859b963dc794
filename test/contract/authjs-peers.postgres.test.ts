import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { beforeAll, expect, test } from 'vitest'
import { adapterRules, breaches } from '../../authjs/contract.ts'
import { withBareDatabases } from '../database.ts'
import { installedPeers } from '../walks/example.ts'

/** What each is known to break, by rule; a change of theirs or of ours is to be noticed. */
interface Known {
  breaks: Record<string, string[]>
  /** Decided by who comes first, and so different from run to run. */
  luck: string[]
}

type Peers = Record<string, (url: string) => Promise<{ adapter: object; close(): Promise<void> }>>

const names = ['@auth/pg-adapter', '@auth/drizzle-adapter', '@auth/kysely-adapter']
const bareDatabase = withBareDatabases()

let peers: Peers
let known: Known
beforeAll(async () => {
  const folder = await installedPeers()
  peers = (await import(pathToFileURL(join(folder, 'adapters.js')).href)).peers
  known = JSON.parse(readFileSync(join(folder, 'known.json'), 'utf8'))
}, 180_000)

test.each(names)(
  '%s breaks the rules that it is known to break, and no others',
  async (name) => {
    const { url } = await bareDatabase()
    const { adapter, close } = await peers[name]!(url!)
    const broken = await breaches(adapter)
    await close()
    const asked = adapterRules.filter(({ needs }) => needs === undefined).length
    const absent = broken.filter(({ how }) => how.endsWith(' is not a function'))
    const wrong = broken.filter((one) => !absent.includes(one))
    console.log(
      [
        `${name} keeps ${asked - broken.length} of ${asked} rules; ${absent.length} need a method that it has not. It breaks:`,
        ...wrong.map(({ rule, how }) => `  ${rule} — ${how.slice(0, 100)}`),
      ].join('\n'),
    )
    const certain = (rules: string[]) => rules.filter((rule) => !known.luck.includes(rule)).sort()
    expect(certain(broken.map(({ rule }) => rule))).toEqual(certain(known.breaks[name] ?? []))
  },
  60_000,
)
