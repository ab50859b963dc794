import { alone, browserSession } from './ends.ts'
import { errorPage } from './messages.ts'
import { go, show, type Visit } from './visit.ts'

/** Who comes back to a page of a sign-in that is over: signed in already, or to begin again at the app. */
export async function ended(here: Visit): Promise<Response> {
  if ((await browserSession(here)) !== null) {
    return go(alone(here), '/message', { about: 'signed-in' })
  }
  return show(here, errorPage(here.frame, { text: here.frame.words.error.flowEnded }), 400)
}
