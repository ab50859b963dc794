import { describe, expect, test } from 'vitest'
import { methods } from '../../authjs/contract/shape.ts'
import { adapterContract, adapterRules } from '../../authjs/contract.ts'
import { servedAdapter } from './authjs-app.ts'
import { authjsWorld } from './authjs-world.ts'

const { adapter, database } = authjsWorld()

describe('the adapter over a database', () => {
  adapterContract({ test, make: () => adapter })
})

describe('the adapter over HTTP', () => {
  adapterContract({ test, make: async () => (await servedAdapter(database)).adapter })
})

test('every method, and every behaviour that naive adapters get wrong, has a rule', () => {
  const about = new Set(adapterRules.flatMap((rule) => rule.about))
  const numbers = Array.from({ length: 20 }, (_, index) => `8.${index + 1}`)
  for (const subject of [
    ...methods,
    ...numbers,
    '1.1.1',
    '1.1.3',
    '1.1.4',
    '1.1.6',
    '6.2',
    '6.3',
  ]) {
    expect(about, subject).toContain(subject)
  }
  const names = adapterRules.map(({ name }) => name)
  expect(new Set(names).size).toBe(names.length)
})

test('an adapter that has none of our extras is not asked for them', async () => {
  const plain = Object.fromEntries(methods.map((method) => [method, adapter[method]]))
  const { breach } = await import('../../authjs/contract.ts')
  for (const rule of adapterRules.filter(({ needs }) => needs !== undefined)) {
    expect(await breach(plain, rule)).toBeNull()
  }
})
