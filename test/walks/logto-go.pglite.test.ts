import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { databaseKind } from '../database.ts'
import { freePort } from '../setup/free-port.ts'
import { startShop } from './go-shop.ts'
import { builtLogtoShop, logtoSdkVersions } from './logto-sdk.ts'
import { machineHas } from './machine.ts'
import { signInWithPassword } from './pages.ts'
import type { Running } from './process.ts'
import { application, type Stage, setStage } from './stage.ts'
import { peopleOfThings, startThings, type ThingsApi, things } from './things.ts'
import { type Page, visitor } from './visitor.ts'

const hasGo = machineHas('Go')
const versions = hasGo ? await logtoSdkVersions() : []

describe.runIf(hasGo).each(versions)("Logto's SDK for Go, %s", (version) => {
  const { member, stranger, apply } = peopleOfThings()
  let stage: Stage
  let api: ThingsApi
  let shop: Running
  let home: string

  beforeAll(async () => {
    const port = await freePort()
    home = `http://localhost:${port}`
    const registered = application('bookstore', home, '/callback')
    const program = await builtLogtoShop(version)
    stage = await setStage(databaseKind(), { apply: { ...apply, applications: [registered] } })
    api = await startThings(stage)
    const called = { API: api.url, RESOURCE: things }
    shop = await startShop(program, stage.server.url, registered, port, called)
  }, 300_000)
  afterAll(async () => {
    await shop?.kill()
    await api?.running.stop()
    await stage?.clear()
  })

  const said = (page: Page) => ({ status: page.status, ...JSON.parse(page.body) })

  test('an API and an organization take the tokens that it refreshes to', async () => {
    const guest = visitor()
    await signInWithPassword(guest, await guest.open(`${home}/sign-in`), member)
    const { id: sub } = member
    for (const path of ['/things', '/organizations/acme/members', '/things', '/user-info']) {
      expect({ path, ...said(await guest.open(home + path)) }).toMatchObject({
        ...{ path, status: 200, sub },
        ...(path.endsWith('members') && { organization: 'acme', scope: 'invite:members' }),
      })
    }
    expect((await guest.open(`${home}/organizations/other/members`)).status).toBe(403)
  }, 60_000)

  test('who has no role gets a token that the API refuses, and none of the organization', async () => {
    const guest = visitor()
    await signInWithPassword(guest, await guest.open(`${home}/sign-in`), stranger)
    expect(said(await guest.open(`${home}/things`))).toMatchObject({
      status: 403,
      error: 'insufficient_scope',
    })
    expect((await guest.open(`${home}/organizations/acme/members`)).status).toBe(403)
  }, 60_000)
})
