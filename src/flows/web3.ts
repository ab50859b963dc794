import type { Context, Tx } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { isAllowedRedirect } from '../base/redirect-glob.ts'
import { after } from '../base/time.ts'
import { readWalletMessage, type WalletChain, type WalletMessage } from '../base/web3.ts'
import {
  checksummed,
  ethereum,
  isSignedOnEthereum,
  isSignedOnSolana,
  solana,
} from '../base/web3-chains.ts'
import { findIdentity } from '../model/identity.ts'
import { spendProof } from '../model/replay.ts'
import type { User } from '../model/user.ts'
import { admit } from './admit.ts'
import { arrive } from './external-account.ts'
import { readExternal } from './external-claims.ts'
import type { SignedIn } from './sign-in.ts'

/** What a wallet signed, and its signature: bytes on Solana, hexadecimal on Ethereum. */
export type WalletProof =
  | { chain: 'ethereum'; message: string; signature: string }
  | { chain: 'solana'; message: string; signature: Uint8Array }

export type WalletProblem =
  | 'signature'
  | 'plain-http'
  | 'foreign-uri'
  | 'foreign-domain'
  | 'too-early'
  | 'expired'
  | 'too-old'
  | 'too-new'

export type WalletSignIn =
  | { outcome: 'signed-in'; signedIn: SignedIn }
  | { outcome: 'malformed'; why: string }
  | { outcome: 'refused'; why: WalletProblem }

const provider = 'web3'

/**
 * Signs in whoever holds a wallet, by a message that it signed for this site and not long ago. A message is good once:
 * throws `invalid_grant` when it comes again. Then what `arrive` and `admit` refuse.
 */
export async function signInWithWallet(ctx: Context, proof: WalletProof): Promise<WalletSignIn> {
  const chain = proof.chain === 'solana' ? solana : ethereum
  const parsed = readWalletMessage(proof.message, chain)
  if (parsed.outcome === 'malformed') return parsed
  const { message } = parsed
  const isSigned =
    proof.chain === 'solana'
      ? isSignedOnSolana(message, proof.signature)
      : isSignedOnEthereum(message, proof.signature)
  if (!isSigned) return { outcome: 'refused', why: 'signature' }
  const why = placeProblem(ctx, message) ?? timeProblem(ctx, message, chain)
  if (why !== null) return { outcome: 'refused', why }
  const external = readExternal(
    provider,
    {
      subject: await subjectOf(ctx, message, chain),
      issuer: '',
      emails: [],
      claims: {},
      extra: {
        address: message.address,
        chain: chain.id,
        network: message.chainId,
        domain: message.domain,
        statement: message.statement ?? '',
      },
    },
    { isEmailOptional: true },
  )
  const arrival = { external, isEmailOptional: true, redirectTo: ctx.config.gotrue.siteUrl }
  const signedIn = await arrive(ctx, arrival, (ctx, user) => finish(ctx, { user, message, chain }))
  return { outcome: 'signed-in', signedIn }
}

/** The message says for which site it was signed: a stranger's page must not collect messages for ours. */
function placeProblem(ctx: Context, { uri, uriText, domain }: WalletMessage): WalletProblem | null {
  const { siteUrl, uriAllowList: patterns } = ctx.config.gotrue
  const isAllowed = (address: string) => isAllowedRedirect(address, { siteUrl, patterns })
  const isLocal = uri.hostname === 'localhost'
  if (uri.protocol !== 'https:' && !isLocal) return 'plain-http'
  if (!isAllowed(uriText)) return 'foreign-uri'
  const place = URL.parse(`${uri.protocol}//${domain}/`)
  if (place?.host !== uri.host) return 'foreign-domain'
  return isLocal || isAllowed(`https://${domain}/`) ? null : 'foreign-domain'
}

function timeProblem(
  ctx: Context,
  { issuedAt, expiresAt, notBefore }: WalletMessage,
  chain: WalletChain,
): WalletProblem | null {
  const now = ctx.now()
  const validity = validityOf(ctx, chain)
  if (notBefore !== null && now < notBefore) return 'too-early'
  if (expiresAt !== null && now > expiresAt) return 'expired'
  if (now > after(issuedAt, validity)) return 'too-old'
  return now < after(issuedAt, -validity) ? 'too-new' : null
}

function validityOf({ config: { gotrue } }: Tx, { id }: WalletChain): number {
  return id === 'solana' ? gotrue.web3SolanaValidity : gotrue.web3EthereumValidity
}

/** One wallet is one account, however its address is spelled: libraries write Ethereum's in either case. */
async function subjectOf(
  ctx: Context,
  { address }: WalletMessage,
  { id }: WalletChain,
): Promise<string> {
  const named = (spelling: string) => `web3:${id}:${spelling}`
  if (id === 'solana') return named(address)
  const spellings = [...new Set([address, address.toLowerCase(), checksummed(address)])]
  for (const spelling of spellings) {
    const subject = named(spelling)
    if ((await findIdentity(ctx, { provider, subject })) !== null) return subject
  }
  return named(address)
}

async function finish(
  ctx: Tx,
  { user, message, chain }: { user: User; message: WalletMessage; chain: WalletChain },
): Promise<SignedIn> {
  const { address, domain, chainId: network, raw, uriText: uri, issuedAt } = message
  const goodUntil = after(issuedAt, validityOf(ctx, chain))
  const isFirst = await spendProof(ctx, {
    kind: 'web3',
    owner: `${chain.id}:${address.toLowerCase()}`,
    name: raw,
    lifetime: goodUntil.getTime() - ctx.now().getTime() + 1,
  })
  if (!isFirst) throw new Fault('invalid_grant', { why: 'message-used' })
  const session = await admit(ctx, user, {
    method: 'web3',
    traits: { provider, chain: chain.id, network, address, domain, uri },
    isVouchedFor: true,
  })
  return { user, session }
}
