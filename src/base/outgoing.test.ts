import { createServer } from 'node:http'
import { expect, test } from 'vitest'
import { listenOnLoopback } from '../../test/setup/listen.ts'
import { readConfig } from './config.ts'
import { askOutside, isPrivateAddress } from './outgoing.ts'

const production = readConfig({
  mode: 'start',
  environment: {
    DATABASE_URL: 'postgres://localhost/x',
    SEKISHO_PUBLIC_URL: 'https://id.example.com',
    SEKISHO_SECRET: 'a secret of 32 characters or more',
    SEKISHO_PRIVATE_HOSTS: 'keys.internal, 127.0.0.2',
  },
})

test.each([
  '127.0.0.1',
  '10.1.2.3',
  '172.31.0.1',
  '192.168.1.1',
  '169.254.169.254',
  '100.100.0.1',
  '0.0.0.0',
  '224.0.0.1',
  '255.255.255.255',
  '::1',
  '::',
  'fe80::1',
  'fd00::1',
  '::ffff:10.0.0.1',
  '64:ff9b::a00:1',
  '2002:a00:1::',
])('%s is inside (E10, H1)', (address) => {
  expect(isPrivateAddress(address)).toBe(true)
})

test.each(['1.1.1.1', '172.32.0.1', '2606:4700::1111', 'example.com'])('%s is not', (address) => {
  expect(isPrivateAddress(address)).toBe(false)
})

test.each([
  'http://keys.example.com/jwks',
  'https://127.0.0.1/jwks',
  'https://0x7f000001/jwks',
  'https://2130706433/',
  'https://[::1]/jwks',
  'https://[::ffff:127.0.0.1]/jwks',
  'https://somebody@keys.example.com/',
  'ftp://keys.internal/',
  'file:///etc/passwd',
  'nonsense',
])('%s is refused before anything is asked (H1)', async (address) => {
  const asked: string[] = []
  const ctx = {
    config: production,
    fetch: async (input: Parameters<typeof fetch>[0]) => {
      asked.push(String(input))
      return Response.json({})
    },
  }
  expect(await askOutside(ctx, address)).toEqual({ outcome: 'address-refused' })
  expect(asked).toEqual([])
})

test('a name that leads inside is not connected to, unless it is trusted (H1)', async () => {
  let connections = 0
  const server = createServer((_, response) => response.end('{}'))
  server.on('connection', () => {
    connections += 1
  })
  const port = await listenOnLoopback(server)
  const ctx = { config: production, fetch: globalThis.fetch }
  expect(await askOutside(ctx, `https://localhost:${port}/`)).toEqual({ outcome: 'unreachable' })
  expect(connections).toBe(0)
  const trusted = { ...ctx, config: { ...production, privateHosts: ['localhost'] } }
  expect(await askOutside(trusted, `http://localhost:${port}/`)).toMatchObject({
    outcome: 'answered',
    status: 200,
    text: '{}',
  })
  expect(connections).toBe(1)
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

test('redirects are not followed, and a flood of an answer is left (H1)', async () => {
  const answers = [
    new Response(null, { status: 302, headers: { location: 'https://127.0.0.1/' } }),
    new Response('a'.repeat(70_000)),
  ]
  const ctx = { config: production, fetch: async () => answers.shift() ?? Response.error() }
  expect(await askOutside(ctx, 'https://a.example')).toEqual({ outcome: 'redirected' })
  expect(await askOutside(ctx, 'https://a.example')).toEqual({ outcome: 'too-large' })
})
