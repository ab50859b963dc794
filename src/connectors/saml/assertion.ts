import { minute } from '../../base/time.ts'
import { childrenOf, onlyChildOf, type XmlElement } from '../../base/xml.ts'
import { dateOf } from './metadata.ts'
import { assertionNs } from './names.ts'
import type { Expectation, Verified } from './response.ts'

/** What an identity provider says of one person, once it is believed. */
export interface Assertion {
  id: string
  nameId: { value: string; format: string } | null
  attributes: readonly { name: string; friendlyName: string; values: readonly string[] }[]
  /** Our session may not last longer. */
  sessionEndsAt: Date | null
  /** From then on it would be refused anyway, and need not be remembered. */
  refusedAt: Date
}

export type AssertionProblem =
  | 'issuer'
  | 'request'
  | 'audience'
  | 'recipient'
  | 'time'
  | 'not-an-assertion'

/** How far two clocks may be apart. */
const skew = 3 * minute

const bearer = 'urn:oasis:names:tc:SAML:2.0:cm:bearer'

/** Holds an assertion against what is expected (profiles § 4.1.4.3), and reads it. */
export function readAssertion(element: XmlElement, expected: Expectation): Verified {
  const { own, provider, now } = expected
  const refuse = (why: AssertionProblem): Verified => ({ outcome: 'invalid', why })
  const { attributes } = element
  const id = attributes.get('ID') ?? ''
  const isAssertion = element.namespace === assertionNs && element.name === 'Assertion'
  if (!isAssertion || id === '' || attributes.get('Version') !== '2.0') {
    return refuse('not-an-assertion')
  }
  const issuer = onlyChildOf(element, assertionNs, 'Issuer')
  if (issuer?.text.trim() !== provider.entityId) return refuse('issuer')
  const issuedAt = dateOf(attributes.get('IssueInstant'))
  if (issuedAt === null || issuedAt.getTime() > now.getTime() + skew) return refuse('time')

  const conditions = onlyChildOf(element, assertionNs, 'Conditions')
  if (conditions === null || !isFor(conditions, own.entityId)) return refuse('audience')
  const lasting = spanOf(conditions)
  if (lasting === null || !isNow(lasting, now)) return refuse('time')

  const subject = onlyChildOf(element, assertionNs, 'Subject')
  if (subject === null) return refuse('not-an-assertion')
  const confirmed = confirmationOf(subject, expected)
  if (typeof confirmed === 'string') return refuse(confirmed)

  const statements = childrenOf(element, assertionNs, 'AuthnStatement')
  if (statements.length === 0) return refuse('not-an-assertion')
  const ends = statements
    .filter(({ attributes }) => attributes.has('SessionNotOnOrAfter'))
    .map(({ attributes }) => dateOf(attributes.get('SessionNotOnOrAfter')))
  if (ends.some((end) => end === null || end <= now)) return refuse('time')
  const end = Math.min(...ends.map((end) => end?.getTime() ?? 0))
  return {
    outcome: 'valid',
    assertion: {
      id,
      nameId: nameIdOf(subject),
      attributes: attributesOf(element),
      sessionEndsAt: ends.length === 0 ? null : new Date(end),
      refusedAt: new Date(Math.min(lasting.end.getTime(), confirmed.end.getTime()) + skew),
    },
  }
}

interface Span {
  start: Date | null
  end: Date
}

/** One without an end would be good for ever, and would have to be remembered for ever. */
function spanOf({ attributes }: XmlElement): Span | null {
  const start = dateOf(attributes.get('NotBefore'))
  const end = dateOf(attributes.get('NotOnOrAfter'))
  return end === null || (start === null && attributes.has('NotBefore')) ? null : { start, end }
}

function isNow({ start, end }: Span, now: Date): boolean {
  const at = now.getTime()
  return at < end.getTime() + skew && (start === null || start.getTime() <= at + skew)
}

/** Each restriction has to name us, and there has to be one: an assertion for another application is none for us. */
function isFor(conditions: XmlElement, audience: string): boolean {
  const restrictions = childrenOf(conditions, assertionNs, 'AudienceRestriction')
  return (
    restrictions.length > 0 &&
    restrictions.every((restriction) =>
      childrenOf(restriction, assertionNs, 'Audience').some(({ text }) => text.trim() === audience),
    )
  )
}

/** Who brings the assertion is its subject; it was made for this address, for this request, and for now. */
function confirmationOf(
  subject: XmlElement,
  { own, requestId, now }: Expectation,
): Span | AssertionProblem {
  let why: AssertionProblem = 'recipient'
  for (const confirmation of childrenOf(subject, assertionNs, 'SubjectConfirmation')) {
    const data = onlyChildOf(confirmation, assertionNs, 'SubjectConfirmationData')
    if (confirmation.attributes.get('Method') !== bearer || data === null) continue
    if (data.attributes.get('Recipient') !== own.acsUrl) continue
    const span = spanOf(data)
    why = 'time'
    if (span === null || !isNow(span, now)) continue
    why = 'request'
    if ((data.attributes.get('InResponseTo') || null) === requestId) return span
  }
  return why
}

function nameIdOf(subject: XmlElement): Assertion['nameId'] {
  const nameId = onlyChildOf(subject, assertionNs, 'NameID')
  if (nameId === null || nameId.text.trim() === '') return null
  return { value: nameId.text.trim(), format: nameId.attributes.get('Format') ?? '' }
}

function attributesOf(element: XmlElement): Assertion['attributes'] {
  return childrenOf(element, assertionNs, 'AttributeStatement')
    .flatMap((statement) => childrenOf(statement, assertionNs, 'Attribute'))
    .map((attribute) => ({
      name: attribute.attributes.get('Name') ?? '',
      friendlyName: attribute.attributes.get('FriendlyName') ?? '',
      values: childrenOf(attribute, assertionNs, 'AttributeValue').map(({ text }) => text.trim()),
    }))
}
