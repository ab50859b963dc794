import { z } from 'zod'
import { Fault } from '../base/fault.ts'
import type { TextMessage } from './connector.ts'
import { fill } from './template.ts'

/** Text messages as the administrator wrote them, in Logto's shape, with `{{code}}` where the code goes. */
export const textTemplates = z.array(
  z.object({ usageType: z.string().min(1), content: z.string().min(1) }),
)

/** The text of a message: the one that was rendered already, or the template for its type, else the generic one. */
export function textOf(
  connectorId: string,
  { type, payload, content }: TextMessage,
  templates: z.output<typeof textTemplates>,
): string {
  if (content !== undefined) return content
  const template =
    templates.find(({ usageType }) => usageType === type) ??
    templates.find(({ usageType }) => usageType === 'Generic')
  if (template === undefined) throw new Fault('connector_template_not_found', { connectorId, type })
  return fill(template.content, payload)
}

/** What the console's form begins with. */
export const exampleTemplates: z.output<typeof textTemplates> = [
  { usageType: 'SignIn', content: '{{code}} is your code to sign in.' },
  { usageType: 'Register', content: '{{code}} is your code to sign up.' },
  { usageType: 'ForgotPassword', content: '{{code}} is your code to reset your password.' },
  { usageType: 'Generic', content: '{{code}} is your code.' },
]

export const templatesItem = {
  key: 'templates',
  type: 'Json',
  label: 'Templates',
  description: 'One for each usage type, or Generic for all.',
  required: true,
  defaultValue: exampleTemplates,
} as const

/** The picture of every connector that sends text messages, in the provider's colour. */
export function bubble(colour: string): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="${colour}" stroke-width="2"><path d="M4 5h16v11H10l-4 4v-4H4z"/><path d="M8 10.5h8"/></svg>`
}
