import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { beforeAll, expect, test } from 'vitest'
import type { SekishoAdapter } from '../../authjs/index.ts'
import { withBareDatabases } from '../database.ts'
import { installedPeers } from '../walks/example.ts'
import { later, target } from './import-world.ts'

type Peer = (url: string) => Promise<{ adapter: SekishoAdapter; close(): Promise<void> }>

const bare = withBareDatabases()
let peers: Record<string, Peer>
beforeAll(async () => {
  peers = (await import(pathToFileURL(join(await installedPeers(), 'adapters.js')).href)).peers
}, 180_000)

test.each(['@auth/pg-adapter', '@auth/drizzle-adapter', '@auth/kysely-adapter'])(
  'what %s itself wrote comes over, and who was signed in stays so',
  async (name) => {
    const { url } = await bare()
    const { adapter: before, close } = await peers[name]!(url!)
    const guest = await before.createUser({
      id: randomUUID(),
      name: 'Ann',
      email: 'ann@example.com',
      image: 'https://example.com/ann.png',
      emailVerified: null,
    })
    const key = { provider: 'github', providerAccountId: '7' }
    const linked = {
      ...key,
      userId: guest.id,
      type: 'oauth' as const,
      access_token: 'an access token',
      expires_at: 1_900_000_000,
      token_type: 'bearer' as const,
      scope: 'read:user',
    }
    await before.linkAccount(linked)
    const member = await before.createUser({
      id: randomUUID(),
      email: 'ben@example.com',
      emailVerified: new Date('2026-03-04T05:06:07.089Z'),
    })
    for (const { id, email } of [guest, member]) {
      await before.createSession({ sessionToken: `of ${email}`, userId: id, expires: later })
    }
    const link = { identifier: 'new@example.com', token: 'hashed by Auth.js', expires: later }
    await before.createVerificationToken(link)
    const was = await Promise.all(
      [guest, member].map(({ email }) => before.getSessionAndUser(`of ${email}`)),
    )
    await close()

    const { adapter, take } = await target()
    const report = await take(url!)
    expect(report.problems).toEqual([])
    expect(report.notices).toEqual({})
    const newId = (id: string) =>
      report.mapped.find(({ from }) => from === String(id))?.to ?? String(id)
    for (const [index, { email }] of [guest, member].entries()) {
      const { session, user } = was[index]!
      expect(await adapter.getSessionAndUser(`of ${email}`)).toEqual({
        session: {
          sessionToken: session.sessionToken,
          userId: newId(session.userId),
          expires: session.expires,
        },
        user: {
          id: newId(user.id),
          name: user.name,
          email: user.email,
          emailVerified: user.emailVerified,
          image: user.image,
        },
      })
    }
    expect(await adapter.getAccount('7', 'github')).toEqual({ ...linked, userId: newId(guest.id) })
    expect(await adapter.useVerificationToken(link)).toEqual(link)
  },
)
