/** The part of `oidc-provider` that is compared with: it comes without types. */
declare module 'oidc-provider' {
  import type { IncomingMessage, ServerResponse } from 'node:http'

  export interface OidcContext {
    oidc: {
      client: { clientId: string; applicationType: string }
      params: Record<string, string | undefined>
      prompts: Set<string>
      session: { accountId?: string; grantIdFor(clientId: string): string | undefined }
      result?: { consent?: { grantId?: string } }
      resourceServers: Record<string, unknown>
      requestParamScopes: Set<string>
      requestParamClaims: Set<string>
    }
  }

  export interface StoredGrant {
    addOIDCScope(scope: string): void
    addOIDCClaims(claims: readonly string[]): void
    addResourceScope(indicator: string, scope: string): void
    save(): Promise<string>
  }

  export interface Adapter {
    upsert(id: string, payload: Record<string, unknown>, expiresIn?: number): Promise<void>
    find(id: string): Promise<Record<string, unknown> | undefined>
    findByUid(uid: string): Promise<Record<string, unknown> | undefined>
    findByUserCode(code: string): Promise<Record<string, unknown> | undefined>
    consume(id: string): Promise<void>
    destroy(id: string): Promise<void>
    revokeByGrantId(grantId: string): Promise<void>
  }

  interface Interaction {
    uid: string
    prompt: { name: string }
  }

  export class Provider {
    constructor(issuer: string, configuration: Record<string, unknown>)
    proxy: boolean
    callback(): (request: IncomingMessage, response: ServerResponse) => void
    interactionFinished(
      request: IncomingMessage,
      response: ServerResponse,
      result: Record<string, unknown>,
    ): Promise<void>
    on(event: string, listener: (ctx: unknown, error: unknown) => void): this
    Grant: {
      new (about: { accountId: string; clientId: string }): StoredGrant
      find(id: string): Promise<StoredGrant | undefined>
    }
  }

  class Prompt {
    constructor(about: { name: string; requestable: boolean })
    checks: { remove(reason: string): void; get(reason: string): unknown }
  }

  export const interactionPolicy: {
    Prompt: typeof Prompt
    base(): Prompt[] & { get(name: string): Prompt; add(prompt: Prompt, at?: number): void }
  }

  export const errors: {
    InvalidTarget: new () => Error
    InvalidGrant: new (detail: string) => Error
  }
  export default Provider
  export type { Interaction }
}
