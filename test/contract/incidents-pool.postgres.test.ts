import { expect, onTestFinished, test } from 'vitest'
import { openDatabase } from '../../src/db/open.ts'
import { createApp } from '../../src/main.ts'
import { gotrueWorld, password } from './gotrue-world.ts'

// On the embedded database, which has one connection, the whole suite runs; this is Postgres with one.

test.each([1, 2])(
  'with %i connection to the database many at once are all answered (M7)',
  async (poolSize) => {
    const at = await gotrueWorld({ GOTRUE_MAILER_AUTOCONFIRM: 'true' })
    await at.createAccount()
    const { access_token } = await at.signIn()
    const database = await openDatabase({ url: at.database.url ?? '', poolSize })
    onTestFinished(() => database.close())
    const app = createApp({ ...at.ctx, db: database.db })
    const json = { 'content-type': 'application/json' }
    const post = (path: string, body: object) =>
      app.request(path, { method: 'POST', headers: json, body: JSON.stringify(body) })
    const asked = Array.from({ length: 8 }, (_, index) => [
      post('/auth/v1/signup', { email: `new${index}@example.com`, password }),
      post('/auth/v1/token?grant_type=password', { email: 'ann@example.com', password }),
      post('/auth/v1/recover', { email: `other${index}@example.com` }),
      app.request('/auth/v1/user', { headers: { authorization: `Bearer ${access_token}` } }),
      app.request('/oidc/jwks'),
      app.request('/sign-in'),
      app.request('/readyz'),
    ]).flat()
    const statuses = await Promise.all(asked.map(async (answer) => (await answer).status))
    expect(statuses.filter((status) => status !== 200)).toEqual([])
  },
)
