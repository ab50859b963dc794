import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { adapterContract } from '../../authjs/contract.ts'
import { type SekishoAdapter, sekishoHttpAdapter } from '../../authjs/http.ts'
import { authApp } from '../contract/authjs-auth.ts'
import { databaseKind } from '../database.ts'
import { node, top } from './machine.ts'
import { runToEnd } from './process.ts'
import { findPlace, type Place, type Server, startServer, variablesOf } from './server.ts'
import { freshEmail } from './stage.ts'

// Of the three ways to the data this is the one for an app that may not touch the database, also the embedded one of a
// running server.
let place: Place
let server: Server
let adapter: SekishoAdapter

beforeAll(async () => {
  place = await findPlace(databaseKind())
  server = await startServer(place, place.kind === 'postgres' ? { apply: {} } : {})
  const made = await runToEnd(
    node,
    [
      join(top, 'src/cli.ts'),
      ...['app', 'create', '--name', 'A club elsewhere', '--adapter', '--json'],
    ],
    { cwd: place.folder, env: variablesOf(place) },
  )
  const { id, secret } = JSON.parse(made)
  const options = { url: server.url, applicationId: id, applicationSecret: secret }
  adapter = sekishoHttpAdapter(options)
}, 120_000)
afterAll(async () => {
  await server?.stop()
  await place?.leave()
})

describe('a server of its own, asked over the network', () => {
  adapterContract({ test, make: () => adapter })
})

test('Auth.js itself signs somebody in by a magic link, and out again', async () => {
  const { browser, errors } = authApp(adapter)
  const guest = browser()
  const email = freshEmail()
  const link = await guest.askForLink(email)
  const answer = await guest.open(link)
  expect(answer.headers.get('location')).toContain('/in')
  const user = await adapter.getUserByEmail(email)
  expect(await guest.session()).toMatchObject({ user: { id: user?.id } })
  expect(await adapter.listSessions(String(user?.id))).toHaveLength(1)
  const late = await browser().open(link)
  expect(late.headers.get('location')).toContain('error=Verification')
  await guest.post('/auth/signout', {})
  expect(await guest.session()).toBeNull()
  expect(errors.map(String).filter((error) => !error.includes('Verification'))).toEqual([])
})

test('when the server goes away the adapter says so, and Auth.js keeps the cookie', async () => {
  const { browser } = authApp(adapter)
  const guest = browser()
  await guest.open(await guest.askForLink(freshEmail()))
  expect(await guest.session()).not.toBeNull()
  const cookies = [...guest.cookies.keys()]
  await server.stop()
  await expect(adapter.getUser('x')).rejects.toMatchObject({ name: 'AdapterUnavailable' })
  expect(await guest.session()).toBeNull()
  expect([...guest.cookies.keys()]).toEqual(cookies)
})
