import { accountRules } from './contract/accounts.ts'
import { authenticatorRules } from './contract/authenticators.ts'
import { extraRules } from './contract/extras.ts'
import type { Rule, Subject } from './contract/rule.ts'
import { sessionRules } from './contract/sessions.ts'
import { shapeRules } from './contract/shape.ts'
import { tokenRules } from './contract/tokens.ts'
import { userRules } from './contract/users.ts'

export type { Rule, Subject } from './contract/rule.ts'

/**
 * The contract between Auth.js and an adapter, as rules that can be run: what Auth.js relies on, what it sends, and what
 * naive adapters get wrong. They need an adapter and nothing else: no test framework, no Node, no clock.
 */
export const adapterRules: readonly Rule[] = [
  ...shapeRules,
  ...userRules,
  ...accountRules,
  ...sessionRules,
  ...tokenRules,
  ...authenticatorRules,
  ...extraRules,
]

export interface ContractOptions {
  /** The test function of any framework: `test` of Vitest, Jest, `node:test`, Bun … */
  test: (name: string, work: () => Promise<void>) => unknown
  /** The adapter, on a database that may be written to; asked for once, at the first rule. */
  make: () => unknown
  /** Rules that this adapter is known to break: each has to break, so that a change is noticed. */
  known?: readonly string[]
}

/** A test for each rule that concerns the adapter. */
export function adapterContract({ test, make, known = [] }: ContractOptions): void {
  let made: Promise<unknown> | undefined
  const adapter = async () => {
    made ??= Promise.resolve(make())
    return made
  }
  const unknown = known.filter((name) => !adapterRules.some((rule) => rule.name === name))
  if (unknown.length > 0) throw new Error(`There is no such rule: ${unknown.join('; ')}`)
  for (const rule of adapterRules) {
    test(rule.name, async () => {
      const broken = await breach(await adapter(), rule)
      if (known.includes(rule.name)) {
        if (broken === null) throw new Error('This rule was known to be broken, and is kept.')
      } else if (broken !== null) {
        throw broken
      }
    })
  }
}

/** How an adapter breaks a rule; null when it keeps it, or when the rule does not concern it. */
export async function breach(
  adapter: unknown,
  rule: Rule,
  timeout = 10_000,
): Promise<Error | null> {
  const subject = adapter as Subject
  if (rule.needs?.some((method) => typeof subject[method] !== 'function')) return null
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('It took too long.')), timeout)
  })
  try {
    await Promise.race([rule.check(subject), late])
    return null
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  } finally {
    clearTimeout(timer)
  }
}

/** The rules that an adapter breaks, one after the other, with how. */
export async function breaches(adapter: unknown): Promise<{ rule: string; how: string }[]> {
  const found: { rule: string; how: string }[] = []
  for (const rule of adapterRules) {
    const broken = await breach(adapter, rule)
    if (broken !== null) found.push({ rule: rule.name, how: broken.message })
  }
  return found
}
