/** Packs the data directory that new embedded databases start from: `npm run prepared-database`, after an upgrade of PGlite. */
import { readFile, writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { brotliCompress, constants } from 'node:zlib'
import { PGlite } from '@electric-sql/pglite'

const assets = new URL('../assets/', import.meta.url)
const manifest = new URL('../node_modules/@electric-sql/pglite/package.json', import.meta.url)

const { version } = JSON.parse(await readFile(manifest, 'utf8')) as { version: string }
const engine = await PGlite.create()
const tar = Buffer.from(await (await engine.dumpDataDir('none')).arrayBuffer())
await engine.close()
const packed = await promisify(brotliCompress)(tar, {
  params: {
    [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
    [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
    [constants.BROTLI_PARAM_SIZE_HINT]: tar.length,
  },
})
await writeFile(new URL('database.tar.br', assets), packed)
await writeFile(new URL('database.version', assets), `${version}\n`)
console.log(`PGlite ${version}: ${tar.length} bytes packed into ${packed.length}`)
