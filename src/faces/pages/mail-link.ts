import { html } from 'hono/html'
import { form, submit } from './fields.ts'
import { layout } from './layout.ts'
import { type Page, show, visit } from './visit.ts'

/**
 * The page between a mailed link and what it does: programs that look through mail open links, and press no button.
 * `query` goes back to the address that was opened; `to` is where that leads in the end.
 */
export async function askToFollow(
  c: Page,
  { query, to }: { query: Record<string, string>; to: string },
): Promise<Response> {
  const here = await visit(c, '')
  // The address as the browser has it: a gateway may have taken the beginning off ours.
  const frame = { ...here.frame, flow: null, path: '', query }
  const { message, common } = frame.words
  const page = layout(frame, {
    title: message.followTitle,
    body: html`<p>${message.follow}</p>
${form(frame, `?${new URLSearchParams(query)}`, submit(common.continue))}`,
  })
  return show({ ...here, frame }, page, 200, { returnsTo: to })
}
