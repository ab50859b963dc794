import { X509Certificate } from 'node:crypto'
import { day, hour, minute, second } from '../../base/time.ts'
import { allOf, childrenOf, escapeXml, readCommentedXml, type XmlElement } from '../../base/xml.ts'
import { metadataNs, nameIdFormats, postBinding, redirectBinding, signatureNs } from './names.ts'

/** What an identity provider says of itself, as far as we need it. */
export interface IdentityProvider {
  entityId: string
  /** Where a browser is sent to sign in; null when it has no such place. */
  redirectUrl: string | null
  /** Its keys, in base64: whatever it says has to be signed with one of them. */
  certificates: readonly string[]
  validUntil: Date | null
  /** In milliseconds: after it the metadata is to be fetched again. */
  cacheDuration: number | null
}

export type MetadataProblem = 'not-xml' | 'no-entity-id' | 'no-provider' | 'many-providers'

export type ReadMetadata =
  | { outcome: 'read'; provider: IdentityProvider }
  | { outcome: MetadataProblem }

/** Where federations publish all of theirs in one document, the first one that signs people in is meant. */
export function readMetadata(xml: string): ReadMetadata {
  const root = readCommentedXml(xml)
  if (root === null) return { outcome: 'not-xml' }
  const entity = entityOf(root)
  if (entity === null) return { outcome: 'not-xml' }
  const entityId = entity.attributes.get('entityID') ?? ''
  if (entityId.trim() === '' || entityId.length > longestEntityId)
    return { outcome: 'no-entity-id' }
  const [descriptor, ...others] = providersOf(entity)
  if (descriptor === undefined) return { outcome: 'no-provider' }
  if (others.length > 0) return { outcome: 'many-providers' }
  return {
    outcome: 'read',
    provider: {
      entityId,
      redirectUrl: redirectUrlOf(descriptor),
      certificates: certificatesOf(descriptor),
      validUntil: dateOf(entity.attributes.get('validUntil')),
      cacheDuration: durationOf(entity.attributes.get('cacheDuration') ?? ''),
    },
  }
}

/** SAML core § 8.3.6. */
const longestEntityId = 1024

function entityOf(root: XmlElement): XmlElement | null {
  const entities = [...allOf(root)].filter(
    ({ namespace, name }) => namespace === metadataNs && name === 'EntityDescriptor',
  )
  return entities.find((entity) => providersOf(entity).length > 0) ?? entities[0] ?? null
}

function providersOf(entity: XmlElement): XmlElement[] {
  return childrenOf(entity, metadataNs, 'IDPSSODescriptor')
}

/** Only what a browser may be sent to: `javascript:` is a URL too. */
function redirectUrlOf(descriptor: XmlElement): string | null {
  const places = childrenOf(descriptor, metadataNs, 'SingleSignOnService')
    .filter(({ attributes }) => attributes.get('Binding') === redirectBinding)
    .map(({ attributes }) => attributes.get('Location')?.trim() ?? '')
  return places.find((url) => URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) ?? null
}

/** Keys without a use are for everything. */
function certificatesOf(descriptor: XmlElement): string[] {
  const found = childrenOf(descriptor, metadataNs, 'KeyDescriptor')
    .filter(({ attributes }) => (attributes.get('use') ?? 'signing') === 'signing')
    .flatMap((key) => [...allOf(key)])
    .filter(({ namespace, name }) => namespace === signatureNs && name === 'X509Certificate')
    .map(({ text }) => text.replace(/\s/g, ''))
  return [...new Set(found)].filter(isCertificate)
}

function isCertificate(text: string): boolean {
  try {
    return new X509Certificate(Buffer.from(text, 'base64')).publicKey.type === 'public'
  } catch {
    return false
  }
}

/** A time of XML Schema; null for one that is none. */
export function dateOf(text: string | undefined): Date | null {
  if (
    text === undefined ||
    !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?$/.test(text)
  ) {
    return null
  }
  // SAML's times are of UTC, whether they say so or not (core § 1.3.3).
  const at = Date.parse(/(?:Z|[+-]\d\d:\d\d)$/.test(text) ? text : `${text}Z`)
  return Number.isNaN(at) ? null : new Date(at)
}

const month = 30 * day

function durationOf(text: string): number | null {
  const form =
    /^P(?:(\d{1,3})Y)?(?:(\d{1,4})M)?(?:(\d{1,5})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,8})M)?(?:(\d{1,9})(?:\.\d+)?S)?)?$/
  const parts = form.exec(text)
  if (parts === null || !/\d/.test(text)) return null
  const units = [365 * day, month, day, hour, minute, second]
  return units.reduce((sum, unit, at) => sum + Number(parts[at + 1] ?? 0) * unit, 0)
}

/** Ourselves, as identity providers read it. */
export function writeMetadata(own: {
  entityId: string
  acsUrl: string
  certificates: readonly string[]
  /** Whether assertions may be encrypted for our keys. */
  isEncrypting: boolean
  validUntil: Date | null
}): string {
  const until = own.validUntil === null ? '' : ` validUntil="${own.validUntil.toISOString()}"`
  const uses = own.isEncrypting ? ['signing', 'encryption'] : ['signing']
  const keys = uses.flatMap((use) => own.certificates.map((one) => keyDescriptor(use, one)))
  const formats = Object.values(nameIdFormats).map(
    (format) => `    <NameIDFormat>${format}</NameIDFormat>`,
  )
  return `<?xml version="1.0" encoding="UTF-8"?>
<EntityDescriptor xmlns="${metadataNs}" entityID="${escapeXml(own.entityId)}"${until}>
  <SPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol" AuthnRequestsSigned="true" WantAssertionsSigned="true">
${[...keys, ...formats].join('\n')}
    <AssertionConsumerService Binding="${postBinding}" Location="${escapeXml(own.acsUrl)}" index="1" isDefault="true"/>
  </SPSSODescriptor>
</EntityDescriptor>
`
}

/** What our decryption understands, the safest first. */
const encryptions = [
  'http://www.w3.org/2009/xmlenc11#aes256-gcm',
  'http://www.w3.org/2009/xmlenc11#aes128-gcm',
  'http://www.w3.org/2001/04/xmlenc#aes256-cbc',
  'http://www.w3.org/2001/04/xmlenc#aes128-cbc',
  'http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p',
]

function keyDescriptor(use: string, certificate: string): string {
  const methods = use === 'encryption' ? encryptions : []
  return `    <KeyDescriptor use="${use}">
      <KeyInfo xmlns="${signatureNs}"><X509Data><X509Certificate>${certificate}</X509Certificate></X509Data></KeyInfo>
${methods.map((method) => `      <EncryptionMethod Algorithm="${method}"/>\n`).join('')}    </KeyDescriptor>`
}
