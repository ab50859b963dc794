import { z } from 'zod'
import { drawn, type SmsConnector, smsConnector } from './connector.ts'
import { failuresOf, harmless } from './failure.ts'
import { endpointOf, postForm, readAnswer } from './http.ts'
import { bubble, templatesItem, textOf, textTemplates } from './templates.ts'

const id = 'messagebird-sms'
const failed = failuresOf(id)

const config = z.object({
  endpoint: endpointOf('https://rest.messagebird.com').optional(),
  accessKey: z.string().trim().min(1),
  originator: z.string().trim().min(1),
  templates: textTemplates,
})

const taken = z.object({
  id: z.string(),
  recipients: z.object({ totalSentCount: z.number() }),
})
const refusal = z.object({ errors: z.array(z.object({ description: z.string() })).min(1) })

export const messagebird: SmsConnector = smsConnector({
  id,
  target: id,
  name: { en: 'MessageBird', ja: 'MessageBird' },
  description: {
    en: 'Sends SMS through MessageBird (Bird).',
    ja: 'MessageBird (Bird) で SMS を送信します。',
  },
  logo: drawn(bubble('#2461d8')),
  readme: `# MessageBird

1. In MessageBird's dashboard, make a live access key.
2. As the originator, give a number of yours, or up to eleven letters and digits where the country allows a name.
3. Write the templates. \`{{code}}\` stands for the code.`,
  channels: ['sms'],
  formItems: [
    {
      key: 'endpoint',
      type: 'Text',
      label: 'MessageBird endpoint',
      placeholder: 'https://rest.messagebird.com',
    },
    { key: 'accessKey', type: 'Text', label: 'Access key', required: true, isConfidential: true },
    { key: 'originator', type: 'Text', label: 'Originator', required: true },
    templatesItem,
  ],
  config,
  async deliver(message, config, out) {
    const response = await postForm(out.fetch, failed, {
      url: new URL('/messages', config.endpoint ?? 'https://rest.messagebird.com'),
      authorization: `AccessKey ${config.accessKey}`,
      fields: {
        originator: config.originator,
        body: textOf(id, message, config.templates),
        recipients: message.to,
        type: 'sms',
        datacoding: 'auto',
      },
    })
    const { status } = response
    const answer = await readAnswer(response, z.union([taken, refusal]))
    // It may take a message and send it to nobody.
    if (response.ok && answer && 'id' in answer && answer.recipients.totalSentCount > 0) {
      return answer.id
    }
    const said = answer && 'errors' in answer ? (answer.errors[0]?.description ?? '') : ''
    const sentence = harmless(said, message.to, [message.payload.code, config.accessKey])
    throw failed('refused', { status, ...(sentence && { answer: sentence }) })
  },
})
