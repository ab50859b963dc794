import { Hono } from 'hono'
import type { Env } from '../../src/base/http.ts'
import { pages } from '../../src/faces/pages/index.ts'
import type { World } from '../world.ts'

export interface Shown {
  path: string
  status: number
  headers: Headers
  body: string
}

/** Somebody at the hosted pages of a small world, with a browser that keeps cookies and runs no scripts. */
export interface Visitor {
  open(path: string): Promise<Shown>
  /** Fills in the page's form and presses its first button, or the one that wants something. */
  submit(page: Shown, fields: Record<string, string>): Promise<Shown>
  post(path: string, body: string, headers?: Record<string, string>): Promise<Shown>
  cookies: Map<string, string>
}

export function pagesOf({ ctx }: World): Hono<Env> {
  const app = new Hono<Env>()
  app.use(async (c, next) => {
    c.set('ctx', ctx)
    await next()
  })
  app.route('/', pages())
  // Where the OpenID Provider takes over.
  app.get('/oidc/auth/:id', (c) => c.text('back at the app'))
  return app
}

export function visitorOf(world: World, language = 'en'): Visitor {
  const app = pagesOf(world)
  const cookies = new Map<string, string>()

  async function go(path: string, init: RequestInit): Promise<Shown> {
    const headers = new Headers(init.headers)
    headers.set('accept-language', language)
    if (cookies.size > 0) {
      headers.set('cookie', [...cookies].map(([name, value]) => `${name}=${value}`).join('; '))
    }
    const answer = await app.request(`http://localhost:3001${path}`, { ...init, headers })
    for (const cookie of answer.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? []
      cookies.set(name, value)
    }
    const location = answer.headers.get('location')
    if (location !== null) return go(location, { method: 'GET' })
    return { path, status: answer.status, headers: answer.headers, body: await answer.text() }
  }

  const post: Visitor['post'] = (path, body, headers = {}) =>
    go(path, {
      method: 'POST',
      body,
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        origin: 'http://localhost:3001',
        ...headers,
      },
    })

  return {
    cookies,
    post,
    open: (path) => go(path, { method: 'GET' }),
    submit(page, fields) {
      const [, action, content = ''] =
        /<form method="post" action="([^"]+)">(.*?)<\/form>/s.exec(page.body) ?? []
      if (action === undefined) throw new Error(`No form at ${page.path}:\n${page.body}`)
      const hidden = [...content.matchAll(/type="hidden" name="([^"]+)" value="([^"]+)"/g)]
      const form = new URLSearchParams(hidden.map(([, name = '', value = '']) => [name, value]))
      for (const [name, value] of Object.entries(fields)) form.set(name, value)
      return post(action, form.toString())
    },
  }
}

export function titleOf(page: Shown): string {
  return /<h1>([^<]*)<\/h1>/.exec(page.body)?.[1] ?? ''
}

export function problemOf(page: Shown): string | null {
  const text = /role="alert"[^>]*>([^<]*)</.exec(page.body)?.[1]
  return text?.replaceAll('&#39;', "'") ?? null
}
