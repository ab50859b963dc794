import { readFile } from 'node:fs/promises'

/** What Postgres' control file says: where to begin after a crash, and whether there was none. */
export interface ControlFile {
  systemId: bigint
  version: number
  wasShutDown: boolean
  checkpoint: bigint
  redo: bigint
  timeline: number
}

/** The version of the control file that Postgres 18 writes. */
export const controlVersion = 1800

const sizeOnDisk = 8192

/** Null where it is not whole: too short, or its checksum does not fit. */
export async function readControlFile(database: string): Promise<ControlFile | null> {
  const bytes = await readFile(`${database}/global/pg_control`).catch(() => null)
  if (bytes === null || bytes.length !== sizeOnDisk) return null
  const end = checkedLength(bytes)
  if (end === null) return null
  return {
    systemId: bytes.readBigUInt64LE(0),
    version: bytes.readUInt32LE(8),
    wasShutDown: bytes.readUInt32LE(16) === 1,
    checkpoint: bytes.readBigUInt64LE(32),
    redo: bytes.readBigUInt64LE(40),
    timeline: bytes.readUInt32LE(48),
  }
}

/** The checksum stands behind what it covers, and where that is depends on Postgres' version. */
function checkedLength(bytes: Buffer): number | null {
  let crc = 0xffffffff
  for (let at = 0; at < 512; at++) {
    if (at >= 128 && at % 4 === 0 && bytes.readUInt32LE(at) === ~crc >>> 0) return at
    crc = (table[(crc ^ (bytes[at] ?? 0)) & 0xff] ?? 0) ^ (crc >>> 8)
  }
  return null
}

/** CRC-32C (Castagnoli). */
const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  return crc
})

export const segmentSize = 16 * 1024 * 1024

export function segmentName({ timeline }: ControlFile, position: bigint): string {
  const number = position / BigInt(segmentSize)
  const parts = [BigInt(timeline), number >> 8n, number & 0xffn]
  return parts.map((part) => part.toString(16).toUpperCase().padStart(8, '0')).join('')
}
