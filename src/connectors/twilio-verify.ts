import { z } from 'zod'
import { drawn, type SmsConnector, smsConnector } from './connector.ts'
import { failuresOf, harmless } from './failure.ts'
import { basic, endpointOf, postForm, readAnswer } from './http.ts'
import { bubble } from './templates.ts'
import { isLost, sentenceOf, twilioAnswer } from './twilio.ts'

const id = 'twilio-verify-sms'
const failed = failuresOf(id)

const config = z.object({
  endpoint: endpointOf('https://verify.twilio.com').optional(),
  accountSID: z.string().trim().min(1),
  authToken: z.string().trim().min(1),
  serviceSID: z.string().trim().min(1),
})

type VerifyConfig = z.output<typeof config>

/** Twilio makes the code, writes the text, and says whether what somebody typed is right. */
export const twilioVerify: SmsConnector = smsConnector({
  id,
  target: id,
  name: { en: 'Twilio Verify', ja: 'Twilio Verify' },
  description: {
    en: 'Lets Twilio Verify send codes and check them.',
    ja: 'コードの送信と確認を Twilio Verify に任せます。',
  },
  logo: drawn(bubble('#a3142b')),
  readme: `# Twilio Verify

1. In the Twilio console, make a Verify service, and copy its SID (\`VA…\`).
2. Copy the account SID and the auth token.

Twilio makes the codes, writes the messages and checks what people type: length, lifetime and text are set there.`,
  channels: ['sms', 'whatsapp'],
  formItems: [
    {
      key: 'endpoint',
      type: 'Text',
      label: 'Twilio Verify endpoint',
      placeholder: 'https://verify.twilio.com',
    },
    { key: 'accountSID', type: 'Text', label: 'Account SID', required: true },
    { key: 'authToken', type: 'Text', label: 'Auth token', required: true, isConfidential: true },
    { key: 'serviceSID', type: 'Text', label: 'Service SID', placeholder: 'VA…', required: true },
  ],
  config,
  async deliver({ to, channel }, config, out) {
    const response = await ask(out.fetch, config, 'Verifications', {
      To: `+${to}`,
      Channel: channel,
    })
    const { status } = response
    const answer = await readAnswer(response, twilioAnswer)
    if (response.ok && !isLost(answer?.status)) return answer?.sid ?? ''
    const sentence = harmless(sentenceOf(answer), to, secretsOf(config))
    throw failed('refused', { status, ...(sentence && { answer: sentence }) })
  },
  async verify({ to, code }, config, out) {
    const response = await ask(out.fetch, config, 'VerificationCheck', {
      To: `+${to}`,
      Code: code,
    })
    // 404 says that no code waits any more, 429 that there were too many tries.
    if (response.ok || [404, 429].includes(response.status)) {
      const answer = await readAnswer(response, twilioAnswer)
      return response.ok && answer?.status === 'approved' && answer.valid !== false
    }
    await response.body?.cancel()
    throw failed('refused', { status: response.status })
  },
})

function ask(
  fetch: typeof globalThis.fetch,
  config: VerifyConfig,
  what: string,
  fields: Record<string, string>,
): Promise<Response> {
  const path = `/v2/Services/${encodeURIComponent(config.serviceSID)}/${what}`
  return postForm(fetch, failed, {
    url: new URL(path, config.endpoint ?? 'https://verify.twilio.com'),
    authorization: basic(config.accountSID, config.authToken),
    fields,
  })
}

function secretsOf({ accountSID, authToken }: VerifyConfig): string[] {
  return [authToken, basic(accountSID, authToken)]
}
