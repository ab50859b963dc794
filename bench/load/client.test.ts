import { createServer, type RequestListener } from 'node:http'
import { createServer as createSocketServer } from 'node:net'
import { expect, test } from 'vitest'
import { listenOnLoopback } from '../../test/setup/listen.ts'
import { createClient } from './client.ts'

async function serving(listener: RequestListener) {
  const server = createServer(listener)
  const port = await listenOnLoopback(server)
  return {
    origin: `http://127.0.0.1:${port}`,
    end: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

test('answers of a length, in chunks and without a body are read, on connections that are kept', async () => {
  const ports = new Set<number | undefined>()
  const { origin, end } = await serving((request, response) => {
    ports.add(request.socket.remotePort)
    if (request.url === '/chunks') {
      response.write('häl')
      setTimeout(() => response.end('fte'), 5)
    } else if (request.url === '/nothing') response.writeHead(204).end()
    else if (request.url === '/away') {
      response.writeHead(303, { location: '/there', 'set-cookie': ['a=1', 'b=2'] }).end()
    } else {
      let got = ''
      request.on('data', (chunk) => {
        got += chunk
      })
      request.on('end', () => response.end(`${request.method} ${got}`))
    }
  })
  const client = createClient({ origin, connections: 2 })
  const body = 'größe'
  const echoed = await client.ask({ method: 'POST', path: '/', body })
  expect(echoed).toMatchObject({ status: 200, text: 'POST größe' })
  expect((await client.ask({ method: 'GET', path: '/chunks' })).text).toBe('hälfte')
  expect(await client.ask({ method: 'GET', path: '/nothing' })).toMatchObject({
    status: 204,
    text: '',
  })
  const away = await client.ask({ method: 'GET', path: '/away' })
  expect(away.header('location')).toBe('/there')
  expect(away.headers('set-cookie')).toEqual(['a=1', 'b=2'])
  expect(away.header('x-none')).toBeNull()
  expect(ports.size).toBe(1)
  client.close()
  end()
})

test('no more connections than allowed are opened; who finds none waits', async () => {
  let most = 0
  let now = 0
  const { origin, end } = await serving((_, response) => {
    now += 1
    most = Math.max(most, now)
    setTimeout(() => {
      now -= 1
      response.end('done')
    }, 10)
  })
  const client = createClient({ origin, connections: 3 })
  const asked = Array.from({ length: 12 }, () => client.ask({ method: 'GET', path: '/' }))
  expect(client.open).toBe(3)
  expect(client.waiting).toBe(9)
  expect((await Promise.all(asked)).map(({ text }) => text)).toEqual(Array(12).fill('done'))
  expect(most).toBe(3)
  client.close()
  end()
})

test('an answer that comes byte by byte is read whole', async () => {
  const text =
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n'
  const server = createSocketServer((socket) => {
    socket.setNoDelay(true)
    socket.on('error', () => {})
    socket.once('data', async () => {
      for (const byte of text) {
        socket.write(byte)
        await new Promise((resolve) => setImmediate(resolve))
      }
    })
  })
  const port = await listenOnLoopback(server)
  const client = createClient({ origin: `http://127.0.0.1:${port}`, connections: 1 })
  expect((await client.ask({ method: 'GET', path: '/' })).text).toBe('abcdefg')
  client.close()
  server.close()
})

test('a connection that breaks is a reset, and one that stays silent a timeout', async () => {
  const { origin, end } = await serving((request) => {
    if (request.url === '/break') request.socket.destroy()
  })
  const client = createClient({ origin, connections: 4, timeoutMs: 200 })
  const kind = (path: string) =>
    client.ask({ method: 'GET', path }).then(
      ({ status }) => status,
      (error) => error.kind,
    )
  expect(await kind('/break')).toBe('reset')
  expect(await kind('/silent')).toBe('timeout')
  expect(client.open).toBe(0)
  client.close()
  end()
  const nobody = createClient({ origin, connections: 1 })
  await expect(nobody.ask({ method: 'GET', path: '/' })).rejects.toMatchObject({ kind: 'reset' })
  nobody.close()
})
