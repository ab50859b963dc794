import type { Context as HonoContext } from 'hono'
import { z } from 'zod'
import type { Env } from '../../base/http.ts'
import { signInWithWallet, type WalletProblem, type WalletProof } from '../../flows/web3.ts'
import { answerSignedIn } from './carry.ts'
import { refused } from './errors.ts'
import { readBody } from './read.ts'

const text = z
  .string()
  .nullish()
  .transform((value) => value ?? '')
const walletBody = z.object({ message: text, signature: text, chain: text })

/** `POST /token?grant_type=web3`. */
export async function byWallet(c: HonoContext<Env>): Promise<Response> {
  const ctx = c.get('ctx')
  const { web3EthereumEnabled, web3SolanaEnabled } = ctx.config.gotrue
  if (!web3EthereumEnabled && !web3SolanaEnabled) throw disabled('Web3 provider is disabled')
  const { message, signature, chain } = await readBody(c, walletBody)
  if (chain !== 'ethereum' && chain !== 'solana') {
    throw refused('Unsupported chain', { code: 'web3_unsupported_chain' })
  }
  if (chain === 'solana' && !web3SolanaEnabled) throw disabled('Solana Web3 provider is disabled')
  if (chain === 'ethereum' && !web3EthereumEnabled) {
    throw disabled('Ethereum Web3 provider is disabled')
  }
  const length = Buffer.byteLength(message)
  if (length < 64) throw refused('message is too short')
  if (length > 20 * 1024) throw refused('message must not exceed 20KB')
  const signedIn = await signInWithWallet(ctx, proofOf(chain, message, signature))
  switch (signedIn.outcome) {
    case 'signed-in':
      return c.json(await answerSignedIn(c, ctx, signedIn.signedIn))
    case 'malformed':
      throw refused(signedIn.why)
    case 'refused': {
      const name = chain === 'solana' ? 'Solana' : 'Ethereum'
      throw refused(problems[signedIn.why](name), { code: 'invalid_grant', isOAuth: true })
    }
  }
}

function disabled(message: string) {
  return refused(message, { status: 422, code: 'web3_provider_disabled' })
}

function proofOf(chain: 'ethereum' | 'solana', message: string, signature: string): WalletProof {
  if (chain === 'ethereum') {
    if (signature.replace(/^0x/, '').length !== 130) {
      throw refused(
        'signature must be 65 bytes long, encoded as a 130 character-long hexadecimal string',
      )
    }
    return { chain, message, signature }
  }
  if (signature.length !== 86 && signature.length !== 88) {
    throw refused('signature must be 64 bytes encoded as base64 with or without padding')
  }
  if (!/^[\w+/-]{86}(?:==)?$/.test(signature)) {
    throw refused('signature does not contain valid base64 characters')
  }
  return { chain, message, signature: Buffer.from(signature, 'base64url') }
}

const problems: Record<WalletProblem, (chain: string) => string> = {
  signature: () => 'Signature does not match address in message',
  'plain-http': (chain) => `Signed ${chain} message is using URI which does not use HTTPS`,
  'foreign-uri': (chain) =>
    `Signed ${chain} message is using URI which is not allowed on this server, message was signed for another app`,
  'foreign-domain': (chain) =>
    `Signed ${chain} message is using a Domain that does not match the one in URI which is not allowed on this server`,
  'too-early': (chain) => `Signed ${chain} message becomes valid in the future`,
  expired: (chain) => `Signed ${chain} message is expired`,
  'too-old': (chain) => `${chain} message was issued too long ago`,
  'too-new': (chain) => `${chain} message was issued too far in the future`,
}
