import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import {
  type Browser,
  type BrowserContext,
  type CDPSession,
  chromium as driver,
  type Page,
} from 'playwright-core'
import { chromium, top } from './machine.ts'

let browser: Browser | null = null

/** A fresh profile of the one Chromium of this run. */
export async function openBrowser({ scripts }: { scripts: boolean }): Promise<BrowserContext> {
  browser ??= await driver.launch({
    executablePath: chromium ?? '',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
  const context = await browser.newContext({ javaScriptEnabled: scripts, locale: 'en-US' })
  context.setDefaultTimeout(15_000)
  return context
}

export async function closeBrowser(): Promise<void> {
  await browser?.close()
  browser = null
}

/** The hosted pages, with a password. */
export async function passHostedPages(
  page: Page,
  { email, password }: { email: string; password: string },
): Promise<void> {
  await page.getByLabel('Email').fill(email)
  await page.getByRole('button', { name: 'Continue' }).click()
  await page.getByRole('textbox', { name: 'Password' }).fill(password)
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
}

/** A device that keeps passkeys, or a security key: it never asks anything, and its owner is always there. */
export async function giveKey(
  page: Page,
  { isResident = true } = {},
): Promise<{ device: CDPSession; authenticatorId: string }> {
  const device = await page.context().newCDPSession(page)
  await device.send('WebAuthn.enable', { enableUI: false })
  const { authenticatorId } = await device.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: isResident ? 'internal' : 'usb',
      hasResidentKey: isResident,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  })
  return { device, authenticatorId }
}

/** What the page looked like when a walk failed. */
export async function keepPicture(context: BrowserContext, name: string): Promise<void> {
  const folder = join(top, 'test/.cache/pictures')
  mkdirSync(folder, { recursive: true })
  for (const [number, page] of context.pages().entries()) {
    await page.screenshot({ path: join(folder, `${name}-${number}.png`) })
  }
}
