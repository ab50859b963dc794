// A site that renders on its own server, as Next.js does: the session is in cookies, and any request may refresh it.
// `npm run site` starts it.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'
import { createServerClient, parseCookieHeader, serializeCookieHeader } from '@supabase/ssr'

/** @param {{ url: string, anonKey: string, home: string }} project `home` is where the site is reached. */
export function createSite({ url, anonKey, home }) {
  const callback = `${home}/auth/callback`

  const pages = {
    // Who asks the server, and not the cookie, knows who is signed in.
    'GET /': (auth) => auth.getUser(),
    'POST /sign-up': (auth, input) =>
      auth.signUp({ ...input, options: { emailRedirectTo: callback } }),
    'POST /sign-in': (auth, input) => auth.signInWithPassword(input),
    'POST /magic-link': (auth, input) =>
      auth.signInWithOtp({ ...input, options: { emailRedirectTo: callback } }),
    'POST /anonymous': (auth) => auth.signInAnonymously(),
    'POST /account': (auth, input) => auth.updateUser(input, { emailRedirectTo: callback }),
    'POST /sign-out': (auth) => auth.signOut(),
    'POST /provider': (auth, { provider }) =>
      auth.signInWithOAuth({ provider, options: { redirectTo: callback } }),
    // The way back from a provider and from most mails. The verifier is in the browser that began.
    'GET /auth/callback': (auth, { code }) => auth.exchangeCodeForSession(code),
    // For mails whose template links here with the token's hash: they may be opened in any browser.
    'GET /auth/confirm': (auth, { token_hash, type }) => auth.verifyOtp({ token_hash, type }),
  }

  const files = {
    '/passkeys': () => [
      'text/html',
      read('./passkeys.html').replace('{{project}}', JSON.stringify({ url, anonKey })),
    ],
    '/supabase.js': () => [
      'text/javascript',
      read('./node_modules/@supabase/supabase-js/dist/umd/supabase.js'),
    ],
  }

  /** @param {Request} request */
  return async function respond(request) {
    const { pathname, searchParams } = new URL(request.url)
    const file = files[pathname]
    if (file && request.method === 'GET') {
      const [type, text] = file()
      return new Response(text, { headers: { 'content-type': `${type}; charset=utf-8` } })
    }
    const page = pages[`${request.method} ${pathname}`]
    if (!page) return Response.json({ error: 'There is nothing here.' }, { status: 404 })
    const headers = new Headers()
    const { auth } = createServerClient(url, anonKey, { cookies: cookiesOf(request, headers) })
    const input =
      request.method === 'GET' ? Object.fromEntries(searchParams) : await bodyOf(request)
    const { data, error } = await page(auth, input)
    const code = error ? { code: error.code ?? error.name, message: error.message } : null
    return Response.json({ data, error: code }, { status: error ? 401 : 200, headers })
  }
}

/** The cookies of the request, and those of the answer. */
function cookiesOf(request, headers) {
  return {
    getAll: () => parseCookieHeader(request.headers.get('cookie') ?? ''),
    setAll(cookies, others) {
      for (const { name, value, options } of cookies) {
        headers.append('set-cookie', serializeCookieHeader(name, value, options))
      }
      // An answer with somebody's session must not be kept by a cache.
      for (const [name, value] of Object.entries(others)) headers.set(name, value)
    },
  }
}

async function bodyOf(request) {
  const text = await request.text()
  return text === '' ? {} : JSON.parse(text)
}

function read(file) {
  return readFileSync(new URL(file, import.meta.url), 'utf8')
}

/** Puts the site on a port of this machine. */
export function serveSite(respond, port) {
  const server = createServer(async (incoming, outgoing) => {
    const { method, headers } = incoming
    const chunks = []
    for await (const chunk of incoming) chunks.push(chunk)
    const body = chunks.length === 0 ? undefined : Buffer.concat(chunks)
    const address = `http://${headers.host}${incoming.url}`
    const response = await respond(
      new Request(address, { method, headers, ...(body ? { body } : {}) }),
    ).catch((error) => new Response(String(error), { status: 500 }))
    for (const [name, value] of response.headers) {
      if (name !== 'set-cookie') outgoing.setHeader(name, value)
    }
    outgoing.setHeader('set-cookie', response.headers.getSetCookie())
    outgoing.writeHead(response.status).end(await response.text())
  })
  return new Promise((resolve) => {
    server.listen(port, 'localhost', () => resolve(server))
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const anonKey = process.env.SUPABASE_ANON_KEY
  if (!anonKey) throw new Error('Set SUPABASE_ANON_KEY to the anon key that `sekisho dev` prints.')
  const port = Number(process.env.PORT ?? 3000)
  const home = `http://localhost:${port}`
  const url = process.env.SUPABASE_URL ?? 'http://localhost:3001'
  await serveSite(createSite({ url, anonKey, home }), port)
  console.log(home)
}
