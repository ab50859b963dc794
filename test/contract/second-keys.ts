import { Secret, TOTP } from 'otpauth'
import { expect } from 'vitest'
import { transaction } from '../../src/base/context.ts'
import { minute } from '../../src/base/time.ts'
import { enrollFactor } from '../../src/flows/factor.ts'
import { challengeFactor } from '../../src/flows/factor-challenge.ts'
import { type Proof, proveFactor } from '../../src/flows/factor-proof.ts'
import type { Holder } from '../../src/flows/passkey-registration.ts'
import { createPasskey } from '../../src/model/passkey.ts'
import { findUserWithSession } from '../../src/model/user-session.ts'
import {
  answerOf,
  authPath,
  type Browser,
  type Gate,
  gate,
  type Person,
  person,
  signIn,
} from './oidc-client.ts'
import { newPasskey, type SoftwareKey } from './software-key.ts'

export const page = '/sign-in/second-factor'
export const here = { origin: 'http://localhost:3001', relyingParty: 'localhost' }
export const switchedOn = {
  GOTRUE_MFA_WEB_AUTHN_ENROLL_ENABLED: 'true',
  GOTRUE_MFA_WEB_AUTHN_VERIFY_ENABLED: 'true',
}

export interface Stage {
  at: Gate
  one: Person
}

/** Somebody who has signed in by a password alone. */
export async function stage(environment: Record<string, string> = switchedOn): Promise<Stage> {
  const at = await gate(environment)
  return { at, one: await person(at) }
}

async function holderOf(at: Gate, { user, sessionId }: Person): Promise<Holder> {
  const found = await findUserWithSession(at.scene.ctx, { userId: user.id, sessionId })
  if (found?.session == null) throw new Error('Nobody is there.')
  return { user: found.user, session: found.session }
}

/** What a client does by `/auth/v1/factors`; the session is a new one afterwards, of a password alone. */
async function enrol(
  { at, one }: Stage,
  wish: { type: 'webauthn' | 'totp'; name: string },
  prove: (challenge: string, secret: string) => Proof,
): Promise<string> {
  const { ctx } = at.scene
  const { factor, totp } = await enrollFactor(ctx, await holderOf(at, one), {
    ...{ type: wish.type, friendlyName: wish.name, issuer: 'Test' },
  })
  const holder = await holderOf(at, one)
  const asked = await challengeFactor(ctx, holder, { factor, channel: 'sms' })
  const challenge = String(asked.ceremony?.options.challenge)
  const proof = prove(challenge, totp?.secret ?? '')
  await proveFactor(ctx, holder, { factor, challengeId: asked.id, proof })
  return factor.id
}

export async function enrolKey(stage: Stage, key: SoftwareKey, name = 'a key'): Promise<string> {
  return enrol(stage, { type: 'webauthn', name }, (challenge) => ({
    ...{ type: 'create', credential: JSON.parse(key.register(challenge, here)) },
  }))
}

export async function enrolApp(stage: Stage): Promise<{ id: string; code: () => string }> {
  const { ctx } = stage.at.scene
  let app: TOTP | null = null
  const code = () => app?.generate({ timestamp: ctx.now().getTime() }) ?? ''
  const id = await enrol(stage, { type: 'totp', name: '' }, (_challenge, secret) => {
    app = new TOTP({ secret: Secret.fromBase32(secret) })
    return { type: 'code', code: code() }
  })
  return { id, code }
}

export async function keepPasskey({ at, one }: Stage, key: SoftwareKey): Promise<string> {
  const { id } = await transaction(at.scene.ctx, (ctx) =>
    createPasskey(ctx, one.user, newPasskey(key)),
  )
  return id
}

/** A sign-in of now, by a password. */
export async function again({ at, one }: Stage, browser = one.browser): Promise<Stage> {
  at.scene.pass(5 * minute)
  const sessionId = await signIn(at, browser, one.user)
  at.scene.pass(5 * minute)
  return { at, one: { ...one, browser, sessionId } }
}

/** The application that wants to be surer, and the page that it leads to. */
export async function asked(browser: Browser): Promise<{ flow: string; html: string }> {
  const response = await browser.open(authPath({ acr_values: 'aal2' }))
  const location = response.headers.get('location') ?? ''
  expect(location).toMatch(/^\/sign-in\/second-factor\?app_id=shop&flow=/)
  const html = await (await browser.open(location)).text()
  return { flow: answerOf(response).flow ?? '', html }
}

export interface Question {
  challengeId: string
  options: { challenge: string; allowCredentials: { id: string }[] } & Record<string, unknown>
}

export async function question(browser: Browser, flow: string): Promise<Question> {
  const response = await browser.send(`${page}/options`, { flow, factor: 'key' })
  expect(response.status).toBe(200)
  return (await response.json()) as Question
}

export function show(
  browser: Browser,
  { flow, challengeId, credential }: { flow: string; challengeId: string; credential: string },
): Promise<Response> {
  return browser.send(page, { flow, factor: 'key', challenge: challengeId, credential })
}

export async function showKey(
  { one: { browser } }: Stage,
  flow: string,
  key: SoftwareKey,
  change: Parameters<SoftwareKey['answer']>[2] = {},
): Promise<Response> {
  const { challengeId, options } = await question(browser, flow)
  const credential = key.answer(options.challenge, here, change)
  return show(browser, { flow, challengeId, credential })
}

export async function assuranceOf({ at, one }: Stage) {
  const { session } = await holderOf(at, one)
  return { aal: session.aal, amr: session.amr.map(({ method }) => method).sort() }
}

export const problem = async (response: Response) =>
  /role="alert"[^>]*>([^<]*)</.exec(await response.text())?.[1] ?? null
