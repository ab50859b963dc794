import { generateKeyPairSync } from 'node:crypto'
import { inflateRawSync } from 'node:zlib'
import { SignedXml } from 'xml-crypto'
import xmlenc, { type EncryptionAlgorithm, type KeyEncryptionAlgorithm } from 'xml-encryption'
import { selfSignedCertificate } from '../../src/base/certificate.ts'
import { escapeXml } from '../../src/base/xml.ts'
import type { Answer, GotrueWorld } from './gotrue-world.ts'
import { gotrueWorld } from './gotrue-world.ts'

/** A key as GoTrue wants it: PKCS#1 in base64. */
export function gotrueKey(): string {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  return privateKey.export({ type: 'pkcs1', format: 'der' }).toString('base64')
}

export interface KeyPair {
  privateKey: string
  certificate: string
}

export function keyPair(): KeyPair {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  return { privateKey: pem, certificate: selfSignedCertificate(pem, 'idp.example.com') }
}

// Making keys is slow, and the same ones serve all worlds of a file.
export const ownKey = gotrueKey()
export const ownNextKey = gotrueKey()
export const companyKey = keyPair()

export const entityId = 'https://idp.example.com/metadata'
export const ownEntityId = 'http://localhost:3001/auth/v1/sso/saml/metadata'
export const acsUrl = 'http://localhost:3001/auth/v1/sso/saml/acs'
export const app = 'http://localhost:3001/app'

export const samlOn = { GOTRUE_SAML_ENABLED: 'true', GOTRUE_SAML_PRIVATE_KEY: ownKey }

export function metadataOf({
  entity = entityId,
  certificate = companyKey.certificate,
  attributes = '',
} = {}): string {
  return `<?xml version="1.0"?>
<!-- a company -->
<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="${entity}" ${attributes}>
  <IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
    <KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data>
      <X509Certificate>${certificate}</X509Certificate></X509Data></KeyInfo></KeyDescriptor>
    <SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://idp.example.com/post"/>
    <SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.example.com/sso?tenant=a"/>
  </IDPSSODescriptor>
</EntityDescriptor>`
}

export interface Statement {
  responseId: string
  assertionId: string
  issuer: string
  inResponseTo: string | null
  /** Of the response alone, where it is another one. */
  responseInResponseTo: string | null
  audience: string
  recipient: string
  destination: string
  status: string
  nameId: string
  nameIdFormat: string
  attributes: Record<string, readonly string[]>
  now: Date
  lifetime: number
  sessionEndsAt: string | null
}

export const nameIdPersistent = 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent'
const second = 1000

export function statementOf(
  world: { ctx: { now(): Date } },
  change: Partial<Statement> = {},
): Statement {
  return {
    responseId: '_response',
    assertionId: '_assertion',
    issuer: entityId,
    inResponseTo: null,
    responseInResponseTo: change.inResponseTo ?? null,
    audience: ownEntityId,
    recipient: acsUrl,
    destination: acsUrl,
    status: 'Success',
    nameId: 'ann-1',
    nameIdFormat: nameIdPersistent,
    attributes: { mail: ['Ann@Company.example'], displayName: ['Ann of the company'] },
    now: world.ctx.now(),
    lifetime: 300 * second,
    sessionEndsAt: null,
    ...change,
  }
}

/** The assertion alone, unsigned. */
export function assertionXml(it: Statement): string {
  const { now } = it
  const end = new Date(now.getTime() + it.lifetime).toISOString()
  const answers = it.inResponseTo === null ? '' : ` InResponseTo="${it.inResponseTo}"`
  const until = it.sessionEndsAt === null ? '' : ` SessionNotOnOrAfter="${it.sessionEndsAt}"`
  const attributes = Object.entries(it.attributes).map(([name, values]) => {
    const texts = values.map(
      (one) => `<saml:AttributeValue>${escapeXml(one)}</saml:AttributeValue>`,
    )
    return `<saml:Attribute Name="${name}">${texts.join('')}</saml:Attribute>`
  })
  return `<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="${it.assertionId}" Version="2.0" IssueInstant="${now.toISOString()}"><saml:Issuer>${it.issuer}</saml:Issuer><saml:Subject><saml:NameID Format="${it.nameIdFormat}">${it.nameId}</saml:NameID><saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData NotOnOrAfter="${end}" Recipient="${it.recipient}"${answers}/></saml:SubjectConfirmation></saml:Subject><saml:Conditions NotBefore="${now.toISOString()}" NotOnOrAfter="${end}"><saml:AudienceRestriction><saml:Audience>${it.audience}</saml:Audience></saml:AudienceRestriction></saml:Conditions><saml:AuthnStatement AuthnInstant="${now.toISOString()}"${until}><saml:AuthnContext><saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement><saml:AttributeStatement>${attributes.join('')}</saml:AttributeStatement></saml:Assertion>`
}

export function responseXml(it: Statement, assertion: string): string {
  const answers =
    it.responseInResponseTo === null ? '' : ` InResponseTo="${it.responseInResponseTo}"`
  return `<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="${it.responseId}" Version="2.0" IssueInstant="${it.now.toISOString()}" Destination="${it.destination}"${answers}><saml:Issuer xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">${it.issuer}</saml:Issuer><samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:${it.status}"/></samlp:Status>${assertion}</samlp:Response>`
}

export interface Signing {
  key?: KeyPair
  signature?: string
  digest?: string
  withKeyInfo?: boolean
}

/** Signs the element of this name, which has an ID. */
export function signed(
  xml: string,
  element: 'Response' | 'Assertion',
  signing: Signing = {},
): string {
  const { key = companyKey } = signing
  const signature = new SignedXml({
    privateKey: key.privateKey,
    signatureAlgorithm: signing.signature ?? 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256',
    canonicalizationAlgorithm: 'http://www.w3.org/2001/10/xml-exc-c14n#',
    getKeyInfoContent: () =>
      signing.withKeyInfo
        ? `<X509Data><X509Certificate>${key.certificate}</X509Certificate></X509Data>`
        : null,
  })
  const place = `//*[local-name(.)='${element}']`
  signature.addReference({
    xpath: place,
    transforms: [
      'http://www.w3.org/2000/09/xmldsig#enveloped-signature',
      'http://www.w3.org/2001/10/xml-exc-c14n#',
    ],
    digestAlgorithm: signing.digest ?? 'http://www.w3.org/2001/04/xmlenc#sha256',
  })
  signature.computeSignature(xml, {
    location: { reference: `${place}/*[local-name(.)='Issuer']`, action: 'after' },
  })
  return signature.getSignedXml()
}

/** What an honest provider sends: a signed assertion. */
export function honest(it: Statement, signing: Signing = {}): string {
  return responseXml(it, signed(assertionXml(it), 'Assertion', signing))
}

export function encrypted(
  assertion: string,
  certificate: string,
  algorithm: EncryptionAlgorithm = 'http://www.w3.org/2009/xmlenc11#aes256-gcm',
  keyAlgorithm: KeyEncryptionAlgorithm = 'http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p',
): Promise<string> {
  const pem = `-----BEGIN CERTIFICATE-----\n${certificate.match(/.{1,64}/g)?.join('\n')}\n-----END CERTIFICATE-----`
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  xmlenc.encrypt(
    assertion,
    {
      rsa_pub: pem,
      pem,
      encryptionAlgorithm: algorithm,
      keyEncryptionAlgorithm: keyAlgorithm,
      warnInsecureAlgorithm: false,
    },
    (error: Error | null, result: string) => (error ? reject(error) : resolve(result)),
  )
  return promise.then(
    (inner) =>
      `<saml:EncryptedAssertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">${inner}</saml:EncryptedAssertion>`,
  )
}

/** The browser's POST from the provider. */
export function arrive(
  world: GotrueWorld,
  xml: string,
  { relayState = '' }: { relayState?: string } = {},
): Promise<Answer> {
  return post(world, {
    SAMLResponse: Buffer.from(xml).toString('base64'),
    ...(relayState === '' ? {} : { RelayState: relayState }),
  })
}

export function post(world: GotrueWorld, fields: Record<string, string>): Promise<Answer> {
  return world.ask('POST', '/sso/saml/acs', {
    body: new URLSearchParams(fields).toString(),
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  })
}

/** The company is set up, with its domain. */
export async function samlWorld(
  environment: Record<string, string> = {},
  provider: Record<string, unknown> = {},
): Promise<GotrueWorld & { providerId: string }> {
  const world = await gotrueWorld({ ...samlOn, GOTRUE_URI_ALLOW_LIST: `${app}/**`, ...environment })
  const { status, body } = await world.ask('POST', '/admin/sso/providers', {
    bearer: world.adminKey,
    body: {
      type: 'saml',
      metadata_xml: metadataOf(),
      domains: ['company.example'],
      ...provider,
    },
  })
  if (status !== 201) throw new Error(JSON.stringify(body))
  return { ...world, providerId: body.id }
}

/** A browser is sent off: what it takes along. */
export async function depart(
  world: GotrueWorld,
  change: Record<string, unknown> = {},
): Promise<{ url: URL; requestId: string; request: string; relayState: string }> {
  const { status, body } = await world.ask('POST', '/sso', {
    body: {
      domain: 'company.example',
      skip_http_redirect: true,
      redirect_to: `${app}/in`,
      ...change,
    },
  })
  if (status !== 200) throw new Error(JSON.stringify(body))
  const url = new URL(body.url)
  const request = inflateRawSync(
    Buffer.from(url.searchParams.get('SAMLRequest') ?? '', 'base64'),
  ).toString()
  return {
    url,
    request,
    requestId: / ID="([^"]+)"/.exec(request)?.[1] ?? '',
    relayState: url.searchParams.get('RelayState') ?? '',
  }
}
