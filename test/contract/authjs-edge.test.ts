import { join } from 'node:path'
import { createContext, Script } from 'node:vm'
import { build } from 'vite'
import { beforeAll, expect, test } from 'vitest'
import type { sekishoHttpAdapter } from '../../authjs/http.ts'
import { top } from '../walks/machine.ts'

interface Bundle {
  code: string
  imports: string[]
}

let bundle: Bundle
beforeAll(async () => {
  bundle = await bundled('authjs/http.ts')
}, 60_000)

async function bundled(file: string): Promise<Bundle> {
  const built = await build({
    configFile: false,
    logLevel: 'silent',
    build: {
      write: false,
      minify: true,
      target: 'es2022',
      lib: { entry: join(top, file), formats: ['cjs'], fileName: 'bundle' },
      rolldownOptions: { external: /^(?![./])/ },
    },
  })
  const [{ output }] = built as unknown as [{ output: [Bundle] }]
  return output[0]
}

test('the adapter over HTTP is smaller than 6 kB, and imports nothing', () => {
  console.log(`@sekisho/authjs/http: ${Buffer.byteLength(bundle.code)} bytes, minified`)
  expect(Buffer.byteLength(bundle.code)).toBeLessThan(6000)
  expect(bundle.imports).toEqual([])
  expect(bundle.code).not.toMatch(/\brequire\(|\bprocess\.|\bBuffer\b|node:/)
})

test('it runs where there is nothing of Node: web globals alone', async () => {
  const asked: { url: string; init: RequestInit }[] = []
  const context = createContext({
    exports: {},
    module: {},
    Request,
    Response,
    AbortSignal,
    btoa,
    setTimeout,
    async fetch(url: string, init: RequestInit) {
      asked.push({ url, init })
      return Response.json({
        result: {
          session: { sessionToken: 't', userId: 'u', expires: '2030-01-02T03:04:05.678Z' },
          user: { id: 'u', email: 'ann@example.com', emailVerified: null, name: null, image: null },
        },
      })
    },
  })
  new Script(bundle.code).runInContext(context)
  const { exports } = context as unknown as {
    exports: { sekishoHttpAdapter: typeof sekishoHttpAdapter }
  }
  const adapter = exports.sekishoHttpAdapter({
    url: 'https://id.example.com/',
    applicationId: 'club',
    applicationSecret: 'a secret: of the club',
  })
  const found = await adapter.getSessionAndUser('t')
  expect(found?.user.emailVerified).toBeNull()
  expect(found?.session.expires.toISOString()).toBe('2030-01-02T03:04:05.678Z')
  expect(asked).toMatchObject([
    {
      url: 'https://id.example.com/api/authjs/getSessionAndUser',
      init: {
        body: '{"sessionToken":"t"}',
        headers: { authorization: `Basic ${btoa('club:a%20secret%3A%20of%20the%20club')}` },
      },
    },
  ])
})

test('an edge that knows no `cache` is asked without it', async () => {
  let seen: RequestInit | undefined
  const context = createContext({
    exports: {},
    module: {},
    Request: class {
      constructor() {
        throw new Error("The 'cache' field is not implemented.")
      }
    },
    AbortSignal,
    btoa,
    setTimeout,
    async fetch(_url: string, init: RequestInit) {
      seen = init
      return Response.json({ result: null })
    },
  })
  new Script(bundle.code).runInContext(context)
  const { exports } = context as unknown as {
    exports: { sekishoHttpAdapter: typeof sekishoHttpAdapter }
  }
  const options = { url: 'https://id.example.com', applicationId: 'a', applicationSecret: 'b' }
  expect(await exports.sekishoHttpAdapter(options).getUser('x')).toBeNull()
  expect(seen).toBeDefined()
  expect(seen).not.toHaveProperty('cache')
})

test('the contract needs no framework, no Node and no other package', async () => {
  const { code, imports } = await bundled('authjs/contract.ts')
  expect(imports).toEqual([])
  const context = createContext({
    exports: {},
    module: {},
    crypto: globalThis.crypto,
    btoa,
    setTimeout,
    clearTimeout,
  })
  new Script(code).runInContext(context)
  const { exports } = context as unknown as {
    exports: Pick<typeof import('../../authjs/contract.ts'), 'adapterRules' | 'breaches'>
  }
  const found = await exports.breaches({})
  // What an adapter has not is what it breaks; the extras do not concern it.
  const asked = exports.adapterRules.filter(({ needs }) => needs === undefined)
  expect(found).toHaveLength(asked.length)
})
