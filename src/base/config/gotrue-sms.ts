import { renderTemplate } from '../go-template.ts'
import { minute } from '../time.ts'
import { duration, flag, integer, optional, text, type Variable } from './variables.ts'

/** Codes to phones (reference/gotrue.md § 2.11, appendix B). */
export const smsVariables = {
  smsAutoconfirm: flag('GOTRUE_SMS_AUTOCONFIRM', false),
  smsProvider: text(['GOTRUE_SMS_PROVIDER'], ''),
  smsMaxFrequency: duration('GOTRUE_SMS_MAX_FREQUENCY', 1 * minute),
  smsOtpExpSeconds: integer(['GOTRUE_SMS_OTP_EXP'], 60, { min: 1 }),
  smsOtpLength: integer(['GOTRUE_SMS_OTP_LENGTH'], 6, { min: 6, max: 10 }),
  smsTemplate: template('GOTRUE_SMS_TEMPLATE', 'Your code is {{ .Code }}'),
  smsTestOtp: testCodes('GOTRUE_SMS_TEST_OTP'),
  smsTestOtpValidUntil: instant('GOTRUE_SMS_TEST_OTP_VALID_UNTIL'),
  twilioAccountSid: optional('GOTRUE_SMS_TWILIO_ACCOUNT_SID'),
  twilioAuthToken: optional('GOTRUE_SMS_TWILIO_AUTH_TOKEN'),
  twilioMessageServiceSid: optional('GOTRUE_SMS_TWILIO_MESSAGE_SERVICE_SID'),
  twilioContentSid: optional('GOTRUE_SMS_TWILIO_CONTENT_SID'),
  twilioVerifyAccountSid: optional('GOTRUE_SMS_TWILIO_VERIFY_ACCOUNT_SID'),
  twilioVerifyAuthToken: optional('GOTRUE_SMS_TWILIO_VERIFY_AUTH_TOKEN'),
  twilioVerifyMessageServiceSid: optional('GOTRUE_SMS_TWILIO_VERIFY_MESSAGE_SERVICE_SID'),
  messagebirdAccessKey: optional('GOTRUE_SMS_MESSAGEBIRD_ACCESS_KEY'),
  messagebirdOriginator: optional('GOTRUE_SMS_MESSAGEBIRD_ORIGINATOR'),
  vonageApiKey: optional('GOTRUE_SMS_VONAGE_API_KEY'),
  vonageApiSecret: optional('GOTRUE_SMS_VONAGE_API_SECRET'),
  vonageFrom: optional('GOTRUE_SMS_VONAGE_FROM'),
  textlocalApiKey: optional('GOTRUE_SMS_TEXTLOCAL_API_KEY'),
  textlocalSender: optional('GOTRUE_SMS_TEXTLOCAL_SENDER'),
}

/** A template of Go's that renders, so that the first message is not the one that finds out. */
export function template(name: string, fallback: string): Variable<string> {
  return {
    names: [name],
    fallback,
    parse(value) {
      try {
        renderTemplate(value, { Code: '123456' }, 'text')
      } catch {
        throw new Error('must be a template such as Your code is {{ .Code }}')
      }
      return value
    },
  }
}

/** `1234567890=123456,…`, also with a colon: codes by number (digits without `+`), for tests that send nothing. */
function testCodes(name: string): Variable<Readonly<Record<string, string>>> {
  return {
    names: [name],
    fallback: {},
    parse(value) {
      const pairs = value.split(',').filter((pair) => pair.trim() !== '')
      return Object.fromEntries(
        pairs.map((pair) => {
          const [, phone, code] = /^\s*\+?([1-9]\d{1,14})\s*[=:]\s*(\S+)\s*$/.exec(pair) ?? []
          if (phone === undefined || code === undefined) {
            throw new Error('must be numbers with their codes, such as 1234567890=123456')
          }
          return [phone, code]
        }),
      )
    },
  }
}

/** A moment as RFC 3339 writes it, in milliseconds. */
function instant(name: string): Variable<number | null> {
  return {
    names: [name],
    fallback: null,
    parse(value) {
      if (value === '') return null
      const at = /^\d{4}-\d\d-\d\d/.test(value) ? Date.parse(value) : Number.NaN
      if (Number.isNaN(at)) throw new Error('must be a time such as 2026-12-31T23:59:59Z')
      return at
    },
  }
}
