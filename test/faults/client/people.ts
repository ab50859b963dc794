import type { Chance } from './chance.ts'

/** A session at GoTrue's face, as the client knows it. */
export interface GateSession {
  id: string
  kind: 'counted' | 'row'
  refreshToken: string
  accessToken: string
}

/** A browser that is signed in at the hosted pages. */
export interface Browser {
  /** Its name in the history. */
  session: string
  cookie: string
}

/** Tokens that an application got by way of a browser. */
export interface Family {
  session: string
  refreshToken: string
  accessToken: string
}

/** An authenticator app. */
export interface Factor {
  id: string
  secret: string
  /** The last step of thirty seconds whose code was shown: no earlier one, and not this, is good again. */
  shownStep: number
}

/** Something that is over, to be tried once more at the end. */
export type Relic =
  | { kind: 'refresh'; session: string; refreshToken: string }
  | { kind: 'family'; session: string; refreshToken: string }
  | { kind: 'link'; token: string }
  | { kind: 'factor'; factor: Factor }

export interface Person {
  name: string
  email: string | null
  /** Null where there is none, or nobody knows which one is good. */
  password: string | null
  /** From where they ask: limits count by address. */
  address: string
  sessions: GateSession[]
  browser: Browser | null
  /** The pages did not take the password: whoever tries it again and again costs others their turn. */
  isTurnedAway: boolean
  families: Family[]
  /** Whether one was begun that nobody knows to be gone: the pages would ask for it. */
  hasFactor: boolean
  /** The one that was acknowledged. */
  factor: Factor | null
  /** Whether they were, or may have been, banned and nobody was told that it is over. */
  isBanned: boolean
  relics: Relic[]
}

/** Somebody whom the server has not met. */
export function newPerson(name: string, chance: Chance, email: string | null): Person {
  const part = () => String(1 + chance.below(254))
  return {
    name,
    email,
    password: null,
    address: ['10', part(), part(), part()].join('.'),
    sessions: [],
    browser: null,
    isTurnedAway: false,
    families: [],
    hasFactor: false,
    factor: null,
    isBanned: false,
    relics: [],
  }
}

const mostRelics = 6

export function remember(person: Person, relic: Relic): void {
  person.relics.push(relic)
  if (person.relics.length > mostRelics) person.relics.shift()
}

/** All sessions are over, but for one where it is named. */
export function loseSessions(person: Person, except?: GateSession): void {
  for (const { id: session, refreshToken } of person.sessions) {
    if (session !== except?.id) remember(person, { kind: 'refresh', session, refreshToken })
  }
  for (const { session, refreshToken } of person.families) {
    remember(person, { kind: 'family', session, refreshToken })
  }
  person.sessions = except === undefined ? [] : [except]
  person.families = []
  person.browser = null
}
