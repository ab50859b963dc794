import { expect, test } from 'vitest'
import { freePort } from '../setup/free-port.ts'
import { findPlace, startServer } from '../walks/server.ts'
import { sekisho } from './cli-runner.ts'

const slow = 60_000

test(
  "GoTrue's face has a port of its own, and the mailed links lead there",
  async () => {
    const place = await findPlace('pglite')
    const port = await freePort()
    const root = `http://localhost:${port}`
    const env = { SEKISHO_GOTRUE_PORT: String(port), API_EXTERNAL_URL: root }
    const server = await startServer(place, { env })
    try {
      expect(await (await fetch(`${root}/health`)).json()).toMatchObject({ name: 'GoTrue' })
      const discovery = await (await fetch(`${root}/.well-known/openid-configuration`)).json()
      expect(discovery.issuer).toBe(root)
      expect((await fetch(`${root}/auth/v1/health`)).status).toBe(200)
      expect((await fetch(`${root}/readyz`)).status).toBe(200)
      for (const elsewhere of ['/oidc/auth', '/sign-in', '/console/mailbox', '/nowhere']) {
        const answer = await fetch(root + elsewhere)
        expect([answer.status, await answer.text()]).toEqual([404, '404 page not found\n'])
      }
      const signedUp = await fetch(`${root}/signup`, {
        method: 'POST',
        body: JSON.stringify({ email: 'ann@example.com', password: 'correct horse battery' }),
      })
      expect(signedUp.status).toBe(200)
      const [mail] = await (await fetch(`${server.url}/api/dev/messages`)).json()
      expect(mail.link).toMatch(`${root}/verify?token=`)
      const followed = await fetch(mail.link, { redirect: 'manual' })
      expect(followed.status).toBe(303)
      expect(followed.headers.get('location')).toContain('#access_token=')
      const taken = await sekisho(['dev', '--port', '0'], {
        cwd: place.folder,
        env: { SEKISHO_GOTRUE_PORT: String(port) },
      })
      expect([taken.code, taken.stderr]).toEqual([
        3,
        expect.stringContaining(
          `Port ${port} is taken by another program. Choose another one with`,
        ),
      ])
    } finally {
      await server.stop()
      await place.leave()
    }
  },
  slow,
)
