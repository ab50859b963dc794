import { adapterConfig, adapterContext } from '../../authjs/context.ts'
import { type SekishoAdapter, sekishoHttpAdapter } from '../../authjs/http.ts'
import { createBackground } from '../../src/base/background.ts'
import { createApp } from '../../src/main.ts'
import { createApplication } from '../../src/model/application.ts'
import type { TestDatabase } from '../database.ts'
import { secret } from './authjs-world.ts'

/** The whole server on a database, and an application that may be an adapter there. To be called inside of a test. */
export async function servedAdapter(database: TestDatabase) {
  const own = adapterContext(database, adapterConfig({ secret }))
  const ctx = {
    ...own,
    fetch: globalThis.fetch,
    background: createBackground(own.log),
    observer: null,
    trace: null,
  }
  const app = createApp(ctx)
  const fetch: typeof globalThis.fetch = async (input, init) => app.request(input as string, init)
  const made = await createApplication(ctx, {
    name: 'A club',
    type: 'Traditional',
    customClientMetadata: { isAuthjsAdapter: true },
  })
  const applicationId = made.application.id
  const applicationSecret = String(made.secret)
  const adapter: SekishoAdapter = sekishoHttpAdapter({
    url: 'http://localhost:3001',
    applicationId,
    applicationSecret,
    fetch,
  })
  return { ctx, app, fetch, adapter, applicationId, applicationSecret }
}
