import type { DatabaseKind } from '../database.ts'
import { openPostOffice, type PostOffice } from './mail.ts'
import { findPlace, type Place, type Server, type ServerOptions, startServer } from './server.ts'

export interface Stage {
  place: Place
  post: PostOffice
  server: Server
  clear(): Promise<void>
}

/** A server process with a Mailgun connector, on its own database. */
export async function setStage(
  kind: DatabaseKind,
  { apply = {}, ...options }: ServerOptions = {},
): Promise<Stage> {
  const place = await findPlace(kind)
  const post = await openPostOffice()
  try {
    const server = await startServer(place, {
      ...options,
      apply: { connectors: [post.connector], signInExperience: codesAndPasswords, ...apply },
    })
    return {
      place,
      post,
      server,
      async clear() {
        await server.stop()
        await post.close()
        await place.leave()
      },
    }
  } catch (error) {
    await post.close()
    await place.leave()
    throw error
  }
}

/** Register with a code; sign in with a password or a code. */
export const codesAndPasswords = {
  signInMode: 'SignInAndRegister',
  signUp: { identifiers: ['email'], password: false, verify: true },
  signIn: {
    methods: [
      { identifier: 'email', password: true, verificationCode: true, isPasswordPrimary: true },
    ],
  },
}

/** An application as `sekisho apply` takes it. */
export function application(id: string, home: string, callback: string) {
  return {
    id,
    secret: `${id}-secret-that-only-the-walk-knows`,
    name: id[0]?.toUpperCase() + id.slice(1),
    type: 'Traditional',
    oidcClientMetadata: {
      redirectUris: [`${home}${callback}`],
      postLogoutRedirectUris: [home, `${home}/`],
    },
  }
}

export type Application = ReturnType<typeof application>

export interface Account {
  id: string
  email: string
  password: string
}

/** Somebody whom an admin made, confirmed and with a password. */
export async function createAccount(server: Server, email = freshEmail()): Promise<Account> {
  const account = { email, password: 'correct horse battery' }
  const answer = await fetch(`${server.url}/auth/v1/admin/users`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${server.serviceRoleKey}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ ...account, email_confirm: true }),
  })
  if (answer.status !== 200) throw new Error(`${answer.status}: ${await answer.text()}`)
  const { id }: { id: string } = await answer.json()
  return { ...account, id }
}

let count = 0
/** An address that nobody else in this walk has. */
export function freshEmail(name = 'ann'): string {
  count += 1
  return `${name}.${count}.${Math.random().toString(36).slice(2, 8)}@example.com`
}
