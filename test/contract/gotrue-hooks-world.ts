import { afterAll, beforeAll, beforeEach } from 'vitest'
import { type HookServer, startHookServer } from '../servers/hooks.ts'
import { type GotrueWorld, gotrueWorld } from './gotrue-world.ts'

export const secret = Buffer.from('a secret that hooks and we share').toString('base64')

/** One server for a file, which begins each test with nothing to say. To be called outside of tests. */
export function withHookServer(): HookServer {
  let server: HookServer | undefined
  beforeAll(async () => {
    server = await startHookServer()
  })
  beforeEach(() => {
    server?.questions.splice(0)
    server?.say({})
  })
  afterAll(() => server?.close())
  const running = () => {
    if (server === undefined) throw new Error('The server runs inside of tests only')
    return server
  }
  return {
    get url() {
      return running().url
    },
    get questions() {
      return running().questions
    },
    last: () => running().last(),
    respond: (answer) => running().respond(answer),
    say: (...answer) => running().say(...answer),
    close: () => running().close(),
  }
}

/** The variables of hooks that are asked at one address. */
export function hooksAt(uri: string, ...names: string[]): Record<string, string> {
  return Object.assign(
    {},
    ...names.map((name) => ({
      [`GOTRUE_HOOK_${name}_ENABLED`]: 'true',
      [`GOTRUE_HOOK_${name}_URI`]: uri,
      ...(uri.startsWith('http') ? { [`GOTRUE_HOOK_${name}_SECRETS`]: `v1,whsec_${secret}` } : {}),
    })),
  )
}

/** A world that reaches the network: only hooks are in it. */
export async function hookedWorld(environment: Record<string, string>): Promise<GotrueWorld> {
  const world = await gotrueWorld(environment)
  Object.assign(world.ctx, { fetch: globalThis.fetch })
  return world
}
