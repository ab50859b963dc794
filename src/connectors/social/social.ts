import type { Cache } from '../../base/cache.ts'
import { Fault } from '../../base/fault.ts'
import type { OutgoingAnswer, OutgoingRequest } from '../../base/outgoing.ts'
import type { Random } from '../../base/random.ts'
import type { Phrase } from '../connector.ts'

/** What a connector may reach. Whether an address may be asked at all is decided where `ask` is made. */
export interface SocialOutside {
  ask(address: string, request?: OutgoingRequest): Promise<OutgoingAnswer>
  now(): Date
  readonly random: Random
  readonly cache: Cache
  /** How long a provider's own description stays good, in milliseconds. */
  readonly discoveryLifetime: number
}

/** How we are known at a provider. */
export interface SocialSettings {
  /** The first one is used for the browser's way; ID tokens may be made for any of them. */
  readonly clientIds: readonly string[]
  readonly secret: string
  readonly redirectUri: string
  /** Another installation than the provider's public one, and its API where that is elsewhere. */
  readonly url: string | null
  readonly apiUrl: string | null
}

export interface ProfileEmail {
  address: string
  /** The provider itself made sure of it; where it does not say so, it did not. */
  isVerified: boolean
  isPrimary: boolean
}

/** Who somebody is at a provider, in the words of OpenID Connect Core § 5.1. */
export interface SocialProfile {
  subject: string
  issuer: string
  emails: readonly ProfileEmail[]
  /** Standard claims: `name`, `nickname`, `preferred_username`, `picture` … */
  claims: Readonly<Record<string, unknown>>
  /** Where the provider has a name for people beside the one for machines. */
  fullName?: string
  /** What only this provider tells. */
  extra?: Readonly<Record<string, unknown>>
}

/** What the provider's token endpoint gave. */
export interface Granted {
  accessToken: string
  refreshToken: string | null
  idToken: string | null
  /** All of its answer. */
  answer: Readonly<Record<string, unknown>>
}

export interface Beginning {
  state: string
  /** Beside those that the connector asks for anyway. */
  scopes: readonly string[]
  /** What an app adds to the address, e.g. `prompt`. */
  parameters: ReadonlyArray<readonly [string, string]>
}

export interface Ending {
  /** What the provider sent the browser back with. */
  parameters: URLSearchParams
  /** What `begin` asked to remember. */
  remembered: string | null
}

/** A provider where people have accounts already: code that sends them there, and reads who came back. */
export interface SocialConnector {
  readonly id: string
  readonly name: Phrase
  /** There is no public installation: the settings have to name one. */
  readonly needsUrl: boolean
  /** Something is remembered on the way, without which nobody comes back. */
  readonly remembers: boolean
  /** Where the browser goes, and what has to be remembered (secretly, once) until it is back. */
  begin(
    settings: SocialSettings,
    beginning: Beginning,
    out: SocialOutside,
  ): Promise<{ url: string; remember: string | null }>
  /** Whether the browser came back with what `finish` needs. */
  hasReturned(parameters: URLSearchParams): boolean
  /** Throws `provider_failed` with the step that failed. */
  finish(
    settings: SocialSettings,
    ending: Ending,
    out: SocialOutside,
  ): Promise<{ granted: Granted; profile: SocialProfile }>
  /** Where an app may bring an ID token that it got itself. */
  readonly idTokens?: IdTokenRules
}

/** Which ID tokens are a provider's, and what they say. */
export interface IdTokenRules {
  /** The issuer of all its tokens; null where there are several, and each token says its own. */
  issuerOf(settings: SocialSettings): string | null
  /** Its tokens hold a nonce that an app cannot choose. */
  readonly ignoresNonce?: boolean
  /** Null for a stranger's issuer. */
  keysOf(issuer: string, settings: SocialSettings): KeyPlace | null
  profile(claims: Claims): SocialProfile
}

/** Where an issuer's keys are: at an address that we know, or where its description says. */
export type KeyPlace = { jwksUri: string } | { discoveryUrl: string }

export type Claims = Readonly<Record<string, unknown>>

/** How a connector says that its provider could not be used; never with what the provider said. */
export function failed(
  provider: string,
  step: 'begin' | 'exchange' | 'profile',
  facts: Record<string, unknown> = {},
): Fault {
  return new Fault('provider_failed', { provider, step, ...facts })
}

/** The largest answer of a provider that is read. */
export const answerLimit = 512 * 1024

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The value as text: providers write ids as numbers too. Empty for what is neither. */
export function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  return typeof value === 'number' && Number.isFinite(value) ? String(value) : ''
}

/** What stands at a path of an answer; undefined where the way breaks off. */
export function at(value: unknown, ...path: (string | number)[]): unknown {
  return path.reduce<unknown>((inner, key) => {
    if (Array.isArray(inner) && typeof key === 'number') return inner[key]
    return isObject(inner) && Object.hasOwn(inner, key) ? inner[key] : undefined
  }, value)
}

/** The elements of an answer that should be a list. */
export function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : []
}

/** One address, the person's own; none where there is no text. */
export function onlyEmail(address: unknown, isVerified: boolean): ProfileEmail[] {
  const text = textOf(address)
  return text === '' ? [] : [{ address: text, isVerified, isPrimary: true }]
}

/** Without what is empty: a provider's blank is no name. */
export function present(claims: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(claims).filter(
      ([, value]) => value !== undefined && value !== null && value !== '',
    ),
  )
}
