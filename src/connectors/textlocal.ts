import { z } from 'zod'
import { drawn, type SmsConnector, smsConnector } from './connector.ts'
import { failuresOf, harmless } from './failure.ts'
import { endpointOf, postForm, readAnswer } from './http.ts'
import { bubble, templatesItem, textOf, textTemplates } from './templates.ts'

const id = 'textlocal-sms'
const failed = failuresOf(id)

const config = z.object({
  endpoint: endpointOf('https://api.textlocal.in', 'https://api.txtlocal.com').optional(),
  apiKey: z.string().trim().min(1),
  sender: z.string().trim().min(1),
  templates: textTemplates,
})

const answer = z.object({
  status: z.string(),
  messages: z.array(z.object({ id: z.union([z.string(), z.number()]) })).optional(),
  errors: z.array(z.object({ message: z.string() })).optional(),
})

export const textlocal: SmsConnector = smsConnector({
  id,
  target: id,
  name: { en: 'Textlocal', ja: 'Textlocal' },
  description: { en: 'Sends SMS through Textlocal.', ja: 'Textlocal で SMS を送信します。' },
  logo: drawn(bubble('#1f8a4c')),
  readme: `# Textlocal

1. In Textlocal's control panel, make an API key.
2. Give a sender that was approved. In India the text has to match an approved template as well.
3. Write the templates. \`{{code}}\` stands for the code.`,
  channels: ['sms'],
  formItems: [
    {
      key: 'endpoint',
      type: 'Text',
      label: 'Textlocal endpoint',
      placeholder: 'https://api.textlocal.in',
      description: 'https://api.txtlocal.com outside India.',
    },
    { key: 'apiKey', type: 'Text', label: 'API key', required: true, isConfidential: true },
    { key: 'sender', type: 'Text', label: 'Sender', required: true },
    templatesItem,
  ],
  config,
  async deliver(message, config, out) {
    const response = await postForm(out.fetch, failed, {
      url: new URL('/send/', config.endpoint ?? 'https://api.textlocal.in'),
      fields: {
        apikey: config.apiKey,
        sender: config.sender,
        numbers: message.to,
        message: textOf(id, message, config.templates),
      },
    })
    const { status } = response
    const said = await readAnswer(response, answer)
    // Refusals come with 200 as well.
    if (response.ok && said?.status === 'success') return String(said.messages?.[0]?.id ?? '')
    const secrets = [message.payload.code, config.apiKey]
    const sentence = harmless(said?.errors?.[0]?.message ?? '', message.to, secrets)
    throw failed('refused', { status, ...(sentence && { answer: sentence }) })
  },
})
