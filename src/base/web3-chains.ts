import { ed25519 } from '@noble/curves/ed25519.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import type { WalletChain, WalletMessage } from './web3.ts'

export const ethereum: WalletChain = {
  id: 'ethereum',
  prefix: 'siwe',
  name: 'Ethereum',
  isAddress: isEthereumAddress,
  addressError: 'wallet address is not a valid Ethereum address',
  isNetwork: (text) => /^\+?0*[1-9]\d{0,17}$/.test(text),
}

export const solana: WalletChain = {
  id: 'solana',
  prefix: 'siws',
  name: 'Solana',
  isAddress: (text) => /^[a-zA-Z0-9]{32,44}$/.test(text) && decodeBase58(text)?.length === 32,
  addressError: 'wallet address is not in base58 format',
  isNetwork: (text) => text === '' || /^solana:(main|dev|test|local)net$/.test(text),
}

/** In one case, or with the checksum of EIP-55 right: a letter that was mistyped is somebody else's wallet. */
function isEthereumAddress(text: string): boolean {
  if (!/^0x[0-9a-fA-F]{40}$/.test(text)) return false
  const digits = text.slice(2)
  const isPlain = digits === digits.toLowerCase() || digits === digits.toUpperCase()
  return isPlain || text === checksummed(text)
}

/** The address with the case of its letters as EIP-55 has it. */
export function checksummed(address: string): string {
  const digits = address.slice(2).toLowerCase()
  const hash = Buffer.from(keccak_256(Buffer.from(digits))).toString('hex')
  return `0x${[...digits].map((digit, at) => (Number.parseInt(hash[at] ?? '0', 16) >= 8 ? digit.toUpperCase() : digit)).join('')}`
}

/** Whether the wallet at the message's address made the signature (`personal_sign`, ERC-191): 65 bytes, hexadecimal. */
export function isSignedOnEthereum(message: WalletMessage, signature: string): boolean {
  const bytes = Buffer.from(signature.replace(/^0x/, ''), 'hex')
  const last = bytes[64]
  if (bytes.length !== 65 || last === undefined) return false
  const recovery = last >= 27 ? last - 27 : last
  if (recovery !== 0 && recovery !== 1) return false
  const text = Buffer.from(message.raw)
  const prefix = Buffer.from(`\x19Ethereum Signed Message:\n${text.length}`)
  const hash = keccak_256(Buffer.concat([prefix, text]))
  try {
    const point = secp256k1.Signature.fromBytes(bytes.subarray(0, 64), 'compact')
      .addRecoveryBit(recovery)
      .recoverPublicKey(hash)
    const key = point.toBytes(false).subarray(1)
    const address = Buffer.from(keccak_256(key).subarray(-20)).toString('hex')
    return `0x${address}` === message.address.toLowerCase()
  } catch {
    // Numbers that are on no curve: the library throws.
    return false
  }
}

/** The same for a wallet of Solana: 64 bytes over the text itself, or over what a Ledger wraps it into. */
export function isSignedOnSolana(message: WalletMessage, signature: Uint8Array): boolean {
  const key = decodeBase58(message.address)
  if (key?.length !== 32 || signature.length !== 64) return false
  const text = Buffer.from(message.raw)
  return [text, offChain(message, key, text)].some((signed) => {
    try {
      // Strictly: a key of small order would accept what nobody signed.
      return ed25519.verify(signature, signed, key, { zip215: false })
    } catch {
      return false
    }
  })
}

/** Solana's envelope for messages that are no transactions (anza.xyz, off-chain message signing). */
function offChain({ domain }: WalletMessage, key: Uint8Array, text: Buffer): Buffer {
  const place = Buffer.alloc(32)
  place.write(domain)
  const length = Buffer.alloc(2)
  length.writeUInt16LE(text.length)
  return Buffer.concat([
    Buffer.from([0xff]),
    Buffer.from('solana offchain'),
    Buffer.from([0]),
    place,
    Buffer.from([0, 1]),
    key,
    length,
    text,
  ])
}

const base58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'

/** Null for what is none. */
function decodeBase58(text: string): Uint8Array | null {
  let number = 0n
  for (const character of text) {
    const digit = base58.indexOf(character)
    if (digit === -1) return null
    number = number * 58n + BigInt(digit)
  }
  const zeros = /^1*/.exec(text)?.[0].length ?? 0
  const hex = number === 0n ? '' : number.toString(16)
  return Buffer.concat([
    Buffer.alloc(zeros),
    Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex'),
  ])
}
