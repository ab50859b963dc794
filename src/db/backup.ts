import { createHash, randomBytes } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Readable, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { StringDecoder } from 'node:string_decoder'
import { createGunzip, createGzip } from 'node:zlib'
import type { Part } from './transfer.ts'
import { refused } from './transfer-in.ts'

// A backup is lines of JSON, packed by gzip: objects say what comes, arrays are rows of the table that was said last.

const format = 'sekisho backup'
const version = 1

export interface Written {
  tables: number
  rows: number
}

/** Whole and on the disk under its name, or not there. */
export async function writeBackup(path: string, parts: AsyncIterable<Part>): Promise<Written> {
  const aside = `${path}.${randomBytes(4).toString('hex')}`
  try {
    const written = await packInto(createWriteStream(aside, { mode: 0o600, flags: 'wx' }), parts)
    await sync(aside)
    await rename(aside, path)
    await sync(dirname(path)).catch(() => {})
    return written
  } catch (error) {
    await rm(aside, { force: true })
    throw error
  }
}

export async function packInto(to: Writable, parts: AsyncIterable<Part>): Promise<Written> {
  const written: Written = { tables: 0, rows: 0 }
  await pipeline(Readable.from(lines(parts, written)), createGzip(), to)
  return written
}

async function sync(path: string): Promise<void> {
  const file = await open(path, 'r')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

async function* lines(parts: AsyncIterable<Part>, written: Written): AsyncGenerator<string> {
  for await (const part of parts) {
    if (part.kind === 'rows') {
      yield `${part.lines.join('\n')}\n`
      continue
    }
    if (part.kind === 'rows-end') {
      written.tables += part.rows > 0 ? 1 : 0
      written.rows += part.rows
    }
    yield `${JSON.stringify(part.kind === 'head' ? { format, version, ...part } : part)}\n`
  }
}

/** What a file holds; `TransferRefused` where it is no backup, or not a whole one. */
export async function* readBackup(path: string): AsyncGenerator<Part> {
  let table = ''
  let tables: string[] = []
  let rows: string[] = []
  let isFirst = true
  try {
    for await (const text of textLines(path)) {
      if (text.startsWith('[')) {
        rows.push(text)
        if (rows.length < 200) continue
        yield { kind: 'rows', table, lines: rows }
        rows = []
        continue
      }
      if (rows.length > 0) yield { kind: 'rows', table, lines: rows }
      rows = []
      const part = partOf(text)
      if (isFirst !== (part.kind === 'head')) throw refused('It does not begin as a backup does')
      isFirst = false
      if (part.kind === 'head') tables = part.tables.map(({ name }) => name)
      if (part.kind === 'rows-end' && tables.shift() !== part.table) {
        throw refused('Its tables are out of order')
      }
      table = tables[0] ?? ''
      yield part
    }
  } catch (error) {
    if (error instanceof Error && 'code' in error && /^Z_|^ERR_ZLIB/.test(String(error.code))) {
      throw refused(`${path} is no backup, or it is cut off or altered`, { cause: error })
    }
    throw error
  }
}

async function* textLines(path: string): AsyncGenerator<string> {
  const file = createReadStream(path)
  const unpacked = createGunzip()
  file.once('error', (error) => unpacked.destroy(error))
  const decoder = new StringDecoder('utf8')
  let rest = ''
  try {
    for await (const chunk of file.pipe(unpacked)) {
      const parts = (rest + decoder.write(chunk)).split('\n')
      rest = parts.pop() ?? ''
      yield* parts
    }
    if (rest !== '') yield rest
  } finally {
    file.destroy()
  }
}

function partOf(text: string): Part {
  let part: (Part & { format?: string; version?: number }) | null = null
  try {
    part = JSON.parse(text)
  } catch {
    throw refused('It is no backup of Sekisho')
  }
  if (part?.kind === 'head') {
    if (part.format !== format) throw refused('It is no backup of Sekisho')
    if (part.version !== version) throw refused(`It is a backup of another kind (${part.version})`)
  }
  if (part === null || !kinds.includes(part.kind)) throw refused('It is no backup of Sekisho')
  return part
}

const kinds: readonly string[] = ['head', 'rows-end', 'sequence', 'end'] satisfies Part['kind'][]

/** Reads a backup to its end, and adds up what the database that it came from had added up. */
export async function verifyBackup(path: string): Promise<Written> {
  const found: Written = { tables: 0, rows: 0 }
  let rows = 0
  let sum = 0n
  let isWhole = false
  for await (const part of readBackup(path)) {
    if (part.kind === 'rows') {
      rows += part.lines.length
      for (const line of part.lines) sum += shareOf(line)
    }
    if (part.kind === 'rows-end') {
      if (part.rows !== rows || part.sum !== String(sum)) {
        throw refused(
          `${path} is altered: the rows of ${part.table} are not those that were written`,
        )
      }
      found.tables += rows > 0 ? 1 : 0
      found.rows += rows
      rows = 0
      sum = 0n
    }
    isWhole = part.kind === 'end'
  }
  if (!isWhole) throw refused(`${path} is cut off: its end is missing`)
  return found
}

/** As `lineSum` has it. */
function shareOf(line: string): bigint {
  const hash = createHash('sha256').update(line).digest('hex')
  return BigInt(`0x${hash.slice(0, 14)}`)
}
