import { expect, test } from 'vitest'
import { adapterRules, breach } from '../../authjs/contract.ts'
import { authjsWorld } from './authjs-world.ts'
import { tokenAndAccountMutants } from './mutants/accounts.ts'
import { sessionMutants } from './mutants/sessions.ts'
import { userMutants } from './mutants/users.ts'

const { adapter } = authjsWorld()

/** The twenty behaviours that naive adapters get wrong, and what else Auth.js relies on. */
const mutants = [...tokenAndAccountMutants, ...userMutants, ...sessionMutants]

function ruleNamed(name: string) {
  const rule = adapterRules.find((rule) => rule.name === name)
  if (rule === undefined) throw new Error(`There is no rule “${name}”.`)
  return rule
}

test('there are thirty mutants at least, and no two are the same', () => {
  const faults = mutants.map(({ fault }) => fault)
  expect(new Set(faults).size).toBe(faults.length)
  expect(faults.length).toBeGreaterThanOrEqual(30)
})

test.each(mutants)('noticed: $fault', async ({ noticedBy, of }) => {
  const rule = ruleNamed(noticedBy)
  // The good adapter keeps the rule: it is the fault that breaks it.
  expect(await breach(adapter, rule)).toBeNull()
  expect(await breach(of(adapter), rule), 'the mutant survives').toBeInstanceOf(Error)
})
