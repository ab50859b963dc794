import { constants } from 'node:fs'
import { copyFile, mkdir, readdir, rm } from 'node:fs/promises'
import { readControlFile } from './control-file.ts'
import { damaged } from './damage.ts'

/**
 * Copies the files of an embedded database into another data directory, while a server may be writing them: as after a crash
 * at this moment, the log mends what was copied half. Takes no lock and changes nothing.
 */
export async function copyDirectory(from: string, to: string): Promise<void> {
  for (let attempt = 0; attempt < 10; attempt++) {
    const before = await readControlFile(`${from}/database`)
    await rm(`${to}/database`, { recursive: true, force: true })
    // The log last: it must tell of everything that is in the data.
    await copyTree(`${from}/database`, `${to}/database`, (name) => name !== 'pg_wal')
    await copyTree(`${from}/database/pg_wal`, `${to}/database/pg_wal`, () => true)
    const after = await readControlFile(`${from}/database`)
    const copied = await readControlFile(`${to}/database`)
    // A checkpoint in between may have taken away the log that the copy begins with.
    const isOne =
      before !== null &&
      [after, copied].every(
        (one) => one?.checkpoint === before.checkpoint && one.wasShutDown === before.wasShutDown,
      )
    if (isOne) return
  }
  throw await damaged(from, ['its control file changes faster than it can be copied'])
}

async function copyTree(
  from: string,
  to: string,
  wanted: (name: string) => boolean,
): Promise<void> {
  await mkdir(to, { recursive: true, mode: 0o700 })
  for (const entry of await readdir(from, { withFileTypes: true })) {
    if (!wanted(entry.name) || entry.name.startsWith('postmaster.')) continue
    const [source, target] = [`${from}/${entry.name}`, `${to}/${entry.name}`]
    if (entry.isDirectory()) await copyTree(source, target, () => true)
    else if (entry.isFile()) {
      await copyFile(source, target, constants.COPYFILE_FICLONE).catch((error) => {
        // Deleted meanwhile; the log knows of it.
        if (error.code !== 'ENOENT') throw error
      })
    }
  }
}
