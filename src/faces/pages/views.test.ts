import { brotliCompressSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import type { Passkey } from '../../model/passkey.ts'
import type { Factor } from '../../model/user.ts'
import { languages, wordsFor } from '../../words/words.ts'
import { applicationsPage } from './application-views.ts'
import { assets, handOverScript, passkeyScript, script, stylesheet } from './assets.ts'
import { brandOf, contrast } from './brand.ts'
import { chooserPage } from './choice-views.ts'
import { handOverPage } from './hand-over.ts'
import { securityHeaders } from './headers.ts'
import type { Frame, Html } from './layout.ts'
import { errorPage, messagePage, signOutPage } from './messages.ts'
import { passkeysPage } from './passkey-views.ts'
import { secondFactorPage } from './second-factor-views.ts'
import {
  codePage,
  confirmRegisterPage,
  forgotPasswordPage,
  identifierPage,
  newPasswordPage,
  passwordPage,
  registerPage,
} from './views.ts'

const looks = {
  color: { primaryColor: '#6139F6', darkPrimaryColor: '#8768F8', isDarkModeEnabled: true },
  branding: { logoUrl: 'https://cdn.example.com/logo.svg' },
  termsOfUseUrl: 'https://example.com/terms',
  privacyPolicyUrl: 'https://example.com/privacy',
  supportEmail: 'help@example.com',
}

function frameOf(changes: Partial<Frame> = {}): Frame {
  return {
    words: wordsFor('en'),
    brand: brandOf(looks),
    app: { name: 'Bookstore' },
    flow: 'f1d2',
    path: '/sign-in',
    ...changes,
  }
}

const evil = `"><img src=x onerror=alert(1)>'{app}`
const problem = (field: 'identifier' | 'password' | 'code' | null) => ({ field, text: evil })

const party = { id: 'localhost', origin: 'http://localhost:3001' }
const passkey: Passkey = {
  id: 'a1',
  userId: 'u1',
  credentialId: 'AAAA',
  publicKey: new Uint8Array(),
  counter: 0,
  transports: [],
  name: evil,
  createdAt: new Date('2025-11-22T12:00:00Z'),
  lastUsedAt: new Date('2025-11-23T12:00:00Z'),
}

const app: Factor = {
  id: 'f1',
  type: 'totp',
  status: 'verified',
  friendlyName: evil,
  phone: null,
  createdAt: passkey.createdAt,
  updatedAt: passkey.createdAt,
  lastChallengedAt: null,
  aaguid: null,
}

const user = { id: 'u1', email: evil, username: null, phone: null, name: null } as const

const pages: [string, (frame: Frame) => Html][] = [
  [
    'identifier',
    (frame) =>
      identifierPage(frame, {
        kind: 'emailOrUsername',
        identifier: evil,
        canRegister: true,
        passkeys: null,
        problem: problem('identifier'),
      }),
  ],
  [
    'identifier and passkey',
    (frame) =>
      identifierPage(frame, {
        kind: 'email',
        identifier: evil,
        canRegister: true,
        passkeys: party,
        problem: { field: null, text: evil, unknownPasskey: evil },
      }),
  ],
  [
    'passkeys',
    (frame) =>
      passkeysPage(frame, {
        party,
        passkeys: [passkey, { ...passkey, name: '', lastUsedAt: null }],
        state: 'open',
      }),
  ],
  ['old passkeys', (frame) => passkeysPage(frame, { party, passkeys: [], state: 'stale' })],
  ['guarded passkeys', (frame) => passkeysPage(frame, { party, passkeys: [], state: 'weak' })],
  [
    'applications',
    (frame) =>
      applicationsPage(frame, {
        allowed: [evil, 'plain'].map((text) => ({
          application: {
            ...{ id: text, name: text, origin: 'document' as const },
            appearance: { logoUrl: 'https://cdn.example.com/logo.svg' },
          },
          consent: {
            ...{ scopes: ['email', evil], organizationScopes: [evil] },
            ...{ resourceScopes: {}, organizationIds: [] },
          },
          resources: [{ name: evil, scopes: [evil] }],
          ...{ organizations: [evil], documentHost: evil, givenAt: passkey.createdAt },
        })),
        ...{ sessionId: evil, passkeys: true, notice: evil },
      }),
  ],
  [
    'no applications',
    (frame) =>
      applicationsPage(frame, { allowed: [], sessionId: evil, passkeys: false, notice: null }),
  ],
  [
    'key or code',
    (frame) =>
      secondFactorPage(frame, {
        ...{ way: { id: 'key', type: 'key', party }, others: [app], isSent: false },
        problem: problem(null),
      }),
  ],
  [
    'code or key',
    (frame) =>
      secondFactorPage(frame, {
        ...{ way: app, others: [{ id: 'key', type: 'key', party }], isSent: false },
        problem: problem('code'),
      }),
  ],
  [
    'password',
    (frame) =>
      passwordPage(frame, {
        identifier: evil,
        canUseCode: true,
        canRecover: true,
        problem: problem('password'),
      }),
  ],
  [
    'code',
    (frame) =>
      codePage(frame, {
        place: '/sign-in/code',
        identifier: evil,
        minutes: 10,
        canUsePassword: true,
        problem: problem('code'),
        notice: evil,
      }),
  ],
  ['register', (frame) => registerPage(frame, { identifier: evil, canSignIn: true })],
  ['confirm', (frame) => confirmRegisterPage(frame, { identifier: evil, problem: problem(null) })],
  [
    'new password',
    (frame) => newPasswordPage(frame, { place: '/register/password', identifier: evil, min: 8 }),
  ],
  [
    'reset',
    (frame) => newPasswordPage(frame, { place: '/reset-password', identifier: evil, min: 8 }),
  ],
  ['forgot', (frame) => forgotPasswordPage(frame, { identifier: evil })],
  ['message', (frame) => messagePage(frame, 'signed-out', { passkeys: true })],
  [
    'hand over',
    (frame) => handOverPage(frame, { to: 'https://shop.example/', fields: { a: evil } }),
  ],
  ['chooser', (frame) => chooserPage(frame, { user: { ...user, name: evil }, sessionId: evil })],
  ['sign out', (frame) => signOutPage(frame, '/sign-out', evil)],
  [
    'error',
    (frame) =>
      errorPage(frame, {
        text: evil,
        reference: '7F3K-2Q9D',
        code: evil,
        details: { description: evil, received: [evil], registered: [evil] },
      }),
  ],
]

describe.each(pages)('the %s page', (_name, view) => {
  test.each(languages)('speaks $language.name throughout and leaves no place open', (words) => {
    const page = String(view(frameOf({ words })))
    expect(page).toContain(`<html lang="${words.language.tag}" dir="ltr">`)
    expect(page.replaceAll('{app}', '')).not.toMatch(/\{\w+\}|undefined|\[object/)
    expect(page).toMatch(/<h1>[^<]+<\/h1>/)
    expect(page).toMatch(/<title>[^<]*Bookstore<\/title>/)
  })

  test('lets nobody add markup (E12, J1)', () => {
    const frame = frameOf({ app: { name: evil }, flow: evil })
    expect(String(view(frame))).not.toContain('<img src=x')
  })

  test('weighs less than 12 KB with style and script', () => {
    const page = String(view(frameOf()))
    const scripts = [script, passkeyScript].filter(({ path }) => page.includes(path))
    const sizes = [page, stylesheet, ...scripts].map((part) =>
      typeof part === 'string' ? brotliCompressSync(part).length : part.bodies.br.length,
    )
    expect(sizes.reduce((sum, size) => sum + size)).toBeLessThan(12 * 1024)
  })

  test('has no script or style of its own but the brand', () => {
    const page = String(view(frameOf()))
    const tags = page.replace(/"[^"]*"/g, '""').match(/<[^>]+>/g)
    expect(tags?.join('')).not.toMatch(/ on\w+=| style=/)
    expect(page).not.toContain('javascript:')
    const ours = [script, passkeyScript, handOverScript].map(
      ({ path }) => `<script src="${path}" defer></script>`,
    )
    const scripts = page.match(/<script.*?<\/script>/gs) ?? []
    expect(scripts).toContain(ours[0])
    expect(ours).toEqual(expect.arrayContaining(scripts))
    expect(page.match(/<style>/g)).toHaveLength(1)
  })
})

describe('the markup that password managers and phones learn', () => {
  const pageOf = (name: string) => String(pages.find(([one]) => one === name)?.[1](frameOf()))
  const input = (page: string, name: string) =>
    page.match(new RegExp(`<input[^>]* name="${name}"[^>]*>`))?.[0] ?? ''

  test('the identifier', () => {
    const tag = input(pageOf('identifier'), 'identifier')
    for (const attribute of [
      'type="text"',
      'inputmode="email"',
      'autocomplete="username webauthn"',
      'autocapitalize="none"',
      'maxlength="320"',
      'required',
      'aria-describedby="identifier-err" aria-invalid="true"',
    ]) {
      expect(tag).toContain(attribute)
    }
  })

  test('the password, with the account as a text field beside it', () => {
    const page = pageOf('password')
    expect(input(page, 'identifier')).toMatch(/class="vh".*autocomplete="username" readonly/)
    expect(input(page, 'password')).toContain('autocomplete="current-password"')
    expect(page).toContain('<p class="err" id="password-err" role="alert">')
  })

  test('a new password', () => {
    const tag = input(pageOf('new password'), 'password')
    expect(tag).toContain('autocomplete="new-password" passwordrules="minlength: 8;"')
    expect(tag).toContain('aria-describedby="password-hint"')
  })

  test('the code, in one field', () => {
    const tag = input(pageOf('code'), 'code')
    expect(tag).toContain('inputmode="numeric" autocomplete="one-time-code"')
    expect(tag).toContain('aria-describedby="code-err code-hint"')
    expect(pageOf('code').match(/<input/g)).toHaveLength(2)
  })

  test('every form of ours carries the flow', () => {
    for (const [name, view] of pages) {
      // That form goes to the application.
      if (name === 'hand over') continue
      const page = String(view(frameOf()))
      expect(page.match(/<form/g)?.length ?? 0).toBe(
        page.match(/name="flow" value="f1d2"/g)?.length ?? 0,
      )
    }
  })
})

describe('the brand', () => {
  test.each(['#6139F6', '#ff0', '#808080', '#000', '#fff', '#f80', '#777777'])(
    'can be read in %s, light and dark',
    (color) => {
      const { css } = brandOf({ color: { primaryColor: color, darkPrimaryColor: color } })
      const found = [...css.matchAll(/--brand:(#\w{6});--on-brand:(#\w{6});--link:(#\w{6})/g)]
      expect(found).toHaveLength(2)
      for (const [index, [, brand = '', onBrand = '', link = '']] of found.entries()) {
        expect(contrast(brand, onBrand)).toBeGreaterThanOrEqual(4.5)
        expect(contrast(link, index === 0 ? '#f6f7f9' : '#191c21')).toBeGreaterThanOrEqual(4.5)
      }
    },
  )

  test('takes only colours for colours and web addresses for links (J2)', () => {
    const brand = brandOf({
      color: { primaryColor: 'red}</style><script>' },
      branding: { logoUrl: 'javascript:alert(1)' },
      termsOfUseUrl: 'data:text/html,x',
      supportEmail: 'a@b?bcc=all@example.com',
    })
    expect(brand).toEqual({
      css: '',
      theme: 'both',
      logo: null,
      darkLogo: null,
      favicon: null,
      termsUrl: null,
      privacyUrl: null,
      helpUrl: null,
    })
  })
})

describe('the headers', () => {
  const headersFor = (returnsTo: string[]) =>
    securityHeaders({ brand: brandOf(looks), returnsTo, https: true, popup: false })
  const policy = (returnsTo: string[]) => headersFor(returnsTo)['content-security-policy'] ?? ''

  test.each([
    ['https://app.example.com/callback', 'https://app.example.com'],
    ['http://127.0.0.1:3000/cb', 'http://127.0.0.1:3000'],
    ['com.example.app:/callback', 'com.example.app:'],
    ['http://[::1]:3000/cb', 'http:'],
  ])('let a form lead back to %s', (address, source) => {
    expect(policy([address])).toContain(`; form-action 'self' ${source}; `)
  })

  test('an address cannot add a directive (E12)', () => {
    expect(policy(['https://a.example;script-src *', 'x;y:z'])).toMatch(/; form-action 'self'; /)
  })

  test('nothing is loaded from elsewhere but the logo', () => {
    expect(policy([])).toMatch(
      /^default-src 'none'; style-src 'self' 'sha256-[^']+'; script-src 'self'; /,
    )
    expect(policy([])).toContain("img-src 'self' data: https://cdn.example.com;")
    expect(policy([])).toContain("frame-ancestors 'none'")
    expect(headersFor([])).toMatchObject({
      'cache-control': 'no-store',
      'referrer-policy': 'same-origin',
    })
  })
})

describe('the assets', () => {
  test('are compressed as the browser asks, and kept for ever', async () => {
    const answer = await assets().request(stylesheet.path, {
      headers: { 'accept-encoding': 'gzip, br' },
    })
    expect(answer.headers.get('content-encoding')).toBe('br')
    expect(answer.headers.get('cache-control')).toContain('immutable')
    const plain = await assets().request(script.path, { headers: { 'accept-encoding': 'br;q=0' } })
    expect(plain.headers.get('content-encoding')).toBeNull()
    const text = await plain.text()
    expect(text).toContain('requestSubmit')
    expect(text.length).toBeLessThan(1536)
  })
})
