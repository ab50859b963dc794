import type { Assertion } from './assertion.ts'
import { nameIdFormats } from './names.ts'

/** How an attribute becomes a claim: the first of these that the assertion has, else the default. */
export interface AttributeRule {
  name?: string | undefined
  names?: readonly string[] | undefined
  default?: unknown
  /** All values, not the first alone. */
  array?: boolean | undefined
}

export type AttributeMapping = Readonly<Record<string, AttributeRule>>

/** Whom an assertion is about. */
export interface Person {
  /** Null when nothing in it will name them again next time. */
  subject: string | null
  email: string | null
  claims: Readonly<Record<string, unknown>>
}

const subjectId = 'urn:oasis:names:tc:SAML:attribute:subject-id'

/** Where products put an address when nobody maps it. */
const emailAttributes = [
  'urn:oid:0.9.2342.19200300.100.1.3',
  'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress',
  'http://schemas.xmlsoap.org/claims/EmailAddress',
  'mail',
  'Mail',
  'email',
]

export function personOf(assertion: Assertion, mapping: AttributeMapping): Person {
  const claims: Record<string, unknown> = {}
  for (const [claim, rule] of Object.entries(mapping)) {
    const value = claimOf(assertion, rule)
    if (value !== undefined) claims[claim] = value
  }
  const mapped = typeof claims.email === 'string' ? claims.email.trim() : ''
  return { subject: subjectOf(assertion), email: mapped || emailOf(assertion), claims }
}

function claimOf(assertion: Assertion, rule: AttributeRule): unknown {
  const names = [...(rule.name ? [rule.name] : []), ...(rule.names ?? [])]
  for (const name of names) {
    const values = valuesOf(assertion, name)
    if (values.length > 0) return rule.array ? values : values[0]
  }
  return rule.default ?? undefined
}

function valuesOf({ attributes }: Assertion, asked: string): string[] {
  return attributes
    .filter(({ name, friendlyName }) => name === asked || friendlyName === asked)
    .flatMap(({ values }) => values)
    .filter((value) => value !== '')
}

/** A transient name is another one every time. */
function subjectOf(assertion: Assertion): string | null {
  const [subject] = valuesOf(assertion, subjectId)
  if (subject !== undefined) return subject
  const { nameId } = assertion
  if (nameId === null || nameId.format === nameIdFormats.transient) return null
  return nameId.format === nameIdFormats.email ? nameId.value.toLowerCase() : nameId.value
}

function emailOf(assertion: Assertion): string | null {
  for (const name of emailAttributes) {
    const found = valuesOf(assertion, name).find((value) => value.includes('@'))
    if (found !== undefined) return found
  }
  const { nameId } = assertion
  return nameId?.format === nameIdFormats.email ? nameId.value : null
}
