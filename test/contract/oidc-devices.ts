import { expect } from 'vitest'
import { createApplication } from '../../src/model/application.ts'
import { type Browser, type Fields, type Gate, gate, type Person, person } from './oidc-client.ts'

export const deviceGrant = 'urn:ietf:params:oauth:grant-type:device_code'

export interface Waiting {
  device_code: string
  user_code: string
  verification_uri: string
  verification_uri_complete: string
  expires_in: number
  interval: number
}

/** A television (Native, by device codes) and Ann, who has signed in at her browser. */
export async function stage(): Promise<Gate & { ann: Person }> {
  const at = await gate()
  await makeTv(at)
  const ann = await person(at)
  at.scene.queries()
  return { ...at, ann }
}

export async function makeTv(at: Gate, more: Fields = {}): Promise<void> {
  await createApplication(at.scene.ctx, {
    ...{ id: 'tv', name: 'The Television', type: 'Native' as const },
    customClientMetadata: { isDeviceFlow: true },
    ...more,
  })
}

export async function begin(at: Gate, changes: Fields = {}): Promise<Waiting> {
  const scope = 'openid offline_access email'
  const answer = await at.post('/oidc/device/auth', { client_id: 'tv', scope, ...changes })
  if (answer.status !== 200) throw new Error(await answer.text())
  return (await answer.json()) as Waiting
}

export function poll(at: Gate, device_code: string, changes: Fields = {}): Promise<Response> {
  return at.post('/oidc/token', {
    ...{ grant_type: deviceGrant, client_id: 'tv', device_code },
    ...changes,
  })
}

export function hiddenOf(html: string): Fields {
  const hidden = [...html.matchAll(/type="hidden" name="([^"]+)" value="([^"]+)"/g)]
  return Object.fromEntries(hidden.map(([, name = '', value = '']) => [name, value]))
}

/** Types the code and follows to the page where the last word is asked for. */
export async function comeToConfirm(browser: Browser, code: string) {
  const sent = await browser.send('/device', { user_code: code })
  expect(sent.status, await sent.clone().text()).toBe(303)
  const resumed = await browser.open(sent.headers.get('location') ?? '')
  const location = resumed.headers.get('location') ?? ''
  const page = await browser.open(location)
  const html = await page.text()
  return { location, html, form: hiddenOf(html) }
}

export async function answerDevice(
  browser: Browser,
  code: string,
  want: 'allow' | 'deny',
): Promise<string> {
  const { form } = await comeToConfirm(browser, code)
  const answered = await browser.send('/device/confirm', { ...form, want })
  const done = await browser.open(answered.headers.get('location') ?? '')
  return done.headers.get('location') ?? `${done.status} ${await done.text()}`
}
