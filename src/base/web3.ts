import { Fault, isFault } from './fault.ts'

/**
 * What a wallet signs: Sign-In with Ethereum (EIP-4361), and Solana's form of it. One reader for both; the errors are
 * GoTrue's own sentences, after the chain's short name (`siwe`, `siws`).
 */
export interface WalletMessage {
  /** As it was signed. */
  raw: string
  domain: string
  address: string
  statement: string | null
  uri: URL
  /** As it was written. */
  uriText: string
  /** The network's name; empty where none is said. */
  chainId: string
  issuedAt: Date
  expiresAt: Date | null
  notBefore: Date | null
}

export interface WalletChain {
  id: 'ethereum' | 'solana'
  /** Before each error. */
  prefix: 'siwe' | 'siws'
  /** As people read it. */
  name: 'Ethereum' | 'Solana'
  isAddress(text: string): boolean
  addressError: string
  isNetwork(text: string): boolean
}

export type ReadWalletMessage =
  | { outcome: 'read'; message: WalletMessage }
  | { outcome: 'malformed'; why: string }

const domainForm =
  /^(localhost|(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?\.)+[a-zA-Z]{2,})(?::\d{1,5})?$/

export function readWalletMessage(raw: string, chain: WalletChain): ReadWalletMessage {
  try {
    return { outcome: 'read', message: read(raw, chain) }
  } catch (error) {
    if (!isFault(error, 'input_invalid')) throw error
    return { outcome: 'malformed', why: `${chain.prefix}: ${error.details.why}` }
  }
}

function malformed(why: string): Fault {
  return new Fault('input_invalid', { why })
}

function read(raw: string, chain: WalletChain): WalletMessage {
  const lines = raw.split('\n')
  if (lines.length < 6) throw malformed('message needs at least 6 lines')
  const [header = '', address = '', third, fourth, fifth] = lines
  const ending = ` wants you to sign in with your ${chain.name} account:`
  if (!header.endsWith(ending)) {
    throw malformed(`message first line does not end in "${ending}"`)
  }
  const domain = header.slice(0, -ending.length).trim()
  if (!domainForm.test(domain)) throw malformed('domain in first line of message is not valid')
  if (!chain.isAddress(address.trim())) throw malformed(chain.addressError)
  if (third !== '') throw malformed('third line must be empty')
  const statement = fourth !== '' && fifth === '' ? (fourth ?? null) : null
  const fields = readFields(lines, statement === null ? 3 : 5)
  const uriText = fields.get('URI') ?? ''
  const issued = timeOf(fields, 'Issued At')
  const expiresAt = timeOf(fields, 'Expiration Time')
  const notBefore = timeOf(fields, 'Not Before')
  const chainId = fields.get('Chain ID') ?? ''
  if (uriText !== '' && !isAbsolute(uriText)) throw malformed('URI is not valid')
  if (fields.has('Chain ID') && !chain.isNetwork(chainId)) {
    throw malformed('Chain ID is not valid')
  }
  const version = fields.get('Version') ?? ''
  if (version !== '1') {
    throw malformed(`Version value is not supported, expected 1 got ${JSON.stringify(version)}`)
  }
  if (issued === null) throw malformed('Issued At is not specified')
  if (uriText === '') throw malformed('URI is not specified')
  if (expiresAt !== null && issued > expiresAt) {
    throw malformed('Issued At is after Expiration Time')
  }
  if (notBefore !== null && expiresAt !== null && notBefore > expiresAt) {
    throw malformed('Not Before is after Expiration Time')
  }
  return {
    raw,
    domain,
    address: address.trim(),
    statement,
    uri: new URL(uriText),
    uriText,
    chainId,
    issuedAt: issued,
    expiresAt,
    notBefore,
  }
}

/** A field that is there twice could be shown to its owner as one thing, and read here as another. */
function readFields(lines: readonly string[], start: number): Map<string, string> {
  const fields = new Map<string, string>()
  let resources: number | null = null
  for (const [index, untrimmed] of lines.entries()) {
    const line = untrimmed.trim()
    if (index < start || line === '') continue
    if (resources !== null && line.startsWith('- ')) {
      if (!isAbsolute(line.slice(2).trim())) {
        throw malformed(`Resource at position ${resources} has invalid URI`)
      }
      resources += 1
      continue
    }
    const at = line.indexOf(':')
    const name = line.slice(0, at)
    if (at === -1 || fields.has(name)) {
      throw malformed(`encountered unparsable line at index ${index}`)
    }
    resources = line === 'Resources:' ? 0 : null
    fields.set(name, line.slice(at + 1).trim())
  }
  return fields
}

function isAbsolute(text: string): boolean {
  return /^[a-z][a-z0-9+.-]*:/i.test(text) && URL.canParse(text)
}

const timeForm = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/

function timeOf(fields: ReadonlyMap<string, string>, name: string): Date | null {
  const text = fields.get(name)
  if (text === undefined) return null
  if (!timeForm.test(text) || Number.isNaN(Date.parse(text))) {
    throw malformed(`${name} is not a valid ISO8601 timestamp`)
  }
  return new Date(text)
}
