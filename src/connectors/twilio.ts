import { z } from 'zod'
import { drawn, type SmsConnector, smsConnector, type TextMessage } from './connector.ts'
import { failuresOf, harmless } from './failure.ts'
import { basic, endpointOf, postForm, readAnswer } from './http.ts'
import { bubble, templatesItem, textOf, textTemplates } from './templates.ts'

const id = 'twilio-short-message-service'
const failed = failuresOf(id)

const config = z.object({
  endpoint: endpointOf('https://api.twilio.com').optional(),
  accountSID: z.string().trim().min(1),
  authToken: z.string().trim().min(1),
  fromMessagingServiceSID: z.string().trim().min(1),
  contentSID: z.string().trim().optional(),
  /** Logto's: leave out Twilio's SMS pumping protection for these messages. */
  disableRiskCheck: z.boolean().optional(),
  templates: textTemplates,
})

type TwilioConfig = z.output<typeof config>

export const twilio: SmsConnector = smsConnector({
  id,
  target: id,
  name: { en: 'Twilio', ja: 'Twilio' },
  description: {
    en: 'Sends SMS and WhatsApp messages through Twilio.',
    ja: 'Twilio で SMS と WhatsApp のメッセージを送信します。',
  },
  logo: drawn(bubble('#d61f33')),
  readme: `# Twilio

1. In the Twilio console, copy the account SID and the auth token.
2. As the sender, give a messaging service's SID (\`MG…\`) or a number of yours, such as \`+15005550006\`.
3. For WhatsApp with an approved template, give its content SID; its first variable is the code.
4. Write the templates. \`{{code}}\` stands for the code.`,
  channels: ['sms', 'whatsapp'],
  formItems: [
    {
      key: 'endpoint',
      type: 'Text',
      label: 'Twilio endpoint',
      placeholder: 'https://api.twilio.com',
    },
    { key: 'accountSID', type: 'Text', label: 'Account SID', required: true },
    { key: 'authToken', type: 'Text', label: 'Auth token', required: true, isConfidential: true },
    {
      key: 'fromMessagingServiceSID',
      type: 'Text',
      label: 'From: a messaging service SID or a number',
      placeholder: 'MG…',
      required: true,
    },
    { key: 'contentSID', type: 'Text', label: 'Content SID of the WhatsApp template' },
    { key: 'disableRiskCheck', type: 'Switch', label: 'Disable the risk check' },
    templatesItem,
  ],
  config,
  async deliver(message, config, out) {
    const { accountSID, authToken } = config
    const authorization = basic(accountSID, authToken)
    const path = `/2010-04-01/Accounts/${encodeURIComponent(accountSID)}/Messages.json`
    const response = await postForm(out.fetch, failed, {
      url: new URL(path, config.endpoint ?? 'https://api.twilio.com'),
      authorization,
      fields: fieldsOf(message, config),
    })
    const { status } = response
    const answer = await readAnswer(response, twilioAnswer)
    if (response.ok && !isLost(answer?.status)) return answer?.sid ?? ''
    const secrets = [message.payload.code, authToken, authorization]
    const sentence = harmless(sentenceOf(answer), message.to, secrets)
    throw failed('refused', { status, ...(sentence && { answer: sentence }) })
  },
})

/** What both of Twilio's services answer, whether they took a message or refused it. */
export const twilioAnswer = z.object({
  sid: z.string().nullish(),
  /** Of the message, such as `queued`; in a refusal the HTTP status again. */
  status: z.union([z.string(), z.number()]).nullish(),
  valid: z.boolean().nullish(),
  message: z.string().nullish(),
  more_info: z.string().nullish(),
  error_message: z.string().nullish(),
})

/** A message may be lost although the request was taken. */
export function isLost(status: unknown): boolean {
  return status === 'failed' || status === 'undelivered'
}

export function sentenceOf(answer: z.output<typeof twilioAnswer> | null): string {
  if (answer?.message) {
    return answer.more_info
      ? `${answer.message} More information: ${answer.more_info}`
      : answer.message
  }
  return answer?.error_message ?? ''
}

function fieldsOf(message: TextMessage, config: TwilioConfig): Record<string, string> {
  const { fromMessagingServiceSID: sender, contentSID, disableRiskCheck } = config
  const isService = /^MG[0-9a-f]{32}$/i.test(sender)
  const overWhatsapp = message.channel === 'whatsapp'
  const place = (number: string) => (overWhatsapp ? `whatsapp:${number}` : number)
  const from = isService ? { MessagingServiceSid: sender } : { From: place(sender) }
  return {
    To: place(`+${message.to}`),
    ...from,
    // An approved template of WhatsApp takes the code as its first variable.
    ...(overWhatsapp && contentSID
      ? { ContentSid: contentSID, ContentVariables: JSON.stringify({ 1: message.payload.code }) }
      : { Body: textOf(id, message, config.templates) }),
    ...(disableRiskCheck && { RiskCheck: 'disable' }),
  }
}
