import { join } from 'node:path'
import { node as nodeProgram } from '../../walks/machine.ts'
import type { Network } from './network.ts'
import { type Program, until, type Yard } from './yard.ts'

/** One server process of the cluster, or where it was and will be again. */
export interface Node {
  number: number
  /** Where it answers. */
  origin: string
  program: Program | null
  /** The folder whose sources it runs. */
  tree: string
  start(options?: StartOptions): Promise<void>
  /** SIGTERM, and how it ended. */
  stop(): Promise<{ code: number | string | null; tookMs: number; said: string }>
  kill(): Promise<void>
  /** What its processes printed so far, all of them. */
  printed(): string
  forget(): void
  /** SIGSTOP and SIGCONT. */
  freeze(): void
  thaw(): void
}

export interface StartOptions {
  /** Another copy of the server. */
  tree?: string
  env?: Record<string, string>
}

interface NodeParts {
  yard: Yard
  network: Network
  number: number
  port: number
  tree: string
  /** What it needs to know at its start. */
  settings(): Record<string, string>
}

export function describeNode({ yard, network, number, port, tree, settings }: NodeParts): Node {
  const origin = `http://${network.addressOf(number)}:${port}`
  const programs: Program[] = []
  const described: Node = {
    number,
    origin,
    program: null,
    tree,
    async start({ tree = described.tree, env = {} } = {}) {
      described.tree = tree
      const cli = [nodeProgram, join(tree, 'src/cli.ts'), 'start', '--json']
      const program = yard.start(`node-${number}`, [...network.entering(number), ...cli], {
        env: { ...settings(), PORT: String(port), HOST: network.addressOf(number), ...env },
      })
      described.program = program
      programs.push(program)
      await until(
        () => {
          if (program.ending() !== null)
            throw new Error(`Node ${number} ended with ${program.ending()}:\n${program.printed()}`)
          return /^\{"url"/m.test(program.printed()) ? true : null
        },
        { why: () => `Node ${number} is not ready:\n${program.printed()}` },
      )
    },
    async stop() {
      const { program } = described
      if (program === null) return { code: null, tookMs: 0, said: '' }
      const began = performance.now()
      program.signal('SIGTERM')
      await program.ended
      described.program = null
      const tookMs = performance.now() - began
      return { code: program.ending(), tookMs, said: program.printed() }
    },
    async kill() {
      const { program } = described
      program?.signal('SIGKILL')
      await program?.ended
      described.program = null
    },
    printed: () => programs.map((program) => program.printed()).join(''),
    forget() {
      programs.length = 0
    },
    freeze: () => described.program?.signal('SIGSTOP'),
    thaw: () => described.program?.signal('SIGCONT'),
  }
  return described
}
