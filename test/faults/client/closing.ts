import { type Chance, seeded } from './chance.ts'
import * as gate from './gotrue.ts'
import * as oidc from './oidc.ts'
import type { Person } from './people.ts'
import { insist, type World } from './world.ts'

/** Enough to find what is lost; everybody would take as long as the run itself. */
const mostPasswords = 40
const atOnce = 16

/** When all is well again: what is alive is shown once more, what is over is tried once more, and passwords are used. */
export async function close(world: World, people: readonly Person[]): Promise<void> {
  const chance = seeded(people.length)
  const withPassword = people.filter(({ password }) => password !== null).slice(-mostPasswords)
  const shown = new Set(withPassword)
  const queue = [...people]
  async function work() {
    for (let person = queue.pop(); person !== undefined; person = queue.pop()) {
      await show(world, chance, person)
      await showFactors(world, chance, person)
      if (shown.has(person)) await signIn(world, chance, person)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
}

async function show(world: World, chance: Chance, person: Person): Promise<void> {
  for (const relic of person.relics) {
    if (relic.kind === 'factor') continue
    await insist<unknown>(world, chance, (node) => {
      if (relic.kind === 'link') return gate.useLink(world, person, node, relic.token)
      const { session, refreshToken } = relic
      if (relic.kind === 'family') return oidc.refreshFamily(world, person, node, relic)
      return gate.refresh(world, person, node, {
        id: session,
        kind: kindOf(refreshToken),
        refreshToken,
      })
    })
  }
  for (const session of person.sessions) {
    const done = await insist(world, chance, (node) => gate.refresh(world, person, node, session))
    if (done.outcome === 'ok') Object.assign(session, done.value)
  }
  for (const family of person.families) {
    await insist(world, chance, (node) => oidc.refreshFamily(world, person, node, family))
  }
}

/** The factor that is there is asked for, and those that are gone. */
async function showFactors(world: World, chance: Chance, person: Person): Promise<void> {
  const [session] = person.sessions
  if (session === undefined) return
  const gone = person.relics.flatMap((relic) => (relic.kind === 'factor' ? [relic.factor] : []))
  for (const factor of [...gone, ...(person.factor === null ? [] : [person.factor])]) {
    const asked = { session, factor }
    await insist(world, chance, (node) => gate.challengeFactor(world, person, node, asked))
  }
}

async function signIn(world: World, chance: Chance, person: Person): Promise<void> {
  const { password } = person
  if (password === null) return
  await insist(world, chance, (node) => gate.signIn(world, person, node, password))
}

function kindOf(refreshToken: string): 'row' | 'counted' {
  return /^[a-z0-9]{12}$/.test(refreshToken) ? 'row' : 'counted'
}
