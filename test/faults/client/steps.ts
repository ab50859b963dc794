import type { Chance } from './chance.ts'
import type { GateSession, Person } from './people.ts'
import type { Done, World } from './world.ts'

// What the deeds of people have in common.

export interface Living {
  world: World
  chance: Chance
}

export type Act = (living: Living, person: Person) => Promise<void>

/** Whether there is a session to go on with. */
export function keepSession(person: Person, done: Done<GateSession>): boolean {
  if (done.outcome !== 'ok') return false
  person.sessions.push(done.value)
  if (person.sessions.length > 4) person.sessions.shift()
  return true
}

/** Once at a node, or at two different nodes in the same moment. */
export function atOnce<T>(
  { world, chance }: Living,
  isTwice: boolean,
  attempt: (node: number) => Promise<Done<T>>,
): Promise<Done<T>[]> {
  const first = world.pick(chance)
  const second = world.pick(chance, first)
  return Promise.all((isTwice ? [first, second] : [first]).map(attempt))
}

/** Goes on with what was given; a session that was refused is not asked again. */
export function settle(
  person: Person,
  session: GateSession,
  all: readonly Done<GateSession>[],
): void {
  for (const done of all) {
    if (done.outcome !== 'ok') continue
    session.refreshToken = done.value.refreshToken
    session.accessToken = done.value.accessToken
    return
  }
  if (all.some((done) => done.outcome === 'fail' && !done.mayRetry)) {
    person.sessions = person.sessions.filter((one) => one !== session)
  }
}
