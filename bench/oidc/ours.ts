import { readConfig } from '../../src/base/config.ts'
import { transaction } from '../../src/base/context.ts'
import { browserCookies } from '../../src/base/cookies.ts'
import { day } from '../../src/base/time.ts'
import { migrate } from '../../src/db/migrate.ts'
import { openDatabase } from '../../src/db/open.ts'
import { admit } from '../../src/flows/admit.ts'
import { createContext } from '../../src/main.ts'
import { createApplication } from '../../src/model/application.ts'
import { createResource } from '../../src/model/resource.ts'
import { createRole, setApplicationRoles } from '../../src/model/role.ts'
import { carrySession } from '../../src/model/session.ts'
import { createUser } from '../../src/model/user.ts'
import { startServer } from '../machine/processes.ts'
import { api, type Competitor, callback, secret, userClaims, users } from './scene.ts'

/** Our server, as `sekisho start` runs it in production, its log included. */
export async function startOurs(url: string, port: number): Promise<Competitor> {
  const origin = `http://127.0.0.1:${port}`
  const environment = {
    ...{ DATABASE_URL: url, PORT: String(port), HOST: '127.0.0.1' },
    ...{ SEKISHO_PUBLIC_URL: origin, SEKISHO_SECRET: 'the secret of a benchmark, long enough' },
  }
  const cookies = await fill(url, environment)
  const server = await startServer(['bin/sekisho.js', 'start', '--json'], environment)
  return { ...server, name: 'ours', databaseUrl: url, issuer: `${origin}/oidc`, cookies }
}

async function fill(url: string, environment: Record<string, string>): Promise<string[]> {
  const database = await openDatabase({ url })
  await migrate(database)
  const config = readConfig({ mode: 'start', environment })
  const ctx = createContext({ config, database })
  const scopes = [{ name: 'read:things' }]
  await createResource(ctx, { name: 'Things', indicator: api, scopes, signingAlgorithm: 'ES256' })
  const held = [{ resource: api, name: 'read:things' }]
  await createRole(ctx, { name: 'reader', type: 'MachineToMachine', scopes: held })
  await createApplication(ctx, {
    ...{ id: 'shop', name: 'Shop', type: 'Traditional', secret },
    oidcClientMetadata: { redirectUris: [callback], idTokenSignedResponseAlg: 'ES256' },
    customClientMetadata: { alwaysIssueRefreshToken: true },
  })
  await createApplication(ctx, {
    ...{ id: 'machine', name: 'Machine', type: 'MachineToMachine', secret },
  })
  await setApplicationRoles(ctx, 'machine', ['reader'])
  const cookies: string[] = []
  for (let one = 1; one <= users; one += 1) {
    const email = `user-${one}@example.com`
    const user = await createUser(ctx, { email, emailVerified: true, name: userClaims.name })
    const { token } = await transaction(ctx, async (ctx) => {
      const session = await admit(ctx, user, { method: 'password', audit: null })
      return carrySession(ctx, session.id, 'browser', 14 * day)
    })
    cookies.push(`${browserCookies(config).session}=${token}`)
  }
  await database.close()
  return cookies
}
