/**
 * Magic links of Auth.js, sent by the server: its connectors, its words, its log. The link and its token stay the app's own.
 * No import and no Node API: it runs wherever Auth.js does.
 */

export interface SekishoEmailOptions {
  /** The server: `https://id.example.com`. */
  url: string
  /** The application, and its secret; the links must lead to an origin of its redirect URIs. */
  applicationId: string
  applicationSecret: string
  /** Another id needs no change at the server: it is a part of the link. */
  id?: string
  name?: string
  /** For how many seconds a link is good: ten minutes, where Auth.js would say a day. */
  maxAge?: number
  /** The language of the mail; else the browser's (next-auth 5), else the server's. */
  locale?: string
  fetch?: typeof globalThis.fetch
}

export interface SentLink {
  identifier: string
  url: string
  /** next-auth 4 does not say. */
  request?: Request
}

/** The e-mail provider for `@auth/core` and next-auth 4 and 5. */
export function sekishoEmail(options: SekishoEmailOptions) {
  const {
    id = 'email',
    name = 'Email',
    maxAge = 10 * 60,
    applicationId,
    applicationSecret,
  } = options
  if (!URL.canParse(options.url)) {
    throw new TypeError("sekishoEmail: `url` is missing, e.g. 'https://id.example.com'.")
  }
  if (!applicationId || !applicationSecret) {
    throw new TypeError('sekishoEmail: `applicationId` and `applicationSecret` are missing.')
  }
  return {
    id: id as 'email',
    type: 'email' as const,
    name: name as 'Email',
    maxAge,
    // next-auth 4 asks for both, and reads neither where somebody else sends.
    from: '',
    server: '',
    options: {},
    sendVerificationRequest(link: SentLink): Promise<void> {
      const sent = send(options, link)
      // Auth.js starts to listen only after it has hashed the token: an earlier failure would end the process.
      sent.catch(() => {})
      return sent
    },
  }
}

async function send(options: SekishoEmailOptions, link: SentLink): Promise<void> {
  const { applicationId, applicationSecret, fetch = globalThis.fetch } = options
  const locale = options.locale ?? link.request?.headers.get('accept-language') ?? undefined
  const answer = await fetch(new URL('/api/authjs/messages', options.url), {
    method: 'POST',
    headers: {
      authorization: `Basic ${btoa(`${encodeURIComponent(applicationId)}:${encodeURIComponent(applicationSecret)}`)}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ to: link.identifier, url: link.url, locale }),
    signal: AbortSignal.timeout(20_000),
  })
  if (answer.ok) return
  const { code = 'unknown' }: { code?: string } = await answer.json().catch(() => ({}))
  // Neither address nor link: Auth.js logs this.
  throw new Error(`Sekisho did not send the link: ${answer.status} ${code}.`)
}
