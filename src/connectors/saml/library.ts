import type { SAML } from '@node-saml/node-saml'

/** How we are known to identity providers. */
export interface ServiceProvider {
  entityId: string
  /** Where assertions are to be sent. */
  acsUrl: string
  /** What signs requests, as PEM. */
  privateKey: string
  /** The public halves, in base64: of `privateKey`, then of the one that follows it. */
  certificates: readonly string[]
  /** Empty where assertions may not be encrypted. */
  decryptionKeys: readonly string[]
}

interface Use {
  certificates: readonly string[]
  isResponseSigned?: boolean
  isAssertionSigned?: boolean
  decryptionKey?: string | undefined
  entryPoint?: string
  nameIdFormat?: string | null
  requestId?: string
}

/**
 * The library, for one message. It signs, verifies and decrypts. What needs a clock, or a memory that all nodes share
 * (times, replays, which request was answered), it is told to leave to us. It is read when the first message is there: it
 * is large, and most installations get none.
 */
export async function libraryFor(own: ServiceProvider, use: Use): Promise<SAML> {
  const { SAML, ValidateInResponseTo } = await import('@node-saml/node-saml')
  const { requestId, decryptionKey, entryPoint } = use
  return new SAML({
    issuer: own.entityId,
    callbackUrl: own.acsUrl,
    audience: own.entityId,
    idpCert: [...use.certificates],
    wantAuthnResponseSigned: use.isResponseSigned ?? false,
    wantAssertionsSigned: use.isAssertionSigned ?? true,
    acceptedClockSkewMs: -1,
    validateInResponseTo: ValidateInResponseTo.never,
    cacheProvider: nothingKept,
    privateKey: own.privateKey,
    signatureAlgorithm: 'sha256',
    digestAlgorithm: 'sha256',
    disableRequestedAuthnContext: true,
    identifierFormat: use.nameIdFormat ?? null,
    ...(decryptionKey === undefined ? {} : { decryptionPvk: decryptionKey }),
    ...(entryPoint === undefined ? {} : { entryPoint }),
    ...(requestId === undefined ? {} : { generateUniqueId: () => requestId }),
  })
}

const nothingKept = {
  saveAsync: async () => null,
  getAsync: async () => null,
  removeAsync: async () => null,
}

/** Where a browser is sent with our signed request (bindings § 3.4). */
export async function requestUrl(
  own: ServiceProvider,
  request: {
    id: string
    redirectUrl: string
    nameIdFormat: string | null
    relayState: string
  },
): Promise<string> {
  const library = await libraryFor(own, {
    certificates: own.certificates,
    entryPoint: request.redirectUrl,
    nameIdFormat: request.nameIdFormat,
    requestId: request.id,
  })
  return library.getAuthorizeUrlAsync(request.relayState, undefined, {})
}
