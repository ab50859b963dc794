import { expect, expectTypeOf, test } from 'vitest'
import type { Context, Tx } from '../base/context.ts'
import { isFault } from '../base/fault.ts'
import {
  checkConfig,
  emailConnectors,
  findConnector,
  type Outside,
  smsConnectors,
} from './index.ts'

const connectors = [...emailConnectors, ...smsConnectors]

test('connectors are found by the ids that Logto gives them', () => {
  expect(findConnector('mailgun-email')?.name.en).toBe('Mailgun')
  expect(findConnector('simple-mail-transfer-protocol')?.name.en).toBe('SMTP')
  expect(findConnector('twilio-short-message-service')?.name.en).toBe('Twilio')
  expect(findConnector('vonage-sms')?.name.en).toBe('Vonage')
  expect(findConnector('constructor')).toBeNull()
})

test('mail inside a transaction does not compile', () => {
  expectTypeOf<Context>().toExtend<Outside>()
  expectTypeOf<Tx>().not.toExtend<Outside>()
})

test.each(connectors.map((connector) => [connector.id, connector] as const))(
  'the form of %s offers what its config knows, and its examples are valid',
  (_id, connector) => {
    const issuesOf = (config: Record<string, unknown>) =>
      connector.config.safeParse(config).error?.issues.map(({ path }) => path[0]) ?? []
    const required = connector.formItems.filter((item) => item.required)
    const missing = new Set(issuesOf({}))
    for (const item of required) {
      if (item.defaultValue !== undefined) {
        expect(issuesOf({ [item.key]: item.defaultValue })).not.toContain(item.key)
      } else {
        expect([...missing]).toContain(item.key)
      }
    }
    for (const { key } of connector.formItems) {
      // A key that the schema does not know would pass whatever it holds.
      expect(issuesOf({ [key]: Symbol('wrong') }), key).toContain(key)
    }
  },
)

test.each(connectors.map((connector) => [connector.id, connector] as const))(
  'the logo of %s is a picture without script or foreign addresses',
  (_id, connector) => {
    expect(connector.logo).toMatch(/^data:image\/svg\+xml,/)
    const svg = decodeURIComponent(connector.logo.slice(connector.logo.indexOf(',') + 1))
    expect(svg).toMatch(/^<svg .*<\/svg>$/)
    expect(svg.replace('http://www.w3.org/2000/svg', '')).not.toMatch(/script|http|href|on\w+=/)
  },
)

test('a config that does not fit is refused with places and reasons, and without its values', () => {
  const mailgun = findConnector('mailgun-email')
  if (!mailgun) throw new Error('There is no Mailgun.')
  const config = {
    apiKey: 'key-secret',
    domain: 5,
    from: 'A <a@b.example>\r\nBcc: key-secret',
    deliveries: {},
  }
  try {
    checkConfig(mailgun, config)
    expect.unreachable()
  } catch (error) {
    if (!isFault(error, 'connector_invalid_config')) throw error
    expect(error.details.connectorId).toBe('mailgun-email')
    expect(error.details.issues).toMatchObject([{ path: ['domain'] }, { path: ['from'] }])
    expect(JSON.stringify(error.details)).not.toContain('key-secret')
  }
})

test('what a check gives back passes the next check unchanged, so it may be stored', () => {
  const deliveries = { Generic: { subject: 'S', template: 't', html: 'x', variables: { a: [1] } } }
  const configs = {
    'mailgun-email': { domain: 'a.example', apiKey: ' key ', from: 'A <a@b.example>', deliveries },
    'simple-mail-transfer-protocol': {
      host: 'smtp.example.com',
      port: 587,
      auth: { type: 'login', user: 'u', pass: 'p' },
      fromEmail: 'A <a@b.example>',
      customHeaders: { 'X-A': ['1'] },
      templates: [{ usageType: 'Generic', contentType: 'text/plain', subject: 'S', content: 'x' }],
    },
  }
  for (const [id, config] of Object.entries(configs)) {
    const connector = findConnector(id)
    if (!connector) throw new Error(`There is no ${id}.`)
    const once = checkConfig(connector, { ...config, unknown: true })
    expect(once).not.toHaveProperty('unknown')
    expect(checkConfig(connector, once)).toEqual(once)
    expect(JSON.parse(JSON.stringify(once))).toEqual(once)
  }
})
