import { allOf, childrenOf, onlyChildOf, readXml, type XmlElement } from '../../base/xml.ts'
import { type Assertion, type AssertionProblem, readAssertion } from './assertion.ts'
import { libraryFor, type ServiceProvider } from './library.ts'
import { assertionNs, protocolNs, signatureNs } from './names.ts'

/** A response that has the form of one; nothing in it is believed yet. */
export interface SamlResponse {
  xml: string
  root: XmlElement
  /** Who says to have made it. */
  issuer: string
}

/** The largest message that is looked at, in characters. */
const largest = 256 * 1024

/** The message of a form's `SAMLResponse`. */
export function readResponse(
  encoded: string,
): { outcome: 'read'; response: SamlResponse } | { outcome: 'not-base64' | 'not-xml' } {
  const compact = encoded.replace(/[\r\n]/g, '')
  if (compact.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(compact)) {
    return { outcome: 'not-base64' }
  }
  const xml = utf8Of(Buffer.from(compact, 'base64'))
  const root = xml === null || xml.length > largest ? null : readXml(xml)
  if (xml === null || root?.namespace !== protocolNs || root.name !== 'Response') {
    return { outcome: 'not-xml' }
  }
  const issuer = onlyChildOf(root, assertionNs, 'Issuer') ?? issuerOfAssertion(root)
  return { outcome: 'read', response: { xml, root, issuer: issuer?.text.trim() ?? '' } }
}

/** Two parsers that take a byte for different characters would read different messages. */
function utf8Of(bytes: Buffer): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return null
  }
}

function issuerOfAssertion(root: XmlElement): XmlElement | null {
  const assertion = onlyChildOf(root, assertionNs, 'Assertion')
  return assertion === null ? null : onlyChildOf(assertion, assertionNs, 'Issuer')
}

/** Against what a response is held. */
export interface Expectation {
  own: ServiceProvider
  provider: { entityId: string; certificates: readonly string[] }
  /** The request that it has to answer; null for a sign-in that began at the identity provider. */
  requestId: string | null
  now: Date
}

export type ResponseProblem =
  | AssertionProblem
  | 'shape'
  | 'algorithm'
  | 'signature'
  | 'status'
  | 'destination'

export type Verified =
  | { outcome: 'valid'; assertion: Assertion }
  | { outcome: 'invalid'; why: ResponseProblem }

/**
 * Believes a response: it has one assertion, in the one place for it; a key of this identity provider has signed it; and
 * what is read is read again from the very bytes that were signed (reference/security.md, G1).
 */
export async function verifyResponse(
  { xml, root }: SamlResponse,
  expected: Expectation,
): Promise<Verified> {
  const shape = shapeOf(root)
  if (shape === null) return { outcome: 'invalid', why: 'shape' }
  if (!areAlgorithmsSafe(root)) return { outcome: 'invalid', why: 'algorithm' }
  const why = problemOf(root, expected)
  if (why !== null) return { outcome: 'invalid', why }
  const signed = await signedAssertion(xml, shape, expected)
  if (signed === null) return { outcome: 'invalid', why: 'signature' }
  const element = readXml(signed)
  if (element === null || !areAlgorithmsSafe(element)) return { outcome: 'invalid', why: 'shape' }
  return readAssertion(element, expected)
}

interface Shape {
  isResponseSigned: boolean
  /** Null inside an encryption, where nobody sees it yet. */
  isAssertionSigned: boolean | null
}

const topLevel = new Set(['Issuer', 'Signature', 'Extensions', 'Status'])

/** Everything stands where the standard puts it, and nothing twice: wrapped signatures need a second place. */
function shapeOf(root: XmlElement): Shape | null {
  const everything = [...allOf(root)]
  const assertions = everything.filter(({ name }) => /^(?:Encrypted)?Assertion$/.test(name))
  const [assertion, ...more] = assertions
  if (assertion === undefined || more.length > 0) return null
  const isInPlace = root.children.includes(assertion) && assertion.namespace === assertionNs
  const others = root.children.filter((child) => child !== assertion)
  const areOthersKnown =
    others.every(({ name }) => topLevel.has(name)) &&
    new Set(others.map(({ name }) => name)).size === others.length
  if (!isInPlace || !areOthersKnown) return null
  if (everything.filter(({ name }) => name === 'Response').length !== 1) return null
  const responseSignatures = childrenOf(root, signatureNs, 'Signature')
  const assertionSignatures = childrenOf(assertion, signatureNs, 'Signature')
  const signatures = everything.filter(({ name }) => name === 'Signature')
  if (assertionSignatures.length > 1) return null
  if (signatures.length !== responseSignatures.length + assertionSignatures.length) return null
  if (signatures.some((signature) => !isPlainSignature(signature))) return null
  if (!areIdsUnique(everything)) return null
  return {
    isResponseSigned: responseSignatures.length > 0,
    isAssertionSigned: assertion.name === 'Assertion' ? assertionSignatures.length > 0 : null,
  }
}

/** One SignedInfo with one reference and the two usual transforms, and no `Object` to hide things in. */
function isPlainSignature(signature: XmlElement): boolean {
  const parts = signature.children.map(({ name }) => name)
  const signedInfo = onlyChildOf(signature, signatureNs, 'SignedInfo')
  const reference = signedInfo && onlyChildOf(signedInfo, signatureNs, 'Reference')
  if (!reference || new Set(parts).size !== parts.length) return false
  if (parts.some((name) => !['SignedInfo', 'SignatureValue', 'KeyInfo'].includes(name)))
    return false
  if (!/^#./.test(reference.attributes.get('URI') ?? '')) return false
  const digest = onlyChildOf(reference, signatureNs, 'DigestValue')
  return digest !== null && digest.children.length === 0
}

function areIdsUnique(everything: XmlElement[]): boolean {
  const ids = everything.flatMap(({ attributes }) =>
    ['ID', 'Id', 'id'].flatMap((name) => attributes.get(name) ?? []),
  )
  return new Set(ids).size === ids.length && !ids.some((id) => /["']/.test(id))
}

const safeSignatures =
  /^http:\/\/www\.w3\.org\/2001\/04\/xmldsig-more#(?:rsa|ecdsa)-sha(?:256|384|512)$/
const safeDigests =
  /^http:\/\/www\.w3\.org\/2001\/04\/(?:xmlenc#sha(?:256|512)|xmldsig-more#sha384)$/
const safeCanonicalization =
  /^http:\/\/www\.w3\.org\/(?:2001\/10\/xml-exc-c14n#|TR\/2001\/REC-xml-c14n-20010315)$/
const safeTransforms = new RegExp(
  `${safeCanonicalization.source}|^http://www\\.w3\\.org/2000/09/xmldsig#enveloped-signature$`,
)
const safeEncryptions =
  /^http:\/\/www\.w3\.org\/(?:2009\/xmlenc11#aes(?:128|256)-gcm|2001\/04\/xmlenc#(?:aes(?:128|256)-cbc|rsa-oaep-mgf1p))$/

const safeAlgorithms: Record<string, RegExp> = {
  SignatureMethod: safeSignatures,
  CanonicalizationMethod: safeCanonicalization,
  Transform: safeTransforms,
  EncryptionMethod: safeEncryptions,
}

/** SHA-1, RSA 1.5 and triple DES can be broken. */
function areAlgorithmsSafe(root: XmlElement): boolean {
  return [...allOf(root)].every((element) => {
    const algorithm = element.attributes.get('Algorithm') ?? ''
    if (element.name === 'Reference') {
      const digest = onlyChildOf(element, signatureNs, 'DigestMethod')
      return safeDigests.test(digest?.attributes.get('Algorithm') ?? '')
    }
    return safeAlgorithms[element.name]?.test(algorithm) ?? true
  })
}

const success = 'urn:oasis:names:tc:SAML:2.0:status:Success'

/** What the envelope says; it need not be signed, so it can only refuse. */
function problemOf(root: XmlElement, expected: Expectation): ResponseProblem | null {
  const { own, provider, requestId } = expected
  const status = onlyChildOf(root, protocolNs, 'Status')
  const code = status && onlyChildOf(status, protocolNs, 'StatusCode')
  if (root.attributes.get('Version') !== '2.0') return 'shape'
  if (code?.attributes.get('Value') !== success) return 'status'
  const destination = root.attributes.get('Destination') || own.acsUrl
  if (destination !== own.acsUrl) return 'destination'
  const issuer = onlyChildOf(root, assertionNs, 'Issuer')
  if (issuer !== null && issuer.text.trim() !== provider.entityId) return 'issuer'
  if ((root.attributes.get('InResponseTo') || null) !== requestId) return 'request'
  return null
}

/** The assertion as it was signed, decrypted where it has to be; null when nobody whom we know has signed it. */
async function signedAssertion(
  xml: string,
  shape: Shape,
  { own, provider }: Expectation,
): Promise<string | null> {
  if (provider.certificates.length === 0) return null
  const keys = shape.isAssertionSigned === null ? own.decryptionKeys : [undefined]
  for (const decryptionKey of keys) {
    const library = await libraryFor(own, {
      certificates: provider.certificates,
      isResponseSigned: shape.isResponseSigned,
      isAssertionSigned: shape.isAssertionSigned ?? !shape.isResponseSigned,
      decryptionKey,
    })
    try {
      const { profile } = await library.validatePostResponseAsync({
        SAMLResponse: Buffer.from(xml).toString('base64'),
      })
      const signed = profile?.getAssertionXml?.()
      if (signed !== undefined) return signed
    } catch {
      // Why it failed is nobody's business who sends such things: it would tell how to decrypt them.
    }
  }
  return null
}
