import { afterAll, beforeAll, expect, test } from 'vitest'
import { differences } from './oidc-differences.ts'
import { cases, twoThings } from './oidc-differential-cases.ts'
import type { Case } from './oidc-differential-steps.ts'
import { givenBy, verdictOf } from './oidc-differential-verdict.ts'
import { type Both, bothProviders, type Side } from './oidc-differential-world.ts'

let both: Both

beforeAll(async () => {
  both = await bothProviders()
})

afterAll(() => both?.close())

interface Told extends Case {
  ours: string
  peer: string
}

test('oidc-provider says the same, or it is written why not', async () => {
  const told = await toldAll(cases)
  const unlisted = told.filter((one) => one.ours !== one.peer && !differences.some(isOf(one)))
  expect(told.length).toBeGreaterThan(800)
  expect(unlisted.map(shown)).toEqual([])
  // What is written is still so.
  const idle = differences.filter((one) => !told.some((other) => isOf(other)(one)))
  expect(idle.map(({ reason }) => reason)).toEqual([])
  // Two answers that are the same for the same wrong reason would prove nothing.
  const good = told.filter(({ ours }) => /code (?:from )?iss state|^200 access_token/.test(ours))
  expect(good.length).toBeGreaterThan(150)
}, 120_000)

test('two changes at once agree wherever each of them alone does', async () => {
  const told = await toldAll(twoThings)
  const agrees = ({ ours, peer }: Told) => ours === peer || (isRefusal(ours) && isRefusal(peer))
  expect(told.filter((one) => !agrees(one)).map(shown)).toEqual([])
}, 120_000)

/** Which of two faults is told is nobody's law; that nothing is given, and where it is told, is. */
function isRefusal(verdict: string): boolean {
  return / (?:invalid|unsupported|login|interaction)_\w+/.test(verdict)
}

const isOf = (one: Told) => (difference: (typeof differences)[number]) =>
  one.ours !== one.peer &&
  difference.about.test(one.about) &&
  difference.name.test(one.name) &&
  difference.ours.test(one.ours) &&
  difference.peer.test(one.peer)

function shown({ about, name, ours, peer }: Told): string {
  return `${about}: ${name}\n  ours ${ours}\n  peer ${peer}`
}

async function toldAll(all: readonly Case[]): Promise<Told[]> {
  const told: Told[] = []
  for (const one of all) {
    const [ours, peer] = await Promise.all([tell(both.ours, one), tell(both.peer, one)])
    told.push({ ...one, ours, peer })
  }
  return told
}

async function tell(side: Side, { first, judged }: Case): Promise<string> {
  let given: Record<string, string> = {}
  const verdicts: string[] = []
  for (const [at, step] of [...first, ...judged].entries()) {
    const answer = await side.ask(step, given)
    given = { ...given, ...givenBy(answer) }
    if (at >= first.length) verdicts.push(verdictOf(answer, side))
  }
  return verdicts.join(' | ')
}
