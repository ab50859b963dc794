import type { Server } from 'node:http'
import { createApp, listen } from '../../src/main.ts'
import { keyOf } from '../contract/gotrue-world.ts'
import { freePort } from '../setup/free-port.ts'
import { type World, world } from '../world.ts'
import { supabaseSite } from './example.ts'

// biome-ignore lint/suspicious/noExplicitAny: what the site answers is looked into freely.
type Body = any

export interface Said {
  status: number
  data: Body
  error: { code: string; message: string } | null
  headers: Headers
}

/** A browser with its cookies; its tabs are requests that do not wait for each other. */
export interface SiteBrowser {
  open(path: string): Promise<Said>
  send(path: string, input?: object): Promise<Said>
  /** Its cookies as they are now, for a tab that is behind. */
  cookies(): string
  openWith(cookies: string, path: string): Promise<Said>
}

/** Sekisho, and the example's site in front of it, on ports of this machine; time runs. */
export interface SiteStage extends World {
  url: string
  home: string
  anonKey: string
  browser(): SiteBrowser
  /** The link of the newest mail, and where the browser is sent that opens it. */
  followMail(email: string): Promise<URL>
  close(): Promise<void>
}

export async function siteStage(environment: Record<string, string> = {}): Promise<SiteStage> {
  const [port, sitePort] = [await freePort(), await freePort()]
  const url = `http://localhost:${port}`
  const home = `http://localhost:${sitePort}`
  const scene = await world({
    SEKISHO_PUBLIC_URL: url,
    GOTRUE_SITE_URL: home,
    GOTRUE_SMTP_MAX_FREQUENCY: '0s',
    GOTRUE_WEBAUTHN_RP_ID: 'localhost',
    GOTRUE_WEBAUTHN_RP_ORIGINS: home,
    ...environment,
  })
  // The clients look at the machine's clock, and so the server has to.
  scene.keepTime()
  const listening = await listen(createApp(scene.ctx), { hosts: ['127.0.0.1'], port })
  const anonKey = await keyOf(scene, { role: 'anon' })
  const { createSite, serveSite } = await supabaseSite()
  const site: Server = await serveSite(createSite({ url, anonKey, home }), sitePort)
  return {
    ...scene,
    url,
    home,
    anonKey,
    browser: () => siteBrowser(home),
    async followMail(email) {
      const [mail] = await scene.mails(email)
      if (!mail?.link) throw new Error(`There is no mail with a link to ${email}`)
      const { status, headers } = await fetch(mail.link, { redirect: 'manual' })
      if (status !== 303) throw new Error(`The link answered ${status}`)
      return new URL(headers.get('location') ?? '')
    },
    async close() {
      site.closeAllConnections()
      await new Promise((resolve) => site.close(resolve))
      await listening.close()
    },
  }
}

function siteBrowser(home: string): SiteBrowser {
  const kept = new Map<string, string>()
  const cookies = () => [...kept].map(([name, value]) => `${name}=${value}`).join('; ')
  async function ask(path: string, init: RequestInit, cookie: string): Promise<Said> {
    const answer = await fetch(new URL(path, home), { ...init, headers: { cookie } })
    const body: Body = await answer.json()
    for (const line of answer.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      if (/;\s*max-age=0\b/i.test(line)) kept.delete(name)
      else kept.set(name, value)
    }
    return { status: answer.status, headers: answer.headers, ...body }
  }
  return {
    cookies,
    open: (path) => ask(path, {}, cookies()),
    openWith: (cookie, path) => ask(path, {}, cookie),
    send: (path, input = {}) =>
      ask(path, { method: 'POST', body: JSON.stringify(input) }, cookies()),
  }
}
