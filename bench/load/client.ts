import { connect, type Socket } from 'node:net'

/**
 * A client of HTTP/1.1 that costs little: the generator shares a core with the database, and what it takes is lost to both
 * (bench/README.md has what undici and `node:http` cost instead). One request at a time on each connection.
 */
export interface Client {
  ask(asked: Asked): Promise<Answer>
  /** How many connections are open, and how many requests wait for one. */
  readonly open: number
  readonly waiting: number
  close(): void
}

export interface Asked {
  method: string
  path: string
  headers?: Record<string, string>
  body?: string
}

export interface Answer {
  status: number
  /** The first header of that name, in lower case. */
  header(name: string): string | null
  headers(name: string): string[]
  text: string
}

export interface ClientOptions {
  /** `http://127.0.0.1:3001`: a path in it is left out. */
  origin: string
  connections: number
  timeoutMs?: number
}

/** No answer came. */
export class NoAnswer extends Error {
  readonly kind: 'timeout' | 'reset'
  constructor(kind: 'timeout' | 'reset', message: string) {
    super(message)
    this.kind = kind
  }
}

interface Call {
  bytes: string
  hasBody: boolean
  began: number
  resolve(answer: Answer): void
  reject(error: Error): void
}

interface Line {
  socket: Socket
  call: Call | null
  got: Buffer
  idleSince: number
}

/** Servers of Node close what is idle for five seconds; what is idle nearly so long may be closing. */
const staleMs = 2500

export function createClient({ origin, connections, timeoutMs = 10_000 }: ClientOptions): Client {
  const { hostname, port, host } = new URL(origin)
  const idle: Line[] = []
  const lines = new Set<Line>()
  const queue: Call[] = []
  // One timer for all: one for each request would cost more than the request.
  const sweep = setInterval(dropLate, Math.min(100, timeoutMs / 4))
  sweep.unref()

  function dropLate(): void {
    const now = performance.now()
    const isLate = (call: Call | null) => call !== null && now - call.began > timeoutMs
    for (const line of lines) {
      if (isLate(line.call)) fail(line, new NoAnswer('timeout', `no answer in ${timeoutMs} ms`))
    }
    while (isLate(queue[0] ?? null)) {
      queue.shift()?.reject(new NoAnswer('timeout', `no connection in ${timeoutMs} ms`))
    }
  }

  function fail(line: Line, error: Error): void {
    const { call } = line
    line.call = null
    drop(line)
    call?.reject(error)
    advance()
  }

  function drop(line: Line): void {
    lines.delete(line)
    const at = idle.indexOf(line)
    if (at >= 0) idle.splice(at, 1)
    line.socket.destroy()
  }

  /** The line that was free last: what the server has warm, it keeps warm. */
  function freeLine(): Line | null {
    const now = performance.now()
    for (let line = idle.pop(); line !== undefined; line = idle.pop()) {
      if (now - line.idleSince < staleMs) return line
      drop(line)
    }
    return lines.size < connections ? openLine() : null
  }

  function openLine(): Line {
    const socket = connect({ host: hostname, port: Number(port), noDelay: true })
    const line: Line = { socket, call: null, got: empty, idleSince: 0 }
    lines.add(line)
    socket.on('data', (chunk) => receive(line, chunk))
    socket.on('error', (error) => fail(line, new NoAnswer('reset', error.message)))
    socket.on('close', () => {
      if (lines.has(line)) fail(line, new NoAnswer('reset', 'the connection was closed'))
    })
    return line
  }

  function receive(line: Line, chunk: Buffer): void {
    line.got = line.got.length === 0 ? chunk : Buffer.concat([line.got, chunk])
    const { call } = line
    if (call === null) {
      drop(line)
      return
    }
    const read = readAnswer(line.got, call.hasBody)
    if (read === null) return
    line.call = null
    line.got = empty
    if (read.isLast || read.length < line.got.length) drop(line)
    else {
      line.idleSince = performance.now()
      idle.push(line)
    }
    call.resolve(read.answer)
    advance()
  }

  function advance(): void {
    while (queue.length > 0) {
      const line = freeLine()
      const call = line === null ? undefined : queue.shift()
      if (line === null || call === undefined) return
      send(line, call)
    }
  }

  function send(line: Line, call: Call): void {
    line.call = call
    line.socket.write(call.bytes)
  }

  return {
    ask: ({ method, path, headers = {}, body }) =>
      new Promise((resolve, reject) => {
        let bytes = `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\n`
        for (const name in headers) bytes += `${name}: ${headers[name]}\r\n`
        if (body !== undefined) bytes += `content-length: ${Buffer.byteLength(body)}\r\n`
        bytes += `\r\n${body ?? ''}`
        const hasBody = method !== 'HEAD'
        const call: Call = { bytes, hasBody, began: performance.now(), resolve, reject }
        const line = queue.length === 0 ? freeLine() : null
        if (line === null) queue.push(call)
        else send(line, call)
      }),
    get open() {
      return lines.size
    },
    get waiting() {
      return queue.length
    },
    close() {
      clearInterval(sweep)
      for (const line of [...lines]) fail(line, new NoAnswer('reset', 'the client was closed'))
      for (const call of queue.splice(0))
        call.reject(new NoAnswer('reset', 'the client was closed'))
    },
  }
}

const empty = Buffer.alloc(0)

interface Read {
  answer: Answer
  length: number
  isLast: boolean
}

/** A whole answer, or null where the rest has not come yet. Servers that say neither length nor chunks are not spoken to. */
function readAnswer(got: Buffer, hasBody: boolean): Read | null {
  const end = got.indexOf('\r\n\r\n')
  if (end < 0) return null
  const head = got.toString('latin1', 0, end)
  const status = Number(head.slice(9, 12))
  const from = end + 4
  const rest = hasBody && status !== 204 && status !== 304 ? bodyOf(got, from, head) : noBody(from)
  if (rest === null) return null
  const isLast = /\r\nconnection: close/i.test(head)
  const answer: Answer = {
    status,
    text: rest.text,
    header: (name) => headersOf(head, name)[0] ?? null,
    headers: (name) => headersOf(head, name),
  }
  return { answer, length: rest.until, isLast }
}

function noBody(until: number) {
  return { text: '', until }
}

function bodyOf(got: Buffer, from: number, head: string): { text: string; until: number } | null {
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
  if (length !== undefined) {
    const until = from + Number(length)
    return got.length < until ? null : { text: got.toString('utf8', from, until), until }
  }
  if (!/\r\ntransfer-encoding: *chunked/i.test(head)) return noBody(from)
  const parts: Buffer[] = []
  for (let at = from; ; ) {
    const line = got.indexOf('\r\n', at)
    if (line < 0) return null
    const size = Number.parseInt(got.toString('latin1', at, line), 16)
    const start = line + 2
    const until = start + size + 2
    if (got.length < until) return null
    if (size === 0) return { text: Buffer.concat(parts).toString('utf8'), until }
    parts.push(got.subarray(start, start + size))
    at = until
  }
}

function headersOf(head: string, name: string): string[] {
  return head
    .split('\r\n')
    .slice(1)
    .flatMap((line) => {
      const colon = line.indexOf(':')
      return line.slice(0, colon).toLowerCase() === name ? [line.slice(colon + 1).trim()] : []
    })
}
