import { z } from 'zod'
import { isHeaderSafe, isPlainAddress } from './address.ts'
import {
  drawn,
  type EmailConnector,
  emailConnector,
  type Message,
  type MessageContent,
} from './connector.ts'
import { exampleDeliveries, headerText, pickDelivery, rawDelivery } from './deliveries.ts'
import { failuresOf, harmless } from './failure.ts'
import { basic, endpointOf, postForm, readAnswer } from './http.ts'
import { fill, fillHeader, fillHtml } from './template.ts'

const id = 'mailgun-email'
const failed = failuresOf(id)

/** Mailgun's two regions. */
const endpoint = endpointOf('https://api.mailgun.net', 'https://api.eu.mailgun.net')

const domain = z
  .string()
  .regex(/^[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*$/i, 'must be a domain such as mg.example.com')

const delivery = z
  .object({
    ...rawDelivery.shape,
    html: rawDelivery.shape.html.optional(),
    template: z.string().min(1).optional(),
    variables: z.record(z.string(), z.unknown()).optional(),
  })
  .refine(
    ({ html, template }) => html !== undefined || template !== undefined,
    'must have html or template',
  )

const config = z.object({
  endpoint: endpoint.optional(),
  domain,
  apiKey: z.string().trim().min(1),
  from: headerText.min(1),
  deliveries: z.record(z.string(), delivery),
})

type MailgunConfig = z.output<typeof config>

export const mailgun: EmailConnector = emailConnector({
  id,
  target: id,
  name: { en: 'Mailgun', ja: 'Mailgun' },
  description: {
    en: 'Sends e-mail through the Mailgun API.',
    ja: 'Mailgun の API でメールを送信します。',
  },
  logo: drawn(
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="#b1283a" stroke-width="2"><rect x="2.5" y="5" width="19" height="14" rx="2.5"/><path d="m3 7 9 7 9-7"/></svg>',
  ),
  readme: `# Mailgun

1. In Mailgun, add a sending domain and make an API key that may send messages.
2. Fill in the domain (without \`https://\`), the key, and a sender that belongs to the domain, such as \`Acme <no-reply@mg.example.com>\`.
3. Domains in the EU region need the endpoint \`https://api.eu.mailgun.net\`.
4. Write the deliveries: one for each usage type (\`Register\`, \`SignIn\`, \`ForgotPassword\`, …) or \`Generic\` for all, each with \`html\` (and \`text\`) or with the name of a Mailgun \`template\` and its \`variables\`. \`{{code}}\` stands for the code.
5. Send yourself a test message.`,
  formItems: [
    {
      key: 'endpoint',
      type: 'Text',
      label: 'Mailgun endpoint',
      placeholder: 'https://api.mailgun.net',
      description: 'https://api.eu.mailgun.net for domains in the EU region.',
    },
    {
      key: 'domain',
      type: 'Text',
      label: 'Domain',
      placeholder: 'mg.example.com',
      required: true,
    },
    { key: 'apiKey', type: 'Text', label: 'API key', required: true, isConfidential: true },
    {
      key: 'from',
      type: 'Text',
      label: 'From',
      placeholder: 'Sender Name <foo@example.com>',
      required: true,
    },
    {
      key: 'deliveries',
      type: 'Json',
      label: 'Deliveries',
      required: true,
      defaultValue: exampleDeliveries,
    },
  ],
  config,
  async deliver(message, config, out) {
    if (!isPlainAddress(message.to)) throw failed('address')
    const fields = [
      ['from', config.from],
      ['to', message.to],
      ...(message.content ? renderedFields(message.content) : deliveryFields(message, config)),
    ]
    const authorization = basic('api', config.apiKey)
    const response = await postForm(out.fetch, failed, {
      url: new URL(`/v3/${config.domain}/messages`, config.endpoint ?? 'https://api.mailgun.net'),
      authorization,
      fields,
    })
    if (response.ok) return response.body?.cancel()
    const { code, link } = message.payload
    const sentence = await answerOf(response)
    const answer = harmless(sentence, message.to, [code, link, config.apiKey, authorization])
    throw failed('refused', { status: response.status, ...(answer && { answer }) })
  },
})

function renderedFields({ subject, html, text }: MessageContent): string[][] {
  if (!isHeaderSafe(subject)) throw failed('header')
  return present([
    ['subject', subject],
    ['html', html],
    ['text', text],
  ])
}

function deliveryFields({ type, payload }: Message, { deliveries }: MailgunConfig): string[][] {
  const delivery = pickDelivery(id, deliveries, type)
  const { subject, replyTo, html, text, template, variables } = delivery
  const header = [
    ['subject', subject && fillHeader(subject, payload)],
    ['h:Reply-To', replyTo],
  ]
  // Where an administrator gave both, the template is meant (as in Logto).
  if (template !== undefined) {
    // The values go as they are: they are the business of Mailgun's own template engine.
    const values = JSON.stringify({ ...variables, ...payload })
    return present([...header, ['template', template], ['h:X-Mailgun-Variables', values]])
  }
  return present([
    ...header,
    ['html', html && fillHtml(html, payload)],
    ['text', text && fill(text, payload)],
  ])
}

function present(fields: (string | undefined)[][]): string[][] {
  return fields.filter((field): field is string[] => field[1] !== undefined)
}

/** Mailgun explains a refusal as `{"message": "…"}`; anything else says no more than its status. */
async function answerOf(response: Response): Promise<string> {
  return (await readAnswer(response, z.object({ message: z.string() })))?.message ?? ''
}
