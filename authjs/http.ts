import { Fault, type FaultCode } from '../src/base/fault.ts'
import { AdapterUnavailable, faultOf } from '../src/faces/authjs/faults.ts'
import type { SekishoAdapter } from '../src/faces/authjs/types.ts'

export { Fault, type FaultCode, isFault } from '../src/base/fault.ts'
export {
  AdapterConflict,
  AdapterUnavailable,
  isAdapterConflict,
  isAdapterUnavailable,
} from '../src/faces/authjs/faults.ts'
export type * from '../src/faces/authjs/types.ts'

export interface SekishoHttpAdapterOptions {
  /** Where the server is: `https://id.example.com`. */
  url: string
  /** An application that was made with `sekisho app create --adapter`, and its secret. */
  applicationId: string
  applicationSecret: string
  /** In milliseconds, for each try: five seconds. */
  timeout?: number | undefined
  fetch?: typeof globalThis.fetch | undefined
}

/**
 * The same adapter over the server's HTTP API, for apps that may not touch the database, and for edge runtimes: it needs
 * `fetch` and nothing of Node. A read is tried up to three times; whatever writes is sent once.
 */
export function sekishoHttpAdapter(options: SekishoHttpAdapterOptions): SekishoAdapter {
  const ask = asking(options)
  const user = (value: Wire) => value && { ...value, emailVerified: dateOf(value.emailVerified) }
  const expiring = (value: Wire) => value && { ...value, expires: dateOf(value.expires) }

  return {
    createUser: async (given) => user(await ask('createUser', given)),
    getUser: async (id) => user(await ask('getUser', { id: textOf(id) })),
    getUserByEmail: async (email) => user(await ask('getUserByEmail', { email: textOf(email) })),
    getUserByAccount: async (account) => user(await ask('getUserByAccount', keyOf(account))),
    updateUser: async (change) => user(await ask('updateUser', change)),
    deleteUser: async (id) => user(await ask('deleteUser', { id: textOf(id) })),
    linkAccount: (account) => ask('linkAccount', account),
    unlinkAccount: async (account) => (await ask('unlinkAccount', keyOf(account))) ?? undefined,
    getAccount: (providerAccountId, provider) =>
      ask('getAccount', keyOf({ provider, providerAccountId })),
    createSession: async (session) => expiring(await ask('createSession', session)),
    async getSessionAndUser(sessionToken) {
      const found = await ask('getSessionAndUser', { sessionToken: textOf(sessionToken) })
      return found && { session: expiring(found.session), user: user(found.user) }
    },
    updateSession: async (change) => expiring(await ask('updateSession', change)),
    deleteSession: async (sessionToken) =>
      expiring(await ask('deleteSession', { sessionToken: textOf(sessionToken) })),
    createVerificationToken: async (token) => expiring(await ask('createVerificationToken', token)),
    useVerificationToken: async ({ identifier, token }) =>
      expiring(await ask('useVerificationToken', { identifier, token: textOf(token) })),
    createAuthenticator: (authenticator) => ask('createAuthenticator', authenticator),
    getAuthenticator: (credentialID) =>
      ask('getAuthenticator', { credentialID: textOf(credentialID) }),
    listAuthenticatorsByUserId: (userId) =>
      ask('listAuthenticatorsByUserId', { userId: textOf(userId) }),
    updateAuthenticatorCounter: (credentialID, counter) =>
      ask('updateAuthenticatorCounter', { credentialID, counter }),
    async listSessions(userId) {
      const all: Wire[] = await ask('listSessions', { userId: textOf(userId) })
      return all.map((one) => ({ ...expiring(one), createdAt: dateOf(one.createdAt) }))
    },
    deleteSessions: (userId, except) => ask('deleteSessions', { userId: textOf(userId), except }),
    listAccounts: (userId) => ask('listAccounts', { userId: textOf(userId) }),
    collectGarbage: () => ask('collectGarbage', {}),
  }
}

// biome-ignore lint/suspicious/noExplicitAny: The server is of the same version, and its answers are tested against the types.
type Wire = any

/** Whatever else is asked for, such as `undefined`, names nothing. */
function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function keyOf(account: { provider: string; providerAccountId: string }) {
  const { provider, providerAccountId } = account
  return { provider: textOf(provider), providerAccountId: textOf(providerAccountId) }
}

function dateOf(value: string | null): Date | null {
  return value === null ? null : new Date(value)
}

/** A date that is none would be sent as `null`, which clears. */
function dated(this: Record<string, unknown>, key: string, value: unknown): unknown {
  const raw = this[key]
  if (Object.prototype.toString.call(raw) === '[object Date]' && Number.isNaN(Number(raw))) {
    throw new Fault('input_invalid', { field: key })
  }
  return value
}

const reads = /^(get|list)/
const pauses = [100, 400]

function asking({
  url,
  applicationId,
  applicationSecret,
  timeout = 5000,
  fetch: send = (...args: Parameters<typeof globalThis.fetch>) => globalThis.fetch(...args),
}: SekishoHttpAdapterOptions) {
  if (!/^https?:\/\//.test(url) || !applicationId || !applicationSecret) {
    throw new TypeError(
      'sekishoHttpAdapter: `url`, `applicationId` and `applicationSecret` are needed.',
    )
  }
  const base = `${url.replace(/\/+$/, '')}/api/authjs/`
  const headers = {
    authorization: `Basic ${btoa(`${encodeURIComponent(applicationId)}:${encodeURIComponent(applicationSecret)}`)}`,
    'content-type': 'application/json',
  }

  return async (method: string, input: object): Promise<Wire> => {
    const body = JSON.stringify(input, dated)
    for (let tries = 0; ; tries += 1) {
      try {
        return await once(method, body)
      } catch (error) {
        const pause = reads.test(method) ? pauses[tries] : undefined
        if (pause === undefined || !(error instanceof AdapterUnavailable)) throw error
        if (error.code !== 'unavailable') throw error
        await new Promise((resolve) => setTimeout(resolve, pause))
      }
    }
  }

  async function once(method: string, body: string): Promise<Wire> {
    let status: number
    let text: string
    try {
      const response = await send(base + method, {
        method: 'POST',
        headers,
        body,
        // The secret goes to this address and to no other; 'error' is not known to every edge.
        redirect: 'manual',
        signal: AbortSignal.timeout(timeout),
        ...uncached(),
      })
      status = response.status
      text = await response.text()
    } catch {
      // The cause may name what was sent; that nobody answered is all there is to know.
      throw new AdapterUnavailable()
    }
    const answer = parsed(text)
    if (status === 200 && answer?.result !== undefined) return answer.result
    if (status === 502 || status === 503 || status === 504) throw new AdapterUnavailable()
    if (status >= 400 && typeof answer?.code === 'string') {
      const { code, field } = answer
      throw faultOf(code as FaultCode, field === undefined ? {} : { field })
    }
    throw new Error(`No server of Sekisho answers at ${base} (status ${status}).`)
  }
}

/** What is no JSON is no answer of ours. */
function parsed(text: string): Wire {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** Next.js may keep what it fetches; some edges know no such option, and refuse it. */
function uncached(): { cache?: 'no-store' } {
  try {
    return new Request('http://localhost', { cache: 'no-store' }) && { cache: 'no-store' }
  } catch {
    return {}
  }
}
