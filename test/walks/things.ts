import { randomUUID } from 'node:crypto'
import { freePort } from '../setup/free-port.ts'
import { startExample } from './example.ts'
import type { Running } from './process.ts'
import { type Account, freshEmail, type Stage } from './stage.ts'

/** The API of `examples/logto-api`, by the name that tokens carry. */
export const things = 'https://things.example.com'

/** What an app asks for to call that API, as its user and in the name of an organization. */
export const scopesOfThings = ['read:things', 'invite:members']

/** Somebody with a role for the API and a membership in the organization `acme`, and somebody with neither. */
export function peopleOfThings() {
  const person = (name: string): Account => ({
    id: randomUUID(),
    email: freshEmail(name),
    password: 'correct horse battery',
  })
  const [member, stranger] = [person('member'), person('stranger')]
  const declared = ({ id, email, password }: Account) => ({ id, primaryEmail: email, password })
  const readThings = { resource: things, name: 'read:things' }
  return {
    member,
    stranger,
    /** In the shapes of `sekisho apply`. */
    apply: {
      resources: [{ name: 'Things', indicator: things, scopes: [{ name: 'read:things' }] }],
      roles: [{ name: 'reader', scopes: [readThings] }],
      organizationScopes: [{ name: 'invite:members' }],
      organizationRoles: [
        { name: 'admin', scopes: ['invite:members'], resourceScopes: [readThings] },
      ],
      organizations: [
        { id: 'acme', name: 'Acme', members: [{ user: member.email, roles: ['admin'] }] },
        { id: 'other', name: 'Other' },
      ],
      users: [{ ...declared(member), roles: ['reader'] }, declared(stranger)],
    },
  }
}

export interface ThingsApi {
  running: Running
  url: string
}

/** `origin` is a page whose scripts may call it. */
export async function startThings(stage: Stage, origin?: string): Promise<ThingsApi> {
  const port = await freePort()
  const running = await startExample('logto-api', {
    PORT: String(port),
    ENDPOINT: stage.server.url,
    RESOURCE: things,
    ...(origin === undefined ? {} : { ORIGIN: origin }),
  })
  return { running, url: `http://localhost:${port}` }
}
