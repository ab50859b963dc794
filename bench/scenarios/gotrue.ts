import { OutOfStock } from '../load/load.ts'
import type { People } from '../world/people.ts'
import { type Act, type Ask, checked, json, must, someClient, times } from './act.ts'

/** `/auth/v1`, as Supabase's clients ask it. */
const root = '/auth/v1'
let asked = 0

function post(ask: Ask, path: string, body: unknown, headers: Record<string, string> = {}) {
  asked += 1
  return ask({
    ...{ method: 'POST', path: `${root}${path}`, body: JSON.stringify(body) },
    headers: { ...json, ...someClient(asked), ...headers },
  })
}

/** The next of a row that has no end. */
function inTurn<Item>(items: readonly Item[]): () => Item {
  let next = 0
  return () => {
    const item = items[next++ % items.length]
    if (item === undefined) throw new Error('There is nobody.')
    return item
  }
}

export async function signInWithPassword(ask: Ask, people: People): Promise<Act> {
  const nextEmail = inTurn(people.emails)
  return {
    async operation() {
      const body = { email: nextEmail(), password: people.password }
      const answer = await post(ask, '/token?grant_type=password', body)
      return checked(answer, 200, answer.text.includes('"refresh_token"'))
    },
  }
}

let newcomers = 0

export async function signUp(ask: Ask, people: People): Promise<Act> {
  return {
    async operation() {
      newcomers += 1
      const body = { email: `newcomer-${newcomers}@example.com`, password: people.password }
      const answer = await post(ask, '/signup', body)
      return checked(answer, 200, answer.text.includes('"refresh_token"'))
    },
  }
}

/** A token is good once: who refreshes puts its child at the end of the row. */
export async function refresh(ask: Ask, people: People): Promise<Act> {
  return {
    async operation() {
      const token = await people.refreshTokens.take()
      let child = token
      try {
        const body = { refresh_token: token }
        const answer = await post(ask, '/token?grant_type=refresh_token', body)
        if (answer.status === 200) child = JSON.parse(answer.text).refresh_token
        return checked(answer, 200, child !== token)
      } finally {
        people.refreshTokens.put(child)
      }
    },
  }
}

export async function readUser(ask: Ask, people: People): Promise<Act> {
  const nextToken = inTurn(people.accessTokens)
  return {
    async operation() {
      const headers = { authorization: `Bearer ${nextToken()}` }
      const answer = await ask({ method: 'GET', path: `${root}/user`, headers })
      return checked(answer, 200, answer.text.includes('@example.com'))
    },
  }
}

/** Each code is made by an administrator's link, as by a mail, and entered once. */
export async function verifyCode(ask: Ask, people: People): Promise<Act> {
  const nextEmail = inTurn(people.emails)
  const stock: { email: string; token: string }[] = []
  return {
    async operation() {
      const code = stock.shift()
      if (code === undefined) throw new OutOfStock('Every code is used.')
      const answer = await post(ask, '/verify', { type: 'email', ...code })
      return checked(answer, 200, answer.text.includes('"refresh_token"'))
    },
    async restock(count) {
      // A person has one code at a time: a newer one would make the older one worthless.
      const wanted = Math.min(count, people.emails.length) - stock.length
      const headers = { authorization: `Bearer ${people.serviceKey}` }
      await times(wanted, async () => {
        const email = nextEmail()
        const link = post(ask, '/admin/generate_link', { type: 'magiclink', email }, headers)
        stock.push({ email, token: JSON.parse((await must(link, 200)).text).email_otp })
      })
    },
  }
}
