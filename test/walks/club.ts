import { expect } from 'vitest'
import { until } from './mail.ts'
import type { Running } from './process.ts'
import { application } from './stage.ts'
import type { Visitor } from './visitor.ts'

/** What the Auth.js example signs its cookies with. */
export const clubSecret = { AUTH_SECRET: 'a secret of the walk, long enough for Auth.js' }

/** The Auth.js example as an application: it signs people in, and may keep them through the server. */
export function adapterApplication(id: string, home: string) {
  return {
    ...application(id, home, '/auth/callback/sekisho'),
    customClientMetadata: { isAuthjsAdapter: true },
  }
}

/** Asks the Auth.js example for a magic link; it says on its standard output what the mail would hold. */
export async function askForLink(
  guest: Visitor,
  app: Running,
  home: string,
  email: string,
): Promise<string> {
  const doors = await guest.open(`${home}/auth/signin?callbackUrl=${encodeURIComponent(home)}`)
  const asked = await guest.submit(doors, { email }, '/auth/signin/email')
  expect(asked.url).toContain('/auth/verify-request')
  const line = await until(`a link for ${email}`, () => app.lines.find(({ to }) => to === email))
  return String(line.url)
}
