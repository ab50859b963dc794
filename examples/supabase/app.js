// npm start: the whole story against a running `sekisho dev`, with the mails read from its mailbox.
import { withV1 } from './with-v1.js'
import { withV2 } from './with-v2.js'

const url = process.env.SUPABASE_URL ?? 'http://localhost:3001'
const anonKey = process.env.SUPABASE_ANON_KEY
if (!anonKey) throw new Error('Set SUPABASE_ANON_KEY to the anon key that `sekisho dev` prints.')

const email = `${crypto.randomUUID()}@example.com`
const password = crypto.randomUUID()
const seen = new Set()

/** The newest mail to somebody that was not read before. */
async function mail(to) {
  for (let tries = 0; tries < 50; tries += 1) {
    const answer = await fetch(`${url}/api/dev/messages?to=${encodeURIComponent(to)}`)
    const fresh = (await answer.json()).find((message) => message.link && !seen.has(message.id))
    if (fresh) {
      seen.add(fresh.id)
      return fresh
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error(`No mail came for ${to}.`)
}

for (const [version, story] of [
  ['v2', withV2],
  ['v1', withV1],
]) {
  const steps = await story({ url, anonKey, email, password, mail })
  for (const [step, { error }] of Object.entries(steps)) {
    console.log(version.padEnd(3), step.padEnd(12), error ? `refused: ${error.message}` : 'done')
  }
}
