// A person with a browser that has no scripts: cookies, redirects, links and forms, and nothing else.

export interface Page {
  url: string
  status: number
  headers: Headers
  body: string
  /** Where this page came from, each redirect's target in order. */
  trail: string[]
}

interface Cookie {
  name: string
  value: string
  host: string
  path: string
}

export interface Visitor {
  open(url: string): Promise<Page>
  /** Fills in the only form (or the one whose action holds `action`) and sends it. */
  submit(page: Page, fields: Record<string, string>, action?: string): Promise<Page>
  cookies(): readonly Cookie[]
}

/** `stopAt` keeps the visitor from following a redirect to where no server listens. */
export function visitor({ stopAt }: { stopAt?: (url: string) => boolean } = {}): Visitor {
  const jar: Cookie[] = []

  async function go(method: string, url: string, form: URLSearchParams | null): Promise<Page> {
    const trail: string[] = []
    let [at, how, body] = [url, method, form]
    for (let hops = 0; hops < 20; hops += 1) {
      const answer = await fetch(at, {
        method: how,
        redirect: 'manual',
        headers: {
          accept: 'text/html,application/xhtml+xml',
          'accept-language': 'en',
          cookie: cookiesFor(jar, at),
          ...(body ? { origin: new URL(at).origin } : {}),
        },
        ...(body ? { body } : {}),
      })
      keepCookies(jar, at, answer.headers.getSetCookie())
      const location = answer.headers.get('location')
      if (location === null || answer.status < 300 || answer.status > 399) {
        return {
          url: at,
          status: answer.status,
          headers: answer.headers,
          body: await answer.text(),
          trail,
        }
      }
      await answer.body?.cancel()
      at = new URL(location, at).href
      trail.push(at)
      if (stopAt?.(at))
        return { url: at, status: answer.status, headers: answer.headers, body: '', trail }
      // RFC 9110 § 15.4: 307 and 308 keep method and body; the others become a GET, as in browsers.
      if (answer.status !== 307 && answer.status !== 308) [how, body] = ['GET', null]
    }
    throw new Error(`Twenty redirects from ${url}: ${trail.join(' → ')}`)
  }

  return {
    open: (url) => go('GET', url, null),
    submit(page, fields, action) {
      const form = findForm(page, action)
      const values = new URLSearchParams(form.preset)
      for (const [name, value] of Object.entries(fields)) {
        if (!form.names.has(name)) {
          throw new Error(
            `No field ${name} at ${page.url}, only ${[...form.names].join(', ')}.\n${page.body}`,
          )
        }
        values.set(name, value)
      }
      const target = new URL(form.action || page.url, page.url)
      if (form.method === 'post') return go('POST', target.href, values)
      target.search = values.toString()
      return go('GET', target.href, null)
    },
    cookies: () => jar,
  }
}

interface Form {
  action: string
  method: string
  preset: Record<string, string>
  names: Set<string>
}

/** The forms of a page, read as our own and Auth.js' pages write them. */
export function formsOf(page: Page): Form[] {
  return [...page.body.matchAll(/<form\b([^>]*)>([\s\S]*?)<\/form>/gi)].map(
    ([, head = '', inner = '']) => {
      const names = new Set<string>()
      const preset: Record<string, string> = {}
      for (const [tag] of inner.matchAll(/<(?:input|button|select|textarea)\b[^>]*>/gi)) {
        const name = attribute(tag, 'name')
        if (name === null) continue
        names.add(name)
        const type = attribute(tag, 'type') ?? 'text'
        if (/^<input/i.test(tag) && !/^(?:checkbox|radio|submit)$/.test(type)) {
          preset[name] = attribute(tag, 'value') ?? ''
        }
      }
      return {
        action: attribute(head, 'action') ?? '',
        method: (attribute(head, 'method') ?? 'get').toLowerCase(),
        preset,
        names,
      }
    },
  )
}

function findForm(page: Page, action: string | undefined): Form {
  const forms = formsOf(page).filter((form) => action === undefined || form.action.includes(action))
  const [form] = forms
  if (!form)
    throw new Error(
      `No form${action ? ` for ${action}` : ''} at ${page.url} (${page.status}).\n${page.body}`,
    )
  return form
}

function attribute(tag: string, name: string): string | null {
  const match = new RegExp(`\\s${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)'|([^\\s"'>]+))`, 'i').exec(
    ` ${tag}`,
  )
  return match ? unescaped(match[1] ?? match[2] ?? match[3] ?? '') : null
}

/** Text as it stood before it was escaped for html. */
export function unescaped(text: string): string {
  return text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll(/&#0*39;|&#x27;/g, "'")
    .replaceAll(/&#0*47;|&#x2F;/gi, '/')
    .replaceAll('&amp;', '&')
}

// Ports do not part cookies (RFC 6265 § 8.5): everything on localhost shares one jar, as in a browser.
function cookiesFor(jar: Cookie[], url: string): string {
  const { hostname, pathname } = new URL(url)
  return jar
    .filter(
      ({ host, path }) =>
        host === hostname &&
        (pathname === path || pathname.startsWith(path.endsWith('/') ? path : `${path}/`)),
    )
    .map(({ name, value }) => `${name}=${value}`)
    .join('; ')
}

function keepCookies(jar: Cookie[], url: string, lines: string[]): void {
  const { hostname, pathname } = new URL(url)
  for (const line of lines) {
    const [pair = '', ...attributes] = line.split(';').map((part) => part.trim())
    const at = pair.indexOf('=')
    const told = new Map(
      attributes.map((part) => {
        const [key = '', ...rest] = part.split('=')
        return [key.toLowerCase(), rest.join('=')]
      }),
    )
    const path = told.get('path') || pathname.replace(/\/[^/]*$/, '') || '/'
    const cookie = { name: pair.slice(0, at), value: pair.slice(at + 1), host: hostname, path }
    const old = jar.findIndex(
      (one) => one.name === cookie.name && one.host === hostname && one.path === path,
    )
    if (old >= 0) jar.splice(old, 1)
    const expires = told.get('expires')
    const gone =
      Number(told.get('max-age') ?? 1) <= 0 ||
      (expires !== undefined && Date.parse(expires) <= Date.now())
    if (!gone) jar.push(cookie)
  }
}
