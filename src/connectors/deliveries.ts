import { z } from 'zod'
import { Fault } from '../base/fault.ts'
import { isHeaderSafe } from './address.ts'
import type { MessageType } from './connector.ts'

/** A string that becomes a header field, and so must stay on its line. */
export const headerText = z.string().refine(isHeaderSafe, 'must be one line')

/** A mail's content as the administrator wrote it, with `{{code}}` where the code goes. */
export const rawDelivery = z.object({
  subject: headerText.optional(),
  replyTo: headerText.optional(),
  html: z.string(),
  text: z.string().optional(),
})

/** The delivery for this type of message, else the generic one, else `connector_template_not_found`. */
export function pickDelivery<Delivery>(
  connectorId: string,
  deliveries: Readonly<Record<string, Delivery>>,
  type: MessageType,
): Delivery {
  // The keys are the administrator's: `constructor` must not find the one of Object.
  const key = [type, 'Generic'].find((key) => Object.hasOwn(deliveries, key))
  const delivery = key === undefined ? undefined : deliveries[key]
  if (delivery === undefined) throw new Fault('connector_template_not_found', { connectorId, type })
  return delivery
}

/** What the console's form begins with. */
export const exampleDeliveries = {
  SignIn: example('Sign in', 'sign in'),
  Register: example('Sign up', 'sign up'),
  ForgotPassword: example('Reset your password', 'reset your password'),
  Generic: example('Confirm it is you', 'go on'),
}

function example(subject: string, action: string): z.output<typeof rawDelivery> {
  return {
    subject: `${subject}: {{code}}`,
    html: `<p>Use this code to ${action}:</p><p><strong>{{code}}</strong></p><p>It is good for ten minutes.</p>`,
    text: `Use this code to ${action}: {{code}}\n\nIt is good for ten minutes.`,
  }
}
