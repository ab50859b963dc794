import { z } from 'zod'
import { drawn, type SmsConnector, smsConnector } from './connector.ts'
import { failuresOf, harmless } from './failure.ts'
import { endpointOf, postForm, readAnswer } from './http.ts'
import { bubble, templatesItem, textOf, textTemplates } from './templates.ts'

const id = 'vonage-sms'
const failed = failuresOf(id)

const config = z.object({
  endpoint: endpointOf('https://rest.nexmo.com').optional(),
  apiKey: z.string().trim().min(1),
  apiSecret: z.string().trim().min(1),
  brandName: z.string().trim().min(1),
  templates: textTemplates,
})

/** One for each part of a long text; each says for itself whether it was taken. */
const answer = z.object({
  messages: z
    .array(
      z.object({
        status: z.string(),
        'message-id': z.string().optional(),
        'error-text': z.string().optional(),
      }),
    )
    .min(1),
})

export const vonage: SmsConnector = smsConnector({
  id,
  target: id,
  name: { en: 'Vonage', ja: 'Vonage' },
  description: { en: 'Sends SMS through Vonage.', ja: 'Vonage で SMS を送信します。' },
  logo: drawn(bubble('#7b2fb8')),
  readme: `# Vonage

1. In Vonage's dashboard, copy the API key and the API secret.
2. As the brand name, give a number of yours, or a name where the country allows one.
3. Write the templates. \`{{code}}\` stands for the code.`,
  channels: ['sms'],
  formItems: [
    {
      key: 'endpoint',
      type: 'Text',
      label: 'Vonage endpoint',
      placeholder: 'https://rest.nexmo.com',
    },
    { key: 'apiKey', type: 'Text', label: 'API key', required: true },
    { key: 'apiSecret', type: 'Text', label: 'API secret', required: true, isConfidential: true },
    { key: 'brandName', type: 'Text', label: 'Brand name', required: true },
    templatesItem,
  ],
  config,
  async deliver(message, config, out) {
    const text = textOf(id, message, config.templates)
    const response = await postForm(out.fetch, failed, {
      url: new URL('/sms/json', config.endpoint ?? 'https://rest.nexmo.com'),
      fields: {
        api_key: config.apiKey,
        api_secret: config.apiSecret,
        from: config.brandName,
        to: message.to,
        text,
        ...(isPlain(text) ? {} : { type: 'unicode' }),
      },
    })
    const { status } = response
    const messages = (await readAnswer(response, answer))?.messages ?? []
    const refused = messages.find(({ status }) => status !== '0')
    const [first] = messages
    // Refusals come with 200 as well.
    if (response.ok && first !== undefined && refused === undefined)
      return first['message-id'] ?? ''
    const secrets = [message.payload.code, config.apiSecret]
    const sentence = harmless(refused?.['error-text'] ?? '', message.to, secrets)
    throw failed('refused', { status, ...(sentence && { answer: sentence }) })
  },
})

/** Everything else needs the wider alphabet, in which half as many characters fit into a message. */
function isPlain(text: string): boolean {
  return /^[\n\r\x20-\x7e]*$/.test(text)
}
