import { html } from 'hono/html'
import { fill } from '../../words/words.ts'
import { submit } from './fields.ts'
import { type Frame, type Html, layout } from './layout.ts'

/** A form that sends itself to the application; the button is for browsers without scripts. */
export function handOverPage(
  frame: Frame,
  { to, fields }: { to: string; fields: Record<string, string> },
): Html {
  const { handOver, common } = frame.words
  return layout(frame, {
    title: handOver.title,
    handsOver: true,
    body: html`<p>${fill(handOver.lead, { host: new URL(to).host })}</p>
<form method="post" action="${to}">
${Object.entries(fields).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)}
${submit(common.continue)}
</form>`,
  })
}
