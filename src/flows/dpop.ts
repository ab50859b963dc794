import { createHash } from 'node:crypto'
import { calculateJwkThumbprint, EmbeddedJWK, type JWTPayload, jwtVerify } from 'jose'
import type { Context, Tx } from '../base/context.ts'
import { hmacSha256, sameSecret, secretOf } from '../base/crypto.ts'
import { Fault } from '../base/fault.ts'
import { minute, second } from '../base/time.ts'
import { proofAlgorithms } from '../model/application-proofs.ts'
import type { Confirmation } from '../model/issue.ts'
import { spendProof } from '../model/replay.ts'

/** The request that a proof has to be for (RFC 9449 § 4.2). */
export interface ProvedRequest {
  method: string
  /** The address as everybody knows it; a query is no part of it. */
  url: string
  /** The token that the request shows; null where it asks for one. */
  accessToken: string | null
}

/** The key that signed a proof; and whether the proof carried a nonce of ours, so that it was made just now. */
export interface Proved extends Confirmation {
  hasNonce: boolean
}

/** Without a nonce, the client's clock says when the proof was made. */
const oldest = 2 * minute
const newest = 1 * minute

/** A nonce is good in the window that it was made in, and in the next. */
const nonceWindow = 2 * minute

/** Longer than a proof is good by either. */
const rememberedFor = 5 * minute

const longest = 8192

/**
 * Checks a proof that the sender holds a key, for this request and for the first time on any node (RFC 9449 § 4.3).
 * Throws `invalid_dpop_proof`, and `use_dpop_nonce` for a nonce that is not good any more.
 */
export async function checkProof(
  ctx: Context,
  proof: string,
  request: ProvedRequest,
): Promise<Proved> {
  const { payload, jkt } = await readProof(ctx, proof)
  const { jti, iat, htm, htu, ath, nonce } = payload
  if (typeof jti !== 'string' || jti === '') throw invalid('jti')
  if (htm !== request.method) throw invalid('htm')
  if (typeof htu !== 'string' || withoutQuery(htu) !== withoutQuery(request.url)) {
    throw invalid('htu')
  }
  const { accessToken } = request
  if (accessToken !== null && ath !== hashOf(accessToken)) throw invalid('ath')
  const hasNonce = nonce !== undefined
  if (hasNonce && !isNonce(ctx, nonce)) throw new Fault('use_dpop_nonce')
  const age = ctx.now().getTime() - (iat ?? Number.NaN) * second
  if (!hasNonce && !(age <= oldest && age >= -newest)) throw invalid('iat')
  const isFirst = await spendProof(ctx, {
    kind: 'dpop',
    owner: jkt,
    name: JSON.stringify([request.method, request.url, jti]),
    lifetime: rememberedFor,
  })
  if (!isFirst) throw invalid('jti')
  return { jkt, hasNonce }
}

async function readProof(
  ctx: Context,
  proof: string,
): Promise<{ payload: JWTPayload; jkt: string }> {
  if (proof.length > longest) throw invalid('length')
  try {
    const { payload, protectedHeader } = await jwtVerify(proof, EmbeddedJWK, {
      typ: 'dpop+jwt',
      algorithms: [...proofAlgorithms],
      requiredClaims: ['jti', 'iat', 'htm', 'htu'],
      currentDate: ctx.now(),
    })
    return { payload, jkt: await calculateJwkThumbprint(protectedHeader.jwk ?? {}) }
  } catch (cause) {
    throw new Fault('invalid_dpop_proof', { problem: 'signature' }, { cause })
  }
}

function withoutQuery(address: string): string | null {
  if (!URL.canParse(address)) return null
  const { origin, pathname } = new URL(address)
  return `${origin}${pathname}`
}

function hashOf(accessToken: string): string {
  return createHash('sha256').update(accessToken).digest('base64url')
}

/** The nonce to be used from now on. No node has to remember it: it follows from the time and the secret of the house. */
export function currentNonce(ctx: Tx): string {
  return nonceOf(ctx, windowOf(ctx))
}

function isNonce(ctx: Tx, nonce: unknown): boolean {
  if (typeof nonce !== 'string') return false
  const now = windowOf(ctx)
  // Another node's clock may be ahead.
  return [now - 1, now, now + 1].some((window) => sameSecret(nonceOf(ctx, window), nonce))
}

function windowOf(ctx: Tx): number {
  return Math.floor(ctx.now().getTime() / nonceWindow)
}

function nonceOf(ctx: Tx, window: number): string {
  return hmacSha256(secretOf(ctx.config).key('dpop-nonce'), String(window)).toString('base64url')
}

function invalid(claim: string): Fault {
  return new Fault('invalid_dpop_proof', { problem: claim })
}
