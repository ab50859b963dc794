import { expect } from 'vitest'
import { carrierOf, cookieOf, emailOf, password } from '../../bench/growth/names.ts'
import { browserCookies } from '../../src/base/cookies.ts'
import type { World } from '../world.ts'
import { type GotrueWorld, gotrueIn } from './gotrue-world.ts'
import { type Browser, browserAt, encoded, type Gate } from './oidc-client.ts'

export interface Stage {
  scene: World
  gotrue: GotrueWorld
  at: Gate
  /** Seeded people whom no other story has touched. */
  next(is?: (user: number) => boolean): number
}

export interface Story {
  name: string
  tell(stage: Stage): Promise<unknown>
}

export const counted = (user: number) => carrierOf(user) === 'counted'
export const atBrowser = (user: number) => carrierOf(user) === 'browser' && user % 7 !== 0

export async function stageOn(scene: World, ask: Gate['ask'], first: number): Promise<Stage> {
  let user = first
  return {
    scene,
    gotrue: await gotrueIn(scene),
    at: {
      scene,
      ask,
      post: (path, form, headers = {}) =>
        ask(path, {
          method: 'POST',
          body: typeof form === 'string' ? form : encoded(form),
          headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
        }),
    },
    next(is = () => true) {
      // Those of the few with many sessions, without an address, or whose session has an end, are asked for by name.
      do user += 1
      while (
        user % 100 === 0 ||
        user % 50 === 1 ||
        user % 25 === 0 ||
        user % 130 === 4 ||
        !is(user)
      )
      return user
    },
  }
}

export async function signedIn({ gotrue }: Stage, user: number) {
  const asked = { body: { email: emailOf(user), password } }
  const { status, body } = await gotrue.ask('POST', '/token?grant_type=password', asked)
  expect([status, body]).toEqual([200, expect.anything()])
  return body as { access_token: string; refresh_token: string; user: { id: string } }
}

export function browserOf({ at, scene }: Stage, user: number): Browser {
  const browser = browserAt(at)
  browser.cookies.set(browserCookies(scene.ctx.config).session, cookieOf(user))
  return browser
}

/** An answer that is no refusal: a story that fails shows no plan worth looking at. */
export async function well(answer: Promise<{ status: number; body?: unknown }>) {
  const { status, body } = await answer
  expect(status, JSON.stringify(body)).toBeLessThan(400)
}
