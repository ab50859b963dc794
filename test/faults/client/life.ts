import { beBanned } from './bans.ts'
import type { Chance } from './chance.ts'
import { leaveFactor, takeFactor } from './factors.ts'
import * as gate from './gotrue.ts'
import * as oidc from './oidc.ts'
import { type GateSession, loseSessions, newPerson, type Person, remember } from './people.ts'
import { type Act, atOnce, keepSession, type Living, settle } from './steps.ts'
import { insist } from './world.ts'

// What people do, one thing after the other; only what is meant as a race goes out at once.

/** How often each is done, by how much it costs: hashing a password takes as long as thirty refreshes. */
const acts: readonly (readonly [number, Act])[] = [
  [300, refreshOne],
  [150, showOne],
  [100, refreshFamilyOne],
  [50, meOne],
  [50, codeFlow],
  [40, refreshTwice],
  [25, refreshFamilyTwice],
  [25, signInByLink],
  [12, redeemTwice],
  [12, revokeFamily],
  [20, signOutHere],
  [10, signOutEverywhere],
  [4, signInByPassword],
  [3, takePassword],
  [15, takeFactor],
  [30, leaveFactor],
  [10, beBanned],
]
const allWeights = acts.reduce((sum, [weight]) => sum + weight, 0)

/** One after another, until nobody shall begin anything new. Everybody whom this worker knew comes back. */
export async function live({ world, chance }: Living, name: string): Promise<Person[]> {
  const here: Person[] = []
  const all: Person[] = []
  while (!world.isOver()) {
    const wantsAnother = here.length < 2 || chance.draw() < 0.012
    if (wantsAnother) {
      const person = await arrive({ world, chance }, `${name}.${all.length}`)
      if (person === null) continue
      all.push(person)
      here.push(person)
      if (here.length > 5) here.shift()
    }
    const person = chance.among(here)
    if (person === undefined) continue
    if (person.isBanned) here.splice(here.indexOf(person), 1)
    else if (person.sessions.length === 0) {
      // Without an address there is no way back.
      if (person.email === null) here.splice(here.indexOf(person), 1)
      else await signInByLink({ world, chance }, person)
    } else await actFor(chance)({ world, chance }, person)
  }
  return all
}

function actFor(chance: Chance): Act {
  let left = chance.below(allWeights)
  for (const [weight, act] of acts) {
    left -= weight
    if (left < 0) return act
  }
  return refreshOne
}

let mailed = 0

/** Somebody new: without an address, with a mailed code, or with a password and a mailed code. */
async function arrive({ world, chance }: Living, name: string): Promise<Person | null> {
  const kind = chance.draw()
  mailed += 1
  const email = kind < 0.25 ? null : `${name}.${mailed}@people.example`
  const person = newPerson(name, chance, email)
  if (email === null) {
    const done = await insist(world, chance, (node) => gate.signUpAnonymous(world, person, node))
    return keepSession(person, done) ? person : null
  }
  if (kind < 0.55) return (await verifyByMail({ world, chance }, person, 'email')) ? person : null
  person.password = passwordFor(person, chance)
  const { password } = person
  const done = await insist(world, chance, (node) => gate.signUp(world, person, node, password))
  if (done.outcome !== 'ok') return null
  return (await verifyByMail({ world, chance }, person, 'signup')) ? person : null
}

function passwordFor({ name }: Person, chance: Chance): string {
  return `correct horse ${name} ${chance.below(1_000_000_000)}`
}

/** Asks for a mail, unless one is under way, and shows what it holds; now and then at two nodes at once. */
async function verifyByMail(
  { world, chance }: Living,
  person: Person,
  type: 'email' | 'signup',
): Promise<boolean> {
  const email = person.email ?? ''
  if (type === 'email') {
    const asked = await insist(world, chance, (node) => gate.askCode(world, person, node))
    if (asked.outcome !== 'ok') return false
  }
  const mail = await world.mail.next(email, 15_000)
  if (mail === null) return false
  const proof = { hash: mail.hash, type }
  const both = await atOnce({ world, chance }, chance.draw() < 0.3, (node) =>
    gate.verifyCode(world, person, node, proof),
  )
  remember(person, { kind: 'link', token: mail.hash })
  return both.some((done) => keepSession(person, done))
}

async function refreshOne({ world, chance }: Living, person: Person): Promise<void> {
  const session = chance.among(person.sessions)
  if (session === undefined) return
  const done = await insist(world, chance, (node) => gate.refresh(world, person, node, session))
  settle(person, session, [done])
}

async function refreshTwice(living: Living, person: Person): Promise<void> {
  const { world, chance } = living
  const session = chance.among(person.sessions)
  if (session === undefined) return
  const both = await atOnce(living, true, (node) => gate.refresh(world, person, node, session))
  if (both.every((done) => done.outcome !== 'ok')) return refreshSame(living, person, session)
  settle(person, session, both)
}

async function refreshSame(living: Living, person: Person, session: GateSession): Promise<void> {
  const { world, chance } = living
  const done = await insist(world, chance, (node) => gate.refresh(world, person, node, session))
  settle(person, session, [done])
}

async function showOne({ world, chance }: Living, person: Person): Promise<void> {
  const session = chance.among(person.sessions)
  if (session === undefined) return
  await gate.showUser(world, person, world.pick(chance), session)
}

async function signInByLink(living: Living, person: Person): Promise<void> {
  const { world, chance } = living
  if (person.email === null) return refreshOne(living, person)
  const made = await insist(world, chance, (node) => gate.makeLink(world, person, node))
  if (made.outcome !== 'ok') return
  const both = await atOnce(living, chance.draw() < 0.6, (node) =>
    gate.useLink(world, person, node, made.value),
  )
  remember(person, { kind: 'link', token: made.value })
  for (const done of both) keepSession(person, done)
}

async function signInByPassword({ world, chance }: Living, person: Person): Promise<void> {
  const { password } = person
  if (password === null) return
  const done = await gate.signIn(world, person, world.pick(chance), password)
  keepSession(person, done)
}

/** A new password ends the other sessions. Where nobody knows whether it was taken, it is set anew. */
async function takePassword({ world, chance }: Living, person: Person): Promise<void> {
  const session = chance.among(person.sessions)
  if (session === undefined || person.email === null) return
  person.password = null
  loseSessions(person, session)
  const password = passwordFor(person, chance)
  const done = await insist(world, chance, (node) =>
    gate.changePassword(world, person, node, { session, password }),
  )
  if (done.outcome !== 'ok') return
  person.password = password
  person.isTurnedAway = false
}

async function signOutHere({ world, chance }: Living, person: Person): Promise<void> {
  const session = chance.among(person.sessions)
  if (session === undefined || person.sessions.length < 2) return
  person.sessions = person.sessions.filter((one) => one !== session)
  const scope = 'local' as const
  const done = await insist(world, chance, (node) =>
    gate.signOut(world, person, node, { session, scope }),
  )
  if (done.outcome !== 'ok') return
  remember(person, { kind: 'refresh', session: session.id, refreshToken: session.refreshToken })
  if (chance.draw() < 0.5) await gate.refresh(world, person, world.pick(chance), session)
}

/** While other tabs refresh at other nodes; whatever they got is worth nothing afterwards. */
async function signOutEverywhere(living: Living, person: Person): Promise<void> {
  const { world, chance } = living
  const session = chance.among(person.sessions)
  if (session === undefined || person.email === null) return
  const refreshing = person.sessions.map(async (one) => {
    const done = await gate.refresh(world, person, world.pick(chance), one)
    if (done.outcome === 'ok') one.refreshToken = done.value.refreshToken
  })
  const ending = insist(world, chance, (node) =>
    gate.signOut(world, person, node, { session, scope: 'global' }),
  )
  const [done] = await Promise.all([ending, ...refreshing])
  const before = [...person.sessions]
  loseSessions(person)
  if (done.outcome !== 'ok') return
  for (const one of before) await gate.refresh(world, person, world.pick(chance), one)
}

/** A browser that is signed in; whoever has none, and a password, signs in first. */
async function browserOf({ world, chance }: Living, person: Person) {
  if (person.browser !== null || person.password === null || person.hasFactor) return person.browser
  if (person.isTurnedAway) return null
  const { password } = person
  person.browser = await oidc.browserSignIn(world, chance, person, password)
  return person.browser
}

async function codeFlow(living: Living, person: Person): Promise<void> {
  const { world, chance } = living
  const browser = await browserOf(living, person)
  if (browser === null) return refreshOne(living, person)
  const asked = await insist(world, chance, (node) => oidc.getCode(world, person, node, browser))
  if (asked.outcome !== 'ok') {
    if (!asked.mayRetry) person.browser = null
    return
  }
  const done = await oidc.redeem(world, person, world.pick(chance), { code: asked.value, browser })
  if (done.outcome !== 'ok') return
  person.families.push(done.value)
  if (person.families.length > 3) person.families.shift()
}

/** A code that comes twice is taken once, and what it gave falls with the second try. */
async function redeemTwice(living: Living, person: Person): Promise<void> {
  const { world, chance } = living
  const browser = person.browser
  if (browser === null) return showOne(living, person)
  const asked = await insist(world, chance, (node) => oidc.getCode(world, person, node, browser))
  if (asked.outcome !== 'ok') return
  await atOnce(living, true, (node) =>
    oidc.redeem(world, person, node, { code: asked.value, browser }),
  )
}

async function refreshFamilyOne(living: Living, person: Person): Promise<void> {
  await refreshFamilyAt(living, person, false)
}

async function refreshFamilyTwice(living: Living, person: Person): Promise<void> {
  await refreshFamilyAt(living, person, true)
}

async function refreshFamilyAt(living: Living, person: Person, isTwice: boolean): Promise<void> {
  const { world, chance } = living
  const family = chance.among(person.families)
  if (family === undefined) return codeFlow(living, person)
  const once = (node: number) => oidc.refreshFamily(world, person, node, family)
  let all = await atOnce(living, isTwice, once)
  if (all.every((done) => done.outcome !== 'ok')) all = [await insist(world, chance, once)]
  const good = all.find((done) => done.outcome === 'ok')
  if (good?.outcome === 'ok') Object.assign(family, good.value)
  else if (all.some((done) => done.outcome === 'fail' && !done.mayRetry)) {
    person.families = person.families.filter((one) => one !== family)
  }
}

async function meOne(living: Living, person: Person): Promise<void> {
  const { world, chance } = living
  const family = chance.among(person.families)
  if (family === undefined) return showOne(living, person)
  await oidc.me(world, person, world.pick(chance), family)
}

async function revokeFamily({ world, chance }: Living, person: Person): Promise<void> {
  const family = person.families.shift()
  if (family === undefined) return
  const done = await insist(world, chance, (node) => oidc.revoke(world, person, node, family))
  if (done.outcome !== 'ok') return
  const { session, refreshToken } = family
  remember(person, { kind: 'family', session, refreshToken })
  if (chance.draw() < 0.5) await oidc.refreshFamily(world, person, world.pick(chance), family)
}
