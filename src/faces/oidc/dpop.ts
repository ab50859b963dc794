import { Fault, isFault } from '../../base/fault.ts'
import { checkProof, currentNonce, type Proved } from '../../flows/dpop.ts'
import type { Application } from '../../model/application.ts'
import { proofAlgorithms } from '../../model/application-proofs.ts'
import type { Confirmation } from '../../model/issue.ts'
import type { Call } from './cors.ts'

/** The key whose proof came with a request for tokens; null where none came, and throws where one must. */
export async function senderOf(c: Call, application: Application): Promise<Confirmation | null> {
  const sender = await signerOf(c, application)
  if (sender === null && application.oidcClientMetadata.dpopBoundAccessTokens) {
    throw new Fault('invalid_dpop_proof', { problem: 'missing' })
  }
  return sender
}

/** The same where nothing is handed out yet, so that a proof is never needed (RFC 9449 § 10.1). */
export async function signerOf(c: Call, application: Application): Promise<Confirmation | null> {
  const proved = await provedBy(c, null)
  if (proved === null) return null
  if (application.oidcClientMetadata.dpopNonceRequired && !proved.hasNonce) {
    throw new Fault('use_dpop_nonce')
  }
  return { jkt: proved.jkt }
}

/** The key that the holder of `accessToken` proved to have. Throws where no proof came beside it. */
export async function holderOf(c: Call, accessToken: string): Promise<Proved> {
  try {
    const proved = await provedBy(c, accessToken)
    if (proved === null) throw new Fault('invalid_dpop_proof', { problem: 'missing' })
    return proved
  } catch (error) {
    throw isFault(error) ? new Fault(error.code, { ...error.details, scheme: 'DPoP' }) : error
  }
}

/** Throws `use_dpop_nonce` where the application's proofs have to carry one. */
export function checkHolderNonce({ hasNonce }: Proved, application: Application | null): void {
  if (hasNonce || !application?.oidcClientMetadata.dpopNonceRequired) return
  throw new Fault('use_dpop_nonce', { scheme: 'DPoP' })
}

async function provedBy(c: Call, accessToken: string | null): Promise<Proved | null> {
  const ctx = c.get('ctx')
  const proof = c.req.header('dpop')
  if (proof === undefined) return null
  // With every answer, so that a client has the next one before its own is too old (RFC 9449 § 8.2).
  c.header('dpop-nonce', currentNonce(ctx))
  const url = `${ctx.config.publicUrl}${c.req.path}`
  return checkProof(ctx, proof, { method: c.req.method, url, accessToken })
}

/** The challenge for who showed a token with a proof, or without the one that it needs (RFC 9449 § 7.1). */
export function dpopChallenge(error: unknown, name: string, issuer: string): string | null {
  if (!isFault(error) || error.details.scheme !== 'DPoP') return null
  return `DPoP realm="${issuer}", error="${name}", algs="${proofAlgorithms.join(' ')}"`
}
