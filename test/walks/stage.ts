import { openPostOffice, type PostOffice } from './mail.ts'
import {
  type DatabaseKind,
  findPlace,
  type Place,
  type Server,
  type ServerOptions,
  startServer,
} from './server.ts'

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

/** What our confidential clients put before a token request. */
export function basic({ id, secret }: { id: string; secret: string }): string {
  return `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString('base64')}`
}

let count = 0
/** An address that nobody else in this walk has. */
export function freshEmail(name = 'ann'): string {
  count += 1
  return `${name}.${count}.${Math.random().toString(36).slice(2, 8)}@example.com`
}
