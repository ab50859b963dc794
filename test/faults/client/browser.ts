import { formsOf, type Page } from '../../walks/visitor.ts'
import type { Chance } from './chance.ts'
import type { Person } from './people.ts'
import type { World } from './world.ts'

/** A browser behind the balancer: each of its requests may meet another node. */
export interface Tab {
  open(path: string): Promise<Page>
  /** Fills in the form whose action holds `action`, and sends it. */
  submit(page: Page, fields: Record<string, string>, action: string): Promise<Page>
  /** As a request's header. */
  cookie(): string
}

/** A page did not come, or was another one than was expected. */
export class Lost extends Error {
  readonly status: number | null
  readonly retryAfter: boolean
  readonly code: string | null

  constructor(told: { status: number | null; code: string | null; retryAfter: boolean }) {
    super(`The page was ${told.status ?? told.code}.`)
    this.status = told.status
    this.code = told.code
    this.retryAfter = told.retryAfter
  }
}

const mostHops = 12

export function openTab(world: World, chance: Chance, person: Person, leaves: string): Tab {
  const jar = new Map<string, string>()
  const cookie = () => [...jar].map(([name, value]) => `${name}=${value}`).join('; ')

  async function go(method: string, path: string, form: URLSearchParams | null): Promise<Page> {
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
        throw new Lost({ status: null, code, retryAfter: false })
      }
      const { status, header, text } = reply
      for (const line of reply.cookies) keep(jar, line)
      const retryAfter = header('retry-after') !== null
      if (status >= 400) throw new Lost({ status, code: null, retryAfter })
      const location = header('location')
      if (location === null) {
        return { url: `http://browser${at}`, status, headers: new Headers(), body: text, trail: [] }
      }
      if (location.startsWith(leaves)) {
        return { url: location, status, headers: new Headers(), body: '', trail: [] }
      }
      const target = new URL(location, `http://browser${at}`)
      at = target.pathname + target.search
      ;[how, body] = ['GET', null]
    }
    throw new Lost({ status: null, code: 'reset', retryAfter: false })
  }

  return {
    cookie,
    open: (path) => go('GET', path, null),
    submit(page, fields, action) {
      const form = formsOf(page).find((one) => one.action.includes(action))
      if (form === undefined) throw new Lost({ status: page.status, code: null, retryAfter: true })
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
