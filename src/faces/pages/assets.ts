import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { Hono } from 'hono'

interface Asset {
  /** Where a page finds it: the name holds the hash of the content. */
  path: string
  type: string
  bodies: Record<'br' | 'gzip' | 'identity', Uint8Array<ArrayBuffer>>
}

export const stylesheet = load('pages', 'css', 'text/css; charset=utf-8')
export const script = load('pages', 'js', 'text/javascript; charset=utf-8')
export const passkeyScript = load('passkeys', 'js', 'text/javascript; charset=utf-8')
export const handOverScript = load('hand-over', 'js', 'text/javascript; charset=utf-8')

/** Serves the style and the scripts: a changed file has a changed name, so a copy is good for ever. */
export function assets(): Hono {
  const app = new Hono()
  for (const asset of [stylesheet, script, passkeyScript, handOverScript]) {
    app.get(asset.path, (c) => {
      const encoding = accepted(c.req.header('accept-encoding') ?? '')
      c.header('content-type', asset.type)
      c.header('cache-control', 'public, max-age=31536000, immutable')
      c.header('vary', 'accept-encoding')
      c.header('x-content-type-options', 'nosniff')
      if (encoding !== 'identity') c.header('content-encoding', encoding)
      return c.body(asset.bodies[encoding])
    })
  }
  return app
}

function load(name: string, extension: string, type: string): Asset {
  const content = readFileSync(new URL(`../../../assets/${name}.${extension}`, import.meta.url))
  const hash = createHash('sha256').update(content).digest('base64url').slice(0, 10)
  return {
    path: `/assets/${name}.${hash}.${extension}`,
    type,
    bodies: {
      br: new Uint8Array(brotliCompressSync(content)),
      gzip: new Uint8Array(gzipSync(content)),
      identity: new Uint8Array(content),
    },
  }
}

function accepted(header: string): keyof Asset['bodies'] {
  const refused = /;\s*q=0(\.0*)?\s*$/
  const offers = header
    .split(',')
    .filter((offer) => !refused.test(offer))
    .map((offer) => offer.split(';')[0]?.trim().toLowerCase())
  return offers.includes('br') ? 'br' : offers.includes('gzip') ? 'gzip' : 'identity'
}
