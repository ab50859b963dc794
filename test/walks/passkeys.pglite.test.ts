import { AxeBuilder } from '@axe-core/playwright'
import type { CDPSession, Page } from 'playwright-core'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { sekishoAdapter } from '../../authjs/index.ts'
import { createApp, type Listening, listen } from '../../src/main.ts'
import { listPasskeys } from '../../src/model/passkey.ts'
import { listSessions } from '../../src/model/session.ts'
import { createUser } from '../../src/model/user.ts'
import { softwareKey } from '../contract/software-key.ts'
import { freePort } from '../setup/free-port.ts'
import { type World, world } from '../world.ts'
import { giveKey } from './browser.ts'
import { machineHas } from './machine.ts'
import { watchedPages } from './watched.ts'

const email = 'aiko@example.com'

describe.skipIf(!machineHas('Chromium'))('passkeys in a browser', () => {
  let url: string
  let scene: World
  let listening: Listening
  const open = watchedPages('passkeys', [404, 422])

  beforeEach(async () => {
    const port = await freePort()
    url = `http://localhost:${port}`
    scene = await world({ SEKISHO_PUBLIC_URL: url })
    listening = await listen(createApp(scene.ctx), { hosts: ['127.0.0.1'], port })
    await createUser(scene.ctx, { email, emailVerified: true })
  })
  afterEach(() => listening?.close())

  /** Somebody whose device keeps passkeys, and answers at once: also where a field only offers them (`autofill`). */
  async function visit({ autofill = false, scripts = true } = {}) {
    const page = await open({ scripts })
    if (!autofill && scripts) {
      await page.addInitScript(() => {
        PublicKeyCredential.isConditionalMediationAvailable = async () => false
      })
    }
    return { page, ...(await giveKey(page)) }
  }

  async function signInWithCode(page: Page): Promise<void> {
    await page.goto(`${url}/sign-in`)
    await page.fill('#identifier', email)
    await page.click('.btn.p')
    await page.waitForSelector('#code')
    await page.fill('#code', (await scene.mails(email))[0]?.code ?? 'none')
    await page.waitForURL('**/message**')
  }

  const keysOf = async (device: CDPSession, authenticatorId: string) =>
    (await device.send('WebAuthn.getCredentials', { authenticatorId })).credentials

  test('one is made after a sign-in, signs in by its button, and is removed', async () => {
    const { page } = await visit()
    await signInWithCode(page)
    await page.click('a[href="/account/passkeys"]')
    expect(await page.textContent('.muted')).toBe('You have no passkeys yet.')
    await page.click('#passkey button')
    await page.waitForURL('**/account/passkeys?notice=added')
    expect(await page.textContent('[role=status]')).toContain('Your passkey was added')
    expect(await page.$$('.rows li')).toHaveLength(1)
    expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([])

    await page.context().clearCookies()
    await page.goto(`${url}/sign-in`)
    expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([])
    await page.click('#passkey button')
    await page.waitForURL('**/message?about=signed-in')
    expect(await scene.events()).toEqual([
      'verification.sent',
      'user.signed-in',
      'factor.created',
      'factor.used',
      'user.signed-in',
    ])

    await page.goto(`${url}/account/passkeys`)
    await page.click('.rows button')
    await page.waitForURL('**/account/passkeys?notice=removed')
    expect(await page.$$('.rows li')).toHaveLength(0)
    expect((await scene.events()).at(-1)).toBe('factor.deleted')
  })

  test('one is offered in the field of the address, and signs in without a press', async () => {
    const { page, device, authenticatorId } = await visit({ autofill: true })
    await signInWithCode(page)
    await page.goto(`${url}/account/passkeys`)
    await page.click('#passkey button')
    await page.waitForURL('**/account/passkeys?notice=added')
    await page.context().clearCookies()
    expect(await keysOf(device, authenticatorId)).toHaveLength(1)
    await page.goto(`${url}/sign-in`)
    await page.waitForURL('**/message?about=signed-in')
    const [user] = await listPasskeys(scene.ctx, (await ownerId()) ?? '')
    expect(user?.lastUsedAt).toEqual(scene.ctx.now())
  })

  async function ownerId(): Promise<string | undefined> {
    const rows = await scene.ctx.db.selectFrom('auth.users').select('id').execute()
    return rows[0]?.id
  }

  test('one that Auth.js keeps for this name signs in on the hosted page', async () => {
    const { page, device, authenticatorId } = await visit()
    const adapter = sekishoAdapter({ database: scene.database })
    const user = await adapter.createUser({
      id: crypto.randomUUID(),
      email: 'bea@example.com',
      emailVerified: new Date(),
    })
    const key = softwareKey()
    await adapter.createAuthenticator({
      userId: user.id,
      credentialID: key.id.toString('base64'),
      providerAccountId: key.id.toString('base64'),
      credentialPublicKey: key.publicKey.toString('base64'),
      counter: 0,
      credentialBackedUp: false,
      credentialDeviceType: 'singleDevice',
      transports: 'internal',
    })
    await device.send('WebAuthn.addCredential', {
      authenticatorId,
      credential: {
        credentialId: key.id.toString('base64'),
        isResidentCredential: true,
        rpId: 'localhost',
        privateKey: key.privateKey.toString('base64'),
        userHandle: Buffer.from('a handle that Auth.js made up').toString('base64'),
        signCount: 1,
      },
    })
    await page.goto(`${url}/sign-in`)
    await page.click('#passkey button')
    await page.waitForURL('**/message?about=signed-in')
    expect(await listSessions(scene.ctx, user.id)).toMatchObject([{ amr: [{ method: 'passkey' }] }])
    expect(await adapter.getAuthenticator(key.id.toString('base64'))).toMatchObject({
      counter: 2,
    })
  })

  test('one that nobody has here is told so, and the browser forgets it', async () => {
    const { page, device, authenticatorId } = await visit()
    const key = softwareKey()
    await device.send('WebAuthn.addCredential', {
      authenticatorId,
      credential: {
        credentialId: key.id.toString('base64'),
        isResidentCredential: true,
        rpId: 'localhost',
        privateKey: key.privateKey.toString('base64'),
        userHandle: Buffer.from('nobody').toString('base64'),
        signCount: 1,
      },
    })
    await page.goto(`${url}/sign-in`)
    await page.click('#passkey button')
    await page.waitForSelector('.alert')
    expect(await page.textContent('.alert')).toBe(
      'That passkey was removed from this account. Choose another way.',
    )
    expect(await page.getAttribute('#passkey', 'data-unknown')).toBe(key.id.toString('base64url'))
    await expect.poll(() => keysOf(device, authenticatorId)).toEqual([])
  })

  test('without scripts the page offers none, and works as before', async () => {
    const { page } = await visit({ scripts: false })
    await page.goto(`${url}/sign-in`)
    expect(await page.isVisible('#passkey')).toBe(false)
    await page.fill('#identifier', email)
    await page.click('.btn.p')
    await page.waitForSelector('#code')
    await page.fill('#code', (await scene.mails(email))[0]?.code ?? 'none')
    await page.click('.btn.p')
    await page.waitForURL('**/message?about=signed-in')
    await page.click('a[href="/account/passkeys"]')
    expect(await page.isVisible('#passkey')).toBe(false)
    expect(await page.textContent('noscript')).toContain('allow scripts')
  })

  test('the page with its passkeys weighs less than 12 KB on the wire', async () => {
    const { page, device } = await visit({ autofill: true })
    await device.send('Network.enable')
    let weight = 0
    device.on('Network.loadingFinished', ({ encodedDataLength }) => {
      weight += encodedDataLength
    })
    await page.goto(`${url}/sign-in`, { waitUntil: 'networkidle' })
    expect(await page.isVisible('#passkey')).toBe(true)
    expect(weight).toBeGreaterThan(3000)
    expect(weight).toBeLessThan(12 * 1024)
  })
})
