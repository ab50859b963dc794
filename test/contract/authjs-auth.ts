import { Auth, type AuthConfig } from '@auth/core'
import type { Adapter } from '@auth/core/adapters'
import { expect } from 'vitest'

export const home = 'http://localhost:3002'

/** The real Auth.js with a mail provider, as an app has it; what it would send is kept. */
export function authApp(adapter: Adapter) {
  const sent: { to: string; url: string }[] = []
  const errors: unknown[] = []
  const config: AuthConfig = {
    adapter,
    secret: 'the secret of Auth.js itself',
    trustHost: true,
    basePath: '/auth',
    session: { strategy: 'database' },
    logger: { error: (error) => errors.push(error), warn: () => {} },
    providers: [
      {
        id: 'email',
        name: 'E-mail',
        type: 'email',
        from: 'club@example.com',
        maxAge: 600,
        sendVerificationRequest({ identifier, url }) {
          sent.push({ to: identifier, url })
        },
      },
    ],
    callbacks: {
      session: ({ session, user }) => ({ expires: session.expires, user: { id: user.id } }),
    },
  }

  /** A browser: its cookies, and the pages it opens. */
  function browser() {
    const cookies = new Map<string, string>()
    async function open(path: string, form?: Record<string, string>) {
      const response = await Auth(
        new Request(new URL(path, home), {
          headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
          ...(form ? { method: 'POST', body: new URLSearchParams(form) } : {}),
        }),
        config,
      )
      for (const line of response.headers.getSetCookie()) {
        const [, name, value] = /^([^=]+)=([^;]*)/.exec(line) ?? []
        if (value === '') cookies.delete(name!)
        else cookies.set(name!, value!)
      }
      return response
    }
    async function post(path: string, form: Record<string, string>) {
      const { csrfToken } = await (await open('/auth/csrf')).json()
      return open(path, { ...form, csrfToken })
    }
    return {
      cookies,
      open,
      post,
      async askForLink(email: string) {
        const answer = await post('/auth/signin/email', { email, callbackUrl: `${home}/in` })
        expect(answer.headers.get('location')).toContain('/auth/verify-request')
        return sent.at(-1)!.url
      },
      session: async () => (await open('/auth/session')).json(),
    }
  }
  return { browser, sent, errors }
}
