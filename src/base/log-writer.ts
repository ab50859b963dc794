import { write, writeSync } from 'node:fs'
import process from 'node:process'
import { second } from './time.ts'

/** Takes lines, and writes them when there are enough of them. Nobody waits for that. */
export interface LogWriter {
  write(line: string): void
  /** How many lines were given up. */
  dropped(): number
}

/** What waits to be written, in characters. Who reads the log may be slow, or stand still: lines are lost then, not memory. */
const limit = 4 * 1024 * 1024

/**
 * Lines are written in pieces of so many characters, or when they have waited so long (milliseconds): a write for each
 * costs a tenth of a quick request, and one for each 4 KB still a twentieth, since another thread is woken for it.
 */
const piece = { length: 32 * 1024, patience: 100 }

/** So long the end of the process waits for a reader that is slow. */
const lastPatience = second

/**
 * Writes to a file descriptor. What is left when the process ends is written before it goes, unless nobody can take it:
 * a reader that has gone, or a full disk, must not keep a process that wants to end (pino's own writer tries for ever).
 */
export function createLogWriter(fd: number): LogWriter {
  let waiting = ''
  /** The piece whose turn it is, and whether the system has it right now. */
  let current = Buffer.alloc(0)
  let isWriting = false
  let isOpen = true
  let dropped = 0
  let timer: NodeJS.Timeout | undefined
  let lastWritten = Number.NEGATIVE_INFINITY

  /** At once where little is said; where much is, what comes meanwhile goes along. */
  function later(): void {
    const rest = lastWritten + piece.patience - performance.now()
    timer ??= setTimeout(proceed, Math.max(0, rest)).unref()
  }

  function proceed(): void {
    clearTimeout(timer)
    timer = undefined
    if (isWriting) return
    if (current.length === 0) {
      current = Buffer.from(waiting)
      waiting = ''
    }
    if (current.length === 0) return
    isWriting = true
    write(fd, current, (error, written) => {
      isWriting = false
      lastWritten = performance.now()
      if (error === null) current = current.subarray(written)
      else if (!isForNow(error)) giveUp(error)
      if (error === null && (current.length > 0 || waiting.length >= piece.length)) proceed()
      else if (current.length > 0 || waiting !== '') later()
    })
  }

  function giveUp(error: NodeJS.ErrnoException): void {
    dropped += linesIn(current)
    current = Buffer.alloc(0)
    if (isForGood(error)) {
      isOpen = false
      waiting = ''
    }
  }

  function end(): void {
    // What the system has it also writes, and it comes first.
    if (isWriting) pause(20)
    let rest = Buffer.concat([isWriting ? Buffer.alloc(0) : current, Buffer.from(waiting)])
    const until = performance.now() + lastPatience
    while (isOpen && rest.length > 0) {
      try {
        rest = rest.subarray(writeSync(fd, rest))
      } catch (error) {
        if (!isForNow(error as NodeJS.ErrnoException) || performance.now() > until) return
        pause(10)
      }
    }
  }

  let isAwaitingEnd = false
  return {
    write(line) {
      if (!isOpen || waiting.length + line.length > limit) {
        dropped += 1
        return
      }
      if (!isAwaitingEnd) process.once('exit', end)
      isAwaitingEnd = true
      waiting += line
      if (waiting.length >= piece.length && current.length === 0) proceed()
      else later()
    },
    dropped: () => dropped,
  }
}

/** The system would not take it just now. */
function isForNow({ code }: NodeJS.ErrnoException): boolean {
  return code === 'EAGAIN' || code === 'EBUSY' || code === 'EINTR'
}

/** Nobody will ever read it. */
function isForGood({ code }: NodeJS.ErrnoException): boolean {
  return code === 'EPIPE' || code === 'EBADF' || code === 'ECONNRESET'
}

function linesIn(bytes: Buffer): number {
  return bytes.reduce((count, byte) => (byte === 0x0a ? count + 1 : count), 0)
}

/** Nothing else runs meanwhile: the process is about to end. */
function pause(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)
}
