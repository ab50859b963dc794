import { formsOf, type Page } from '../../walks/visitor.ts'
import type { Chance } from './chance.ts'
import type { Person } from './people.ts'
import type { World } from './world.ts'

/** What a step in a browser leads to: a page, or none where one was expected. */
export type Turn =
  | { kind: 'page'; page: Page }
  | { kind: 'lost'; status: number | null; code: string | null; retryAfter: boolean }

/** A browser behind the balancer: each of its requests may meet another node. */
export interface Tab {
  open(path: string): Promise<Turn>
  /** Fills in the form whose action holds `action`, and sends it. */
  submit(page: Page, fields: Record<string, string>, action: string): Promise<Turn>
  /** As a request's header. */
  cookie(): string
}

const mostHops = 12
const bare = { headers: new Headers(), trail: [] }

export function openTab(world: World, chance: Chance, person: Person, leaves: string): Tab {
  const jar = new Map<string, string>()
  const cookie = () => [...jar].map(([name, value]) => `${name}=${value}`).join('; ')

  async function go(method: string, path: string, form: URLSearchParams | null): Promise<Turn> {
    let [at, how, body] = [path, method, form]
    for (let hops = 0; hops < mostHops; hops += 1) {
      const reply = await world.wire.ask(world.pick(chance), {
        method: how,
        path: at,
        headers: {
          accept: 'text/html',
          'x-forwarded-for': person.address,
          cookie: cookie(),
          ...(body ? { 'content-type': 'application/x-www-form-urlencoded' } : {}),
        },
        body: body?.toString() ?? null,
      })
      if (reply.kind !== 'answer') {
        const code = reply.kind === 'refused' ? reply.kind : reply.why
        return { kind: 'lost', status: null, code, retryAfter: false }
      }
      const { status, header, text } = reply
      for (const line of reply.cookies) keep(jar, line)
      const retryAfter = header('retry-after') !== null
      if (status >= 400) return { kind: 'lost', status, code: null, retryAfter }
      const location = header('location')
      if (location === null) {
        return { kind: 'page', page: { ...bare, url: `http://browser${at}`, status, body: text } }
      }
      if (location.startsWith(leaves)) {
        return { kind: 'page', page: { ...bare, url: location, status, body: '' } }
      }
      const target = new URL(location, `http://browser${at}`)
      at = target.pathname + target.search
      ;[how, body] = ['GET', null]
    }
    return { kind: 'lost', status: null, code: 'reset', retryAfter: false }
  }

  return {
    cookie,
    open: (path) => go('GET', path, null),
    async submit(page, fields, action) {
      const form = formsOf(page).find((one) => one.action.includes(action))
      // Another page than was expected is as bad as none.
      if (form === undefined) {
        return { kind: 'lost', status: null, code: 'no-form', retryAfter: false }
      }
      const target = new URL(form.action, page.url)
      const values = new URLSearchParams({ ...form.preset, ...fields })
      return go('POST', target.pathname + target.search, values)
    },
  }
}

/** All of its cookies are for this one site; what they say beside their value does not matter here. */
function keep(jar: Map<string, string>, line: string): void {
  const [pair = ''] = line.split(';')
  const at = pair.indexOf('=')
  const [name, value] = [pair.slice(0, at), pair.slice(at + 1)]
  if (value === '' || /;\s*max-age=0/i.test(line)) jar.delete(name)
  else jar.set(name, value)
}
