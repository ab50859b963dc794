import {
  emptyReport,
  type ImportBatch,
  type ImportReport,
  importKinds,
} from '../flows/import-authjs.ts'
import { whereabouts } from './configuration.ts'
import type { Narrowing } from './import-layout.ts'
import { openSource, type Source } from './import-source.ts'
import { printJson, say, table } from './print.ts'
import { type Reach, reach } from './reach.ts'

export interface ImportOptions extends Narrowing {
  from: string
  name?: string
  dryRun?: boolean
  json?: boolean
  dataDir?: string
}

/** `sekisho import authjs` */
export async function importAuthjs(options: ImportOptions): Promise<void> {
  const source = await openSource(options.from, options)
  try {
    say(`Reading ${whereabouts(options.from)}:`)
    for (const [role, found] of Object.entries(source.layout)) {
      say(`  ${role}: ${found === null ? 'none' : `${found.schema}.${found.name}`}`)
    }
    const { dataDir } = options
    const way: Reach = await reach(dataDir === undefined ? {} : { dataDir })
    try {
      tell(options, source, await importAll(options, source, way))
    } finally {
      await way.close()
    }
  } finally {
    await source.close()
  }
}

export async function importAll(
  { name, dryRun }: ImportOptions,
  source: Source,
  way: Reach,
): Promise<ImportReport> {
  const total = emptyReport()
  const envelope = { source: name ?? source.name, mode: dryRun ? 'dry-run' : 'write' } as const
  const send = async (part: Pick<ImportBatch, 'users' | 'tokens'>) =>
    add(total, await way.call('import.authjs', { ...envelope, ...part }))
  for await (const users of source.users()) {
    for (const part of parts(users)) await send({ users: part })
  }
  for (const part of parts(await source.tokens())) await send({ tokens: part })
  return total
}

/** As many at once as a request to a running server may hold. */
const most = 600_000

function* parts<Item>(items: readonly Item[]): Generator<Item[]> {
  let part: Item[] = []
  let length = 0
  for (const item of items) {
    const own = Buffer.byteLength(JSON.stringify(item))
    if (part.length > 0 && (length + own > most || part.length >= 500)) {
      yield part
      part = []
      length = 0
    }
    part.push(item)
    length += own
  }
  if (part.length > 0) yield part
}

function add(total: ImportReport, report: ImportReport): void {
  for (const kind of importKinds) {
    for (const outcome of ['imported', 'unchanged', 'skipped'] as const) {
      total.counts[kind][outcome] += report.counts[kind][outcome]
    }
  }
  total.mapped.push(...report.mapped)
  total.problems.push(...report.problems)
}

/** The mapping and, with --json, the rest goes to standard output; what people read, to standard error. */
function tell({ json, dryRun }: ImportOptions, { notices }: Source, report: ImportReport): void {
  const { counts, mapped, problems } = report
  if (json) {
    for (const one of mapped) printJson({ kind: 'mapped', ...one })
    for (const one of problems) printJson({ kind: 'problem', ...one })
    printJson({ kind: 'report', dryRun: dryRun === true, ...counts, notices })
    return
  }
  for (const { from, to } of mapped) process.stdout.write(`${from}\t${to}\n`)
  for (const { what, id, reason, provider, owner } of problems) {
    const who = provider === undefined ? '' : `, ${provider}`
    say(`Skipped ${what} (user ${id}${who}): ${reason}${owner === undefined ? '' : ` by ${owner}`}`)
  }
  for (const [what, count] of Object.entries(notices)) {
    say(`Left out: ${count} ${what.replaceAll('_', ' ')}`)
  }
  const rows = importKinds.map((kind) => {
    const { imported, unchanged, skipped } = counts[kind]
    return [words[kind], String(imported), String(unchanged), String(skipped)]
  })
  say(table([['', dryRun ? 'WOULD BE IMPORTED' : 'IMPORTED', 'UNCHANGED', 'SKIPPED'], ...rows]))
  if (mapped.length > 0) {
    say(`${mapped.length} ids are no UUIDs and got one; standard output says which.`)
  }
}

const words: Record<(typeof importKinds)[number], string> = {
  users: 'users',
  accounts: 'accounts',
  sessions: 'sessions',
  authenticators: 'authenticators',
  verificationTokens: 'verification tokens',
}
