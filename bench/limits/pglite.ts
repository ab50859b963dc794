import { cpSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { outputOf } from '../machine/processes.ts'
import type { Statement } from './record.ts'

/** The recorded statements of requests, said to a copy of the data directory by our driver with nothing around it. */
export interface ReplayOnPGlite {
  source: string
  file: string
}

export interface PGliteRecording {
  name: string
  /** The data directory as it was before the recording; the recording is kept beside it. */
  source: string
  recorded: readonly Statement[][]
}

export async function prepareReplayOnPGlite(
  recording: PGliteRecording,
): Promise<ReplayOnPGlite | null> {
  const { name, source, recorded } = recording
  if (recorded[0]?.length === 0) return null
  const file = `${source}-${name}.json`
  await writeFile(file, JSON.stringify(recorded))
  return { source, file }
}

export async function replayOnPGlite({ source, file }: ReplayOnPGlite): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'sekisho-pglite-'))
  try {
    cpSync(source, directory, { recursive: true })
    const said = await outputOf(['bench/limits/pglite-replay.ts', directory, file])
    return JSON.parse(said).perSecond
  } finally {
    await rm(directory, { recursive: true })
  }
}
