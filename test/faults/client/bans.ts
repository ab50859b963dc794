import * as gate from './gotrue.ts'
import * as oidc from './oidc.ts'
import type { Person } from './people.ts'
import { keepSession, type Living, settle } from './steps.ts'
import { insist } from './world.ts'

/** Some stay banned: what they hold is tried once more at the end. */
const stay = 0.2

/** By an administrator, while all tabs refresh and a new one signs in at other nodes. Nothing is good then, and all of it again when the ban is lifted. */
export async function beBanned(living: Living, person: Person): Promise<void> {
  const { world, chance } = living
  const session = chance.among(person.sessions)
  const user = session === undefined ? undefined : gate.claimsOf(session.accessToken).sub
  if (user === undefined) return
  const { browser } = person
  const code =
    browser === null ? null : await oidc.getCode(world, person, world.pick(chance), browser)
  const link = person.email === null ? null : await gate.makeLink(world, person, world.pick(chance))
  person.isBanned = true
  const refreshing = person.sessions.map(async (one) => {
    const done = await gate.refresh(world, person, world.pick(chance), one)
    if (done.outcome === 'ok') Object.assign(one, done.value)
  })
  const banning = insist(world, chance, (node) => gate.ban(world, person, node, user))
  const arriving = async () => {
    if (link?.outcome !== 'ok') return
    keepSession(person, await gate.useLink(world, person, world.pick(chance), link.value))
  }
  const [banned] = await Promise.all([banning, arriving(), ...refreshing])
  if (banned.outcome === 'ok') {
    await tryAll(living, person)
    if (browser !== null && code?.outcome === 'ok') {
      await oidc.redeem(world, person, world.pick(chance), { code: code.value, browser })
    }
    if (chance.draw() < stay) return
  }
  const lifted = await insist(world, chance, (node) => gate.liftBan(world, person, node, user))
  if (lifted.outcome !== 'ok') return
  person.isBanned = false
  for (const one of [...person.sessions]) {
    const done = await insist(world, chance, (node) => gate.refresh(world, person, node, one))
    settle(person, one, [done])
  }
}

/** Every way to a token that they know of. */
async function tryAll({ world, chance }: Living, person: Person): Promise<void> {
  const { sessions, families, browser, password, email, factor } = person
  const node = () => world.pick(chance)
  for (const session of sessions) await gate.refresh(world, person, node(), session)
  const [session] = sessions
  if (session !== undefined) await gate.showUser(world, person, node(), session)
  if (session !== undefined && factor !== null) {
    await gate.challengeFactor(world, person, node(), { session, factor })
  }
  const [family] = families
  if (family !== undefined) {
    await oidc.refreshFamily(world, person, node(), family)
    await oidc.me(world, person, node(), family)
  }
  if (browser !== null) await oidc.getCode(world, person, node(), browser)
  if (password !== null) await gate.signIn(world, person, node(), password)
  if (email === null) return
  const made = await gate.makeLink(world, person, node())
  if (made.outcome === 'ok') await gate.useLink(world, person, node(), made.value)
}
