import { client, type Providers, startProviders } from '../servers/providers.ts'
import { type Answer, type GotrueWorld, gotrueWorld } from './gotrue-world.ts'

export interface ExternalWorld extends GotrueWorld {
  providers: Providers
  under(environment: Record<string, string>): ExternalWorld
  /** From the app to the provider, as somebody there, and back: the last redirect. */
  goThrough(provider: string, query?: Record<string, string>): Promise<Answer>
  /** The way to the provider, and what the browser brings back. */
  goTo(provider: string, query?: Record<string, string>): Promise<string>
  comeBack(address: string): Promise<Answer>
  /** The events so far, without those of our own keys. */
  told(): Promise<string[]>
}

/** What an operator sets for a provider. */
export function settingsOf(...names: string[]): Record<string, string> {
  return Object.assign(
    {},
    ...names.map((name) => {
      const prefix = `GOTRUE_EXTERNAL_${name.toUpperCase()}`
      return {
        [`${prefix}_ENABLED`]: 'true',
        [`${prefix}_CLIENT_ID`]: `${client.id},our-other-client`,
        [`${prefix}_SECRET`]: client.secret,
        ...(name === 'keycloak' ? { [`${prefix}_URL`]: 'http://keycloak:8080/realms/club' } : {}),
      }
    }),
  )
}

export async function externalWorld(
  environment: Record<string, string> = {},
): Promise<ExternalWorld> {
  const world = await gotrueWorld(environment)
  const providers = startProviders(world.ctx.now)
  Object.assign(world.ctx, { fetch: providers.fetch })
  return extend(world, providers)
}

function extend(world: GotrueWorld, providers: Providers): ExternalWorld {
  const self: ExternalWorld = {
    ...world,
    providers,
    under: (environment) => extend(world.under(environment), providers),
    told: async () => (await world.events()).filter((type) => !type.startsWith('key.')),
    async goTo(provider, query = {}) {
      const { status, headers, body } = await world.ask(
        'GET',
        `/authorize?${new URLSearchParams({ provider, ...query })}`,
      )
      if (status !== 302) throw new Error(`${status} ${JSON.stringify(body)}`)
      return headers.get('location') ?? ''
    },
    comeBack(address) {
      const { url, form } = providers.visit(address)
      const path = url.pathname.replace('/auth/v1', '') + url.search
      if (form === null) return world.ask('GET', path)
      return world.ask('POST', path, {
        body: form.toString(),
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
      })
    },
    async goThrough(provider, query = {}) {
      return self.comeBack(await self.goTo(provider, query))
    },
  }
  return self
}
