import * as gate from './gotrue.ts'
import { type Factor, type GateSession, type Person, remember } from './people.ts'
import { atOnce, keepSession, type Living, settle } from './steps.ts'
import { insist } from './world.ts'

// Second factors come and go.

/** Enrolled, and shown at two nodes at once: it counts once. Other sessions end with it. */
export async function takeFactor(living: Living, person: Person): Promise<void> {
  const { world, chance } = living
  const session = chance.among(person.sessions)
  if (session === undefined || person.hasFactor || person.browser !== null || person.email === null)
    return
  person.hasFactor = true
  const enrolled = await gate.enrolFactor(world, person, world.pick(chance), session)
  if (enrolled.outcome !== 'ok') return
  const factor = enrolled.value
  const challenge = await challengeOf(living, person, { session, factor })
  const code = gate.nextCode(factor)
  if (challenge === null || code === null) return
  person.sessions = []
  const both = await atOnce(living, true, (node) =>
    gate.verifyFactor(world, person, node, { session, factor, challenge, code }),
  )
  for (const done of both) {
    if (!keepSession(person, done)) continue
    person.factor = factor
  }
}

/** Un-enrolled, while a session that has just begun is raised with it at another node: whoever was first, it is good no more. */
export async function leaveFactor(living: Living, person: Person): Promise<void> {
  const { world, chance } = living
  const { factor } = person
  const session = person.sessions.find(isRaised)
  if (factor === null || session === undefined) return
  const rival = await rivalOf(living, person, factor)
  // Before it is gone: afterwards nobody is given one.
  const challenge = await challengeOf(living, person, { session, factor })
  // Who is raised ends all sessions that are not.
  person.sessions = [session]
  const raising = async () => {
    if (rival === null) return null
    return gate.verifyFactor(world, person, world.pick(chance), { ...rival, factor })
  }
  const ending = insist(world, chance, (node) =>
    gate.unenrolFactor(world, person, node, { session, factor }),
  )
  const [done, raised] = await Promise.all([ending, raising()])
  person.factor = null
  if (raised !== null) keepSession(person, raised)
  if (done.outcome !== 'ok') return
  person.hasFactor = false
  remember(person, { kind: 'factor', factor })
  const code = gate.nextCode(factor)
  if (challenge !== null && code !== null) {
    const proof = { session, factor, challenge, code }
    await gate.verifyFactor(world, person, world.pick(chance), proof)
  } else {
    await gate.challengeFactor(world, person, world.pick(chance), { session, factor })
  }
  for (const one of [...person.sessions]) {
    const again = await insist(world, chance, (node) => gate.refresh(world, person, node, one))
    settle(person, one, [again])
  }
}

export function isRaised({ accessToken }: GateSession): boolean {
  return gate.claimsOf(accessToken).aal === 'aal2'
}

/** A new session that was asked for the factor, with the answer it is going to give. */
async function rivalOf(living: Living, person: Person, factor: Factor) {
  const { world, chance } = living
  const made = await insist(world, chance, (node) => gate.makeLink(world, person, node))
  if (made.outcome !== 'ok') return null
  const used = await gate.useLink(world, person, world.pick(chance), made.value)
  if (used.outcome !== 'ok') return null
  const session = used.value
  const challenge = await challengeOf(living, person, { session, factor })
  const code = challenge === null ? null : gate.nextCode(factor)
  return challenge === null || code === null ? null : { session, challenge, code }
}

async function challengeOf(
  { world, chance }: Living,
  person: Person,
  asked: { session: GateSession; factor: Factor },
): Promise<string | null> {
  const done = await insist(world, chance, (node) =>
    gate.challengeFactor(world, person, node, asked),
  )
  return done.outcome === 'ok' ? done.value : null
}
