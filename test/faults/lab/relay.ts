import { fork } from 'node:child_process'
import { join } from 'node:path'
import { node } from '../../walks/machine.ts'

/** How one way through the relay behaves now. */
export interface RelayState {
  target: { host: string; port: number }
  /** `up` is towards the database. What is held is not lost: the network of TCP would send it again. */
  held: 'nothing' | 'up' | 'down' | 'both'
  /** In the middle; each chunk takes between half and one and a half of it, in each direction. */
  delayMs: number
  /** Of a thousand chunks, so many cut their connection. */
  resetPerMille: number
  /** New connections are reset. */
  isRefusing: boolean
}

export interface RelayWay {
  name: string
  host: string
  port: number
  state: RelayState
}

export type RelayOrder =
  | { kind: 'open'; way: RelayWay }
  | { kind: 'set'; name: string; state: Partial<RelayState> }
  | { kind: 'cut'; name: string }

/** Stands between the nodes and the database, and between the database and its standby. */
export interface Relay {
  open(way: Omit<RelayWay, 'state'> & { target: RelayState['target'] }): Promise<void>
  set(name: string, state: Partial<RelayState>): Promise<void>
  /** Resets the connections of a way. */
  cut(name: string): Promise<void>
  close(): void
}

const calm = { held: 'nothing', delayMs: 0, resetPerMille: 0, isRefusing: false } as const

export function startRelay(): Relay {
  const child = fork(join(import.meta.dirname, 'relay-process.ts'), { execPath: node })
  const asked = new Map<number, (error: string | null) => void>()
  let count = 0
  child.on('message', ({ id, error }: { id: number; error: string | null }) => {
    asked.get(id)?.(error)
    asked.delete(id)
  })
  function order(order: RelayOrder): Promise<void> {
    count += 1
    const id = count
    return new Promise((resolve, reject) => {
      asked.set(id, (error) => (error === null ? resolve() : reject(new Error(error))))
      child.send({ ...order, id })
    })
  }
  return {
    open: ({ target, ...way }) =>
      order({ kind: 'open', way: { ...way, state: { target, ...calm } } }),
    set: (name, state) => order({ kind: 'set', name, state }),
    cut: (name) => order({ kind: 'cut', name }),
    close() {
      // It may have ended by itself, and the reason is to be read, not this.
      if (child.connected) child.disconnect()
    },
  }
}
