import { createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { createClient } from '@supabase/supabase-js'
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { after, minute, second } from '../../src/base/time.ts'
import { checksummed } from '../../src/base/web3-chains.ts'
import { claimsOf, type GotrueWorld, gotrueWorld } from './gotrue-world.ts'

const on = {
  GOTRUE_EXTERNAL_WEB3_ETHEREUM_ENABLED: 'true',
  GOTRUE_EXTERNAL_WEB3_SOLANA_ENABLED: 'true',
  GOTRUE_SITE_URL: 'https://app.example.com',
}

/** A wallet with a key of its own. */
function ethereumWallet() {
  const key = secp256k1.utils.randomSecretKey()
  const point = secp256k1.getPublicKey(key, false).subarray(1)
  const address = `0x${Buffer.from(keccak_256(point).subarray(-20)).toString('hex')}`
  return {
    address,
    sign(message: string): `0x${string}` {
      const text = Buffer.from(message)
      const prefix = `\x19Ethereum Signed Message:\n${text.length}`
      const hash = keccak_256(Buffer.concat([Buffer.from(prefix), text]))
      const made = secp256k1.sign(hash, key, { prehash: false, format: 'recovered' })
      const bytes = Buffer.concat([made.subarray(1), Buffer.from([27 + (made[0] ?? 0)])])
      return `0x${bytes.toString('hex')}`
    },
  }
}

function solanaWallet() {
  const { privateKey } = generateKeyPairSync('ed25519')
  const { x = '' } = createPublicKey(
    createPrivateKey(privateKey.export({ type: 'pkcs8', format: 'pem' })),
  ).export({ format: 'jwk' })
  const key = Buffer.from(x, 'base64url')
  return { key, address: base58(key), sign: (text: Uint8Array) => sign(null, text, privateKey) }
}

function base58(bytes: Buffer): string {
  const alphabet = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'
  let number = BigInt(`0x${bytes.toString('hex')}`)
  let text = ''
  for (; number > 0n; number /= 58n) text = `${alphabet[Number(number % 58n)]}${text}`
  for (const byte of bytes) {
    if (byte !== 0) break
    text = `1${text}`
  }
  return text
}

function clientOf(world: GotrueWorld) {
  return createClient('http://localhost:3001', 'anon', {
    auth: { persistSession: false, autoRefreshToken: false },
    global: { fetch: (input, init) => world.fetch(String(input), init) },
  })
}

interface Said {
  header: string
  domain: string
  address: string
  third: string
  statement: string | null
  uri: string
  version: string
  chainId: string | null
  issuedAt: string
  more: string[]
}

function text(world: GotrueWorld, name: string, address: string, change: Partial<Said> = {}) {
  const said: Said = {
    header: ` wants you to sign in with your ${name} account:`,
    domain: 'app.example.com',
    address,
    third: '',
    statement: 'Hello',
    uri: 'https://app.example.com/in',
    version: '1',
    chainId: name === 'Solana' ? 'solana:mainnet' : '1',
    issuedAt: world.ctx.now().toISOString(),
    more: [],
    ...change,
  }
  return [
    `${said.domain}${said.header}`,
    said.address,
    said.third,
    ...(said.statement === null ? [] : [said.statement, '']),
    `URI: ${said.uri}`,
    `Version: ${said.version}`,
    ...(said.chainId === null ? [] : [`Chain ID: ${said.chainId}`]),
    ...(said.issuedAt === '' ? [] : [`Issued At: ${said.issuedAt}`]),
    ...said.more,
  ].join('\n')
}

test('a wallet of Ethereum signs in with the official client', async () => {
  const world = await gotrueWorld(on)
  const wallet = ethereumWallet()
  const { data, error } = await clientOf(world).auth.signInWithWeb3({
    chain: 'ethereum',
    statement: 'I accept the terms',
    wallet: {
      request: async ({ method, params }: { method: string; params?: unknown }) => {
        if (method === 'eth_requestAccounts') return [checksummed(wallet.address)]
        if (method === 'eth_chainId') return '0x1'
        const [hex = ''] = params as string[]
        return wallet.sign(Buffer.from(hex.slice(2), 'hex').toString())
      },
    } as never,
    options: {
      url: 'https://app.example.com/in',
      signInWithEthereum: { issuedAt: world.ctx.now() },
    },
  })
  expect(error).toBeNull()
  const subject = `web3:ethereum:${wallet.address}`
  expect(data.user).toMatchObject({
    email: '',
    app_metadata: { provider: 'web3', providers: ['web3'] },
    identities: [
      {
        provider: 'web3',
        id: subject,
        identity_data: {
          sub: subject,
          custom_claims: {
            address: wallet.address,
            chain: 'ethereum',
            network: '1',
            domain: 'app.example.com',
            statement: 'I accept the terms',
          },
        },
      },
    ],
  })
  expect(claimsOf(data.session?.access_token ?? '').amr).toMatchObject([{ method: 'web3' }])
  const { rows } = await sql<{ traits: unknown }>`
    select payload->'traits' as traits from auth.audit_log_entries
    where payload->>'action' = 'login' and payload->'traits'->>'chain' is not null`.execute(
    world.ctx.db,
  )
  expect(rows).toEqual([
    {
      traits: {
        provider: 'web3',
        chain: 'ethereum',
        network: '1',
        address: wallet.address,
        domain: 'app.example.com',
        uri: 'https://app.example.com/in',
      },
    },
  ])
})

test('a wallet of Solana signs in with the official client, and is the same user next time', async () => {
  const world = await gotrueWorld(on)
  const wallet = solanaWallet()
  const signIn = () =>
    clientOf(world).auth.signInWithWeb3({
      chain: 'solana',
      wallet: {
        publicKey: { toBase58: () => wallet.address },
        signMessage: async (message: Uint8Array) => new Uint8Array(wallet.sign(message)),
      } as never,
      options: {
        url: 'https://app.example.com/in',
        signInWithSolana: { issuedAt: world.ctx.now().toISOString() },
      },
    })
  const first = await signIn()
  expect(first.error).toBeNull()
  world.pass(second)
  const again = await signIn()
  expect(again.data.user?.id).toBe(first.data.user?.id)
  expect(again.data.user?.identities?.map(({ id }) => id)).toEqual([
    `web3:solana:${wallet.address}`,
  ])
})

test('a Ledger wraps the message, and its signature is as good', async () => {
  const world = await gotrueWorld(on)
  const wallet = solanaWallet()
  const message = text(world, 'Solana', wallet.address)
  const domain = Buffer.alloc(32)
  domain.write('app.example.com')
  const length = Buffer.alloc(2)
  length.writeUInt16LE(message.length)
  const wrapped = Buffer.concat([
    Buffer.from('\xffsolana offchain\x00', 'latin1'),
    ...[domain, Buffer.from([0, 1]), wallet.key, length, Buffer.from(message)],
  ])
  const answer = await world.ask('POST', '/token?grant_type=web3', {
    body: { chain: 'solana', message, signature: wallet.sign(wrapped).toString('base64') },
  })
  expect(answer.status).toBe(200)
})

test('one wallet is one account, however its address is spelled (B6)', async () => {
  const world = await gotrueWorld(on)
  const wallet = ethereumWallet()
  const ids = []
  for (const address of [checksummed(wallet.address), wallet.address]) {
    const message = text(world, 'Ethereum', address)
    const { body } = await world.ask('POST', '/token?grant_type=web3', {
      body: { chain: 'ethereum', message, signature: wallet.sign(message) },
    })
    ids.push(body.user.id)
  }
  expect(ids[0]).toBe(ids[1])
})

test('of fifty who come with one message, one gets in, and nobody later', async () => {
  const world = await gotrueWorld(on)
  const wallet = ethereumWallet()
  const message = text(world, 'Ethereum', wallet.address)
  const signIn = () =>
    world.ask('POST', '/token?grant_type=web3', {
      body: { chain: 'ethereum', message, signature: wallet.sign(message) },
    })
  const answers = await Promise.all(Array.from({ length: 50 }, signIn))
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
  world.pass(10 * minute - 1)
  expect((await signIn()).body).toEqual({
    error: 'invalid_grant',
    error_description: 'Message was used already',
  })
  world.pass(2)
  expect((await signIn()).body.error_description).toBe('Ethereum message was issued too long ago')
  const { rows } = await sql`select id from auth.users`.execute(world.ctx.db)
  expect(rows).toHaveLength(1)
})

test('a message for another site, or another time, is refused', async () => {
  const world = await gotrueWorld({ ...on, GOTRUE_URI_ALLOW_LIST: 'http://localhost:5173/**' })
  const { ctx } = world
  const at = (milliseconds: number) => after(ctx.now(), milliseconds).toISOString()
  // biome-ignore format: a row of the table is a line.
  const table: [Partial<Said>, string][] = [
    [{ uri: 'http://app.example.com/' }, 'Signed $ message is using URI which does not use HTTPS'],
    [{ uri: 'https://evil.example.com/', domain: 'evil.example.com' }, 'Signed $ message is using URI which is not allowed on this server, message was signed for another app'],
    [{ domain: 'evil.example.com' }, 'Signed $ message is using a Domain that does not match the one in URI which is not allowed on this server'],
    [{ domain: 'evil.example.com', uri: 'http://localhost:5173/' }, 'Signed $ message is using a Domain that does not match the one in URI which is not allowed on this server'],
    [{ more: [`Not Before: ${at(minute)}`] }, 'Signed $ message becomes valid in the future'],
    [{ issuedAt: at(-2 * minute), more: [`Expiration Time: ${at(-minute)}`] }, 'Signed $ message is expired'],
    [{ issuedAt: at(-11 * minute) }, '$ message was issued too long ago'],
    [{ issuedAt: at(11 * minute) }, '$ message was issued too far in the future'],
  ]
  const ethereum = ethereumWallet()
  const solana = solanaWallet()
  const stranger = ethereumWallet()
  for (const [change, description] of table) {
    const one = text(world, 'Ethereum', ethereum.address, change)
    const other = text(world, 'Solana', solana.address, change)
    const signature = solana.sign(Buffer.from(other)).toString('base64url')
    for (const [name, body] of [
      ['Ethereum', { chain: 'ethereum', message: one, signature: ethereum.sign(one) }],
      ['Solana', { chain: 'solana', message: other, signature }],
    ] as const) {
      const answer = await world.ask('POST', '/token?grant_type=web3', { body })
      const error_description = description.replace('$', name)
      expect([answer.status, answer.body]).toEqual([
        400,
        { error: 'invalid_grant', error_description },
      ])
    }
  }
  const message = text(world, 'Ethereum', ethereum.address)
  for (const signature of [
    stranger.sign(message),
    `0x${'00'.repeat(65)}`,
    `0x${'ff'.repeat(65)}`,
    'z'.repeat(130),
  ]) {
    const { body } = await world.ask('POST', '/token?grant_type=web3', {
      body: { chain: 'ethereum', message, signature },
    })
    expect(body.error_description).toBe('Signature does not match address in message')
  }
  const local = text(world, 'Ethereum', ethereum.address, {
    domain: 'localhost:5173',
    uri: 'http://localhost:5173/',
  })
  const { status } = await world.ask('POST', '/token?grant_type=web3', {
    body: { chain: 'ethereum', message: local, signature: ethereum.sign(local).slice(2) },
  })
  expect(status).toBe(200)
})

test('a message that is none is refused with what is wrong in it', async () => {
  const world = await gotrueWorld(on)
  const wallet = ethereumWallet()
  const wrong = checksummed(wallet.address).replace(/[a-f]/i, (letter) =>
    letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase(),
  )
  // biome-ignore format: a row of the table is a line.
  const table: [Partial<Said> | string, string][] = [
    ['x'.repeat(64), 'siwe: message needs at least 6 lines'],
    [{ header: ' wants something else' }, 'siwe: message first line does not end in " wants you to sign in with your Ethereum account:"'],
    [{ domain: 'not a domain' }, 'siwe: domain in first line of message is not valid'],
    [{ address: '0x12' }, 'siwe: wallet address is not a valid Ethereum address'],
    [{ address: wrong }, 'siwe: wallet address is not a valid Ethereum address'],
    [{ third: 'x' }, 'siwe: third line must be empty'],
    [{ uri: 'here' }, 'siwe: URI is not valid'],
    [{ uri: '' }, 'siwe: URI is not specified'],
    [{ version: '2' }, 'siwe: Version value is not supported, expected 1 got "2"'],
    [{ chainId: 'x' }, 'siwe: Chain ID is not valid'],
    [{ chainId: '0' }, 'siwe: Chain ID is not valid'],
    [{ issuedAt: 'today' }, 'siwe: Issued At is not a valid ISO8601 timestamp'],
    [{ issuedAt: '' }, 'siwe: Issued At is not specified'],
    [{ more: ['Expiration Time: never'] }, 'siwe: Expiration Time is not a valid ISO8601 timestamp'],
    [{ more: ['Not Before: ever'] }, 'siwe: Not Before is not a valid ISO8601 timestamp'],
    [{ more: ['Expiration Time: 2020-01-01T00:00:00Z'] }, 'siwe: Issued At is after Expiration Time'],
    [{ more: ['Expiration Time: 2030-01-01T00:00:00Z', 'Not Before: 2031-01-01T00:00:00Z'] }, 'siwe: Not Before is after Expiration Time'],
    [{ more: ['nothing'] }, 'siwe: encountered unparsable line at index 9'],
    [{ more: ['URI: https://b.test/'] }, 'siwe: encountered unparsable line at index 9'],
    [{ more: ['Resources:', '- https://a.test/', '- x'] }, 'siwe: Resource at position 1 has invalid URI'],
  ]
  for (const [change, message] of table) {
    const said =
      typeof change === 'string' ? change : text(world, 'Ethereum', wallet.address, change)
    const { status, body } = await world.ask('POST', '/token?grant_type=web3', {
      body: { chain: 'ethereum', message: said, signature: wallet.sign(said) },
    })
    expect([status, body.error_code, body.msg]).toEqual([400, 'validation_failed', message])
  }
  const address = '1'.repeat(31)
  const said = text(world, 'Solana', `${address}0`)
  const { body } = await world.ask('POST', '/token?grant_type=web3', {
    body: { chain: 'solana', message: said, signature: 'A'.repeat(86) },
  })
  expect(body.msg).toBe('siws: wallet address is not in base58 format')
})

test('what is no request at all is refused before it is read', async () => {
  const world = await gotrueWorld(on)
  const message = 'x'.repeat(64)
  const { GOTRUE_EXTERNAL_WEB3_SOLANA_ENABLED: _solana, ...noSolana } = on
  const { GOTRUE_EXTERNAL_WEB3_ETHEREUM_ENABLED: _ethereum, ...noEthereum } = on
  // biome-ignore format: a row of the table is a line.
  const table = [
    [world.under({}), { chain: 'solana' }, 422, 'web3_provider_disabled', 'Web3 provider is disabled'],
    [world.under(noSolana), { chain: 'solana' }, 422, 'web3_provider_disabled', 'Solana Web3 provider is disabled'],
    [world.under(noEthereum), { chain: 'ethereum' }, 422, 'web3_provider_disabled', 'Ethereum Web3 provider is disabled'],
    [world, {}, 400, 'web3_unsupported_chain', 'Unsupported chain'],
    [world, { chain: 'ethereum', message: 'x' }, 400, 'validation_failed', 'message is too short'],
    [world, { chain: 'solana', message: 'x'.repeat(20 * 1024 + 1) }, 400, 'validation_failed', 'message must not exceed 20KB'],
    [world, { chain: 'ethereum', message, signature: '0x12' }, 400, 'validation_failed', 'signature must be 65 bytes long, encoded as a 130 character-long hexadecimal string'],
    [world, { chain: 'solana', message, signature: 'x' }, 400, 'validation_failed', 'signature must be 64 bytes encoded as base64 with or without padding'],
    [world, { chain: 'solana', message, signature: '!'.repeat(86) }, 400, 'validation_failed', 'signature does not contain valid base64 characters'],
  ] as const
  for (const [where, body, status, code, msg] of table) {
    const answer = await where.ask('POST', '/token?grant_type=web3', { body })
    expect([answer.status, answer.body.error_code, answer.body.msg]).toEqual([status, code, msg])
  }
})

test('nobody new comes where sign-ups are off, and wallets are held to their own limit (J6)', async () => {
  const world = await gotrueWorld({
    ...on,
    GOTRUE_DISABLE_SIGNUP: 'true',
    GOTRUE_RATE_LIMIT_HEADER: 'x-place',
  })
  const wallet = ethereumWallet()
  const message = text(world, 'Ethereum', wallet.address)
  const signIn = () =>
    world.ask('POST', '/token?grant_type=web3', {
      body: { chain: 'ethereum', message, signature: wallet.sign(message) },
      headers: { 'x-place': 'here' },
    })
  expect((await signIn()).body.error_code).toBe('signup_disabled')
  // What let nobody in used nothing up.
  const { rows } = await sql`select 1 from idp.spent_proofs`.execute(world.ctx.db)
  expect(rows).toEqual([])
  const statuses = []
  for (let at = 0; at < 30; at += 1) statuses.push((await signIn()).status)
  expect(statuses.at(-1)).toBe(429)
})
