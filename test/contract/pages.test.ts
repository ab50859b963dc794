import { describe, expect, test } from 'vitest'
import { transaction } from '../../src/base/context.ts'
import { hashPassword } from '../../src/base/password.ts'
import { hour, minute } from '../../src/base/time.ts'
import { startInteraction } from '../../src/flows/interaction.ts'
import { createApplication } from '../../src/model/application.ts'
import { findCarriedSession, listSessions } from '../../src/model/session.ts'
import { updateSettings } from '../../src/model/settings.ts'
import { createUser, findUserByEmail, updateUser } from '../../src/model/user.ts'
import { type World, world } from '../world.ts'
import { pagesOf, problemOf, titleOf, visitorOf } from './pages-visitor.ts'

const email = 'ann@example.com'
const password = 'correct horse battery'

async function codeFor(scene: World, to = email): Promise<string> {
  return (await scene.mails(to))[0]?.code ?? 'none'
}

async function makeUser(
  scene: World,
  { verified = true, withPassword = true } = {},
): Promise<string> {
  const passwordHash = withPassword ? await hashPassword(scene.ctx, password) : null
  const user = await createUser(scene.ctx, { email, emailVerified: verified, passwordHash })
  return user.id
}

function set(scene: World, change: object): Promise<unknown> {
  return transaction(scene.ctx, (ctx) => updateSettings(ctx, 'sign-in-experience', change))
}

const onlyPassword = {
  signIn: {
    methods: [
      { identifier: 'email', password: true, verificationCode: false, isPasswordPrimary: true },
    ],
  },
}

describe('a new account', () => {
  test('is made with a code from the mail, and signed in', async () => {
    const scene = await world()
    const visitor = visitorOf(scene)
    const start = await visitor.open('/sign-in')
    expect(start.body).toContain('href="/register"')
    const asked = await visitor.submit(await visitor.open('/register'), { identifier: email })
    expect(titleOf(asked)).toBe('Check your mail')
    const done = await visitor.submit(asked, { code: await codeFor(scene) })
    expect(titleOf(done)).toBe('You are signed in')
    const user = await findUserByEmail(scene.ctx, email)
    expect(user?.emailVerifiedAt).toEqual(scene.ctx.now())
    expect(user?.identities.map(({ provider }) => provider)).toEqual(['email'])
    const session = await findCarriedSession(
      scene.ctx,
      visitor.cookies.get('session') ?? '',
      'browser',
    )
    expect(session).toMatchObject({ userId: user?.id, amr: [{ method: 'otp' }] })
    expect(await scene.events()).toEqual(['verification.sent', 'user.signed-up', 'user.signed-in'])
  })

  test('gets a password where the settings want one, after the address is proved', async () => {
    const scene = await world()
    await set(scene, { signUp: { identifiers: ['email'], password: true, verify: true } })
    const visitor = visitorOf(scene)
    const asked = await visitor.submit(await visitor.open('/register'), { identifier: email })
    const choose = await visitor.submit(asked, { code: await codeFor(scene) })
    expect(titleOf(choose)).toBe('Choose a password')
    expect(await findUserByEmail(scene.ctx, email)).toBeNull()
    const short = await visitor.submit(choose, { password: 'short' })
    expect(short.status).toBe(422)
    expect(problemOf(short)).toBe('That password is too short. Use at least 8 characters.')
    const weak = await visitor.submit(choose, { password: 'Password123' })
    expect(problemOf(weak)).toBe('That password is easy to guess. Choose another one.')
    expect(titleOf(await visitor.submit(choose, { password }))).toBe('You are signed in')
    expect((await findUserByEmail(scene.ctx, email))?.passwordHash).toMatch(/^\$argon2id\$/)
  })

  test('for an address that has one already looks the same, and the mail tells its owner (L1)', async () => {
    const scene = await world()
    const userId = await makeUser(scene)
    const visitor = visitorOf(scene)
    const known = await visitor.submit(await visitor.open('/register'), { identifier: email })
    const stranger = visitorOf(scene)
    const unknown = await stranger.submit(await stranger.open('/register'), {
      identifier: 'bea@example.com',
    })
    const bare = (body: string) =>
      body
        .replaceAll(email, '…')
        .replaceAll('bea@example.com', '…')
        .replace(/[0-9a-f-]{36}/g, '')
    expect(bare(known.body)).toBe(bare(unknown.body))
    const [mail] = await scene.mails(email)
    expect(mail).toMatchObject({
      subject: 'You already have an account',
      link: 'http://localhost:3001/sign-in',
    })
    const done = await visitor.submit(known, { code: await codeFor(scene) })
    expect(titleOf(done)).toBe('You are signed in')
    expect(await listSessions(scene.ctx, userId)).toHaveLength(1)
  })

  test('cannot be made where registration is off (J6)', async () => {
    const scene = await world()
    await set(scene, { signInMode: 'SignIn' })
    const visitor = visitorOf(scene)
    expect((await visitor.open('/sign-in')).body).not.toContain('/register')
    expect((await visitor.open('/register')).status).toBe(403)
    const posted = await visitor.post('/register', `identifier=${email}`)
    expect(posted.status).toBe(403)
    expect(await scene.mails()).toEqual([])
    const code = await visitor.submit(await visitor.open('/sign-in'), { identifier: email })
    expect(titleOf(code)).toBe('Enter the code')
    expect(await scene.mails()).toEqual([])
  })

  test('of a shell that somebody else made keeps nothing of theirs (A3)', async () => {
    const scene = await world()
    const userId = await makeUser(scene, { verified: false })
    const visitor = visitorOf(scene)
    const asked = await visitor.submit(await visitor.open('/sign-in'), { identifier: email })
    expect(titleOf(await visitor.submit(asked, { code: await codeFor(scene) }))).toBe(
      'You are signed in',
    )
    const user = await findUserByEmail(scene.ctx, email)
    expect(user).toMatchObject({ id: userId, passwordHash: null })
    expect(user?.emailVerifiedAt).not.toBeNull()
  })
})

describe('signing in', () => {
  test('with a code spends it; the same form sent again changes nothing', async () => {
    const scene = await world()
    await makeUser(scene)
    const visitor = visitorOf(scene)
    const asked = await visitor.submit(await visitor.open('/sign-in'), { identifier: email })
    const code = await codeFor(scene)
    const spaced = `${code.slice(0, 3)} ${code.slice(3)}`.replace(/\d/g, (digit) =>
      String.fromCharCode(digit.charCodeAt(0) + 0xfee0),
    )
    expect(titleOf(await visitor.submit(asked, { code: spaced }))).toBe('You are signed in')
    expect(await scene.events()).toEqual(['verification.sent', 'user.signed-in'])
    const again = await visitor.submit(asked, { code })
    expect(titleOf(again)).toBe('You are signed in')
    expect(await scene.events()).toEqual(['verification.sent', 'user.signed-in'])
  })

  test('with a wrong code says how many tries are left, then that it is spent', async () => {
    const scene = await world()
    await makeUser(scene)
    const visitor = visitorOf(scene)
    const asked = await visitor.submit(await visitor.open('/sign-in'), { identifier: email })
    const right = await codeFor(scene)
    const wrong = right === '000000' ? '000001' : '000000'
    const problems: (string | null)[] = []
    for (let tries = 0; tries < 5; tries += 1) {
      const page = await visitor.submit(asked, { code: wrong })
      expect(page.status).toBe(tries < 4 ? 422 : 429)
      problems.push(problemOf(page))
    }
    expect(problems).toEqual([
      'That code is not right. You have 4 tries left.',
      'That code is not right. You have 3 tries left.',
      'That code is not right. You have 2 tries left.',
      'That code is not right. You have 1 try left.',
      'Too many tries with this code. Send a new one.',
    ])
    expect((await visitor.submit(asked, { code: right })).status).toBe(429)
    const resent = await visitor.submit(asked, { want: 'resend' })
    expect(resent.body).toContain('We sent a new code.')
    expect(titleOf(await visitor.submit(resent, { code: await codeFor(scene) }))).toBe(
      'You are signed in',
    )
  })

  test('with a code after eleven minutes asks for a new one', async () => {
    const scene = await world()
    await makeUser(scene)
    const visitor = visitorOf(scene)
    const asked = await visitor.submit(await visitor.open('/sign-in'), { identifier: email })
    scene.pass(11 * minute)
    const page = await visitor.submit(asked, { code: await codeFor(scene) })
    expect(page.status).toBe(422)
    expect(problemOf(page)).toBe('That code has expired. Send a new one.')
  })

  test('with a password tells unknown accounts and wrong passwords alike (L1)', async () => {
    const scene = await world()
    await makeUser(scene)
    await set(scene, onlyPassword)
    const answers = []
    for (const identifier of [email, 'bea@example.com']) {
      const visitor = visitorOf(scene)
      const asked = await visitor.submit(await visitor.open('/sign-in'), { identifier })
      expect(titleOf(asked)).toBe('Enter your password')
      const page = await visitor.submit(asked, { password: 'not this one' })
      expect(page.body).toContain(`value="${identifier}"`)
      answers.push([page.status, problemOf(page), page.body.length - 3 * identifier.length])
    }
    expect(answers[0]).toEqual([
      422,
      'That email and password do not match. Check both.',
      expect.any(Number),
    ])
    const visitor = visitorOf(scene)
    const asked = await visitor.submit(await visitor.open('/sign-in'), { identifier: email })
    expect(titleOf(await visitor.submit(asked, { password }))).toBe('You are signed in')
    expect(await scene.events()).toEqual(['settings.updated', 'user.signed-in'])
    expect(await scene.audited()).toEqual(['login'])
  })

  test('can take a code in place of the password', async () => {
    const scene = await world()
    await makeUser(scene)
    await set(scene, {
      signIn: {
        methods: [
          { identifier: 'email', password: true, verificationCode: true, isPasswordPrimary: true },
        ],
      },
    })
    const visitor = visitorOf(scene)
    const asked = await visitor.submit(await visitor.open('/sign-in'), { identifier: email })
    const code = await visitor.submit(asked, { want: 'code' })
    expect(titleOf(code)).toBe('Enter the code')
    expect(code.body).toContain('Use my password instead')
    expect(titleOf(await visitor.submit(code, { code: await codeFor(scene) }))).toBe(
      'You are signed in',
    )
  })

  test('for a stranger offers an account, once the address is proved', async () => {
    const scene = await world()
    const visitor = visitorOf(scene)
    const asked = await visitor.submit(await visitor.open('/sign-in'), { identifier: email })
    expect((await scene.mails(email))[0]?.type).toBe('Register')
    const confirm = await visitor.submit(asked, { code: await codeFor(scene) })
    expect(titleOf(confirm)).toBe('Create an account?')
    expect(await findUserByEmail(scene.ctx, email)).toBeNull()
    const done = await visitor.submit(confirm, {})
    expect(titleOf(done)).toBe('You are signed in')
    expect(await findUserByEmail(scene.ctx, email)).not.toBeNull()
    const twice = await visitor.post(
      '/register/confirm',
      new URLSearchParams({ flow: 'x' }).toString(),
    )
    expect(titleOf(twice)).toBe('You are signed in')
    expect((await scene.events()).filter((type) => type === 'user.signed-up')).toHaveLength(1)
  })

  test('of a banned user is refused only after the right code', async () => {
    const scene = await world()
    const id = await makeUser(scene)
    await updateUser(scene.ctx, id, { bannedUntil: new Date('2999-01-01') })
    const visitor = visitorOf(scene)
    const asked = await visitor.submit(await visitor.open('/sign-in'), { identifier: email })
    const page = await visitor.submit(asked, { code: await codeFor(scene) })
    expect(page.status).toBe(403)
    expect(problemOf(page)).toBe('This account is turned off. Ask the people who run this service.')
    expect(visitor.cookies.has('session')).toBe(false)
    expect(await scene.events()).not.toContain('user.signed-in')
  })

  test('is limited per account and place, known or not (L4)', async () => {
    const scene = await world()
    await set(scene, onlyPassword)
    const visitor = visitorOf(scene)
    const asked = await visitor.submit(await visitor.open('/sign-in'), { identifier: email })
    for (let tries = 0; tries < 10; tries += 1) {
      expect((await visitor.submit(asked, { password: 'not this' })).status).toBe(422)
    }
    const page = await visitor.submit(asked, { password: 'not this' })
    expect(page.status).toBe(429)
    expect(page.headers.get('retry-after')).toBe('300')
    expect(problemOf(page)).toBe('Too many tries. Wait 5 minutes, or use another way to sign in.')
    scene.pass(5 * minute)
    expect((await visitor.submit(asked, { password: 'not this' })).status).toBe(422)
  })
})

describe('a forgotten password', () => {
  test('is replaced with a code, and every device is signed out', async () => {
    const scene = await world()
    const id = await makeUser(scene)
    const old = visitorOf(scene)
    const asked = await old.submit(await old.open('/sign-in'), { identifier: email })
    await old.submit(asked, { code: await codeFor(scene) })
    expect(await listSessions(scene.ctx, id)).toHaveLength(1)

    scene.pass(1 * minute)
    const visitor = visitorOf(scene)
    const code = await visitor.submit(await visitor.open('/forgot-password'), { identifier: email })
    expect((await scene.mails(email))[0]?.type).toBe('ForgotPassword')
    const choose = await visitor.submit(code, { code: await codeFor(scene) })
    expect(titleOf(choose)).toBe('Choose a new password')
    const done = await visitor.submit(choose, { password: 'another long one' })
    expect(titleOf(done)).toBe('You are signed in')
    const sessions = await listSessions(scene.ctx, id)
    expect(sessions.map(({ amr }) => amr[0]?.method)).toEqual(['recovery'])
    const token = old.cookies.get('session') ?? ''
    expect(await findCarriedSession(scene.ctx, token, 'browser')).toBeNull()
    expect((await scene.events()).slice(-2)).toEqual(['user.password-changed', 'user.signed-in'])
    expect(await scene.audited()).toContain('user_updated_password')
  })

  test('of nobody looks the same, and sends nothing (L1)', async () => {
    const scene = await world()
    const visitor = visitorOf(scene)
    const page = await visitor.submit(await visitor.open('/forgot-password'), { identifier: email })
    expect(titleOf(page)).toBe('Enter the code')
    expect(await scene.mails()).toEqual([])
    expect((await visitor.submit(page, { code: '123456' })).status).toBe(422)
  })

  test('is replaced once, however many come with the proof at the same time (C10)', async () => {
    const scene = await world()
    await makeUser(scene)
    const visitor = visitorOf(scene)
    const code = await visitor.submit(await visitor.open('/forgot-password'), { identifier: email })
    const choose = await visitor.submit(code, { code: await codeFor(scene) })
    await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        visitor.submit(choose, { password: `a long password ${index}` }),
      ),
    )
    const changed = (await scene.events()).filter((type) => type === 'user.password-changed')
    expect(changed).toHaveLength(1)
  })
})

describe('a sign-in under way', () => {
  async function comeFromApp(scene: World) {
    await transaction(scene.ctx, (ctx) =>
      createApplication(ctx, {
        id: 'bookstore',
        name: 'Bookstore',
        type: 'Traditional',
        oidcClientMetadata: {
          redirectUris: ['https://shop.example.com/callback'],
          postLogoutRedirectUris: [],
        },
      }),
    )
    const { interaction, browser } = await startInteraction(scene.ctx, {
      applicationId: 'bookstore',
      request: { redirect_uri: 'https://shop.example.com/callback', ui_locales: 'ja' },
      browser: null,
    })
    const visitor = visitorOf(scene)
    visitor.cookies.set('flow', browser)
    return { visitor, path: `/sign-in?app_id=bookstore&flow=${interaction.id}`, interaction }
  }

  test('goes back to the app that began it, in the language the app wished', async () => {
    const scene = await world()
    await makeUser(scene)
    const { visitor, path, interaction } = await comeFromApp(scene)
    const start = await visitor.open(path)
    expect(start.body).toContain('<title>ログイン · Bookstore</title>')
    expect(start.headers.get('content-security-policy')).toContain(
      "form-action 'self' https://shop.example.com;",
    )
    const asked = await visitor.submit(start, { identifier: email })
    expect((await scene.mails(email))[0]?.subject).toMatch(/は Bookstore のコードです$/)
    const back = await visitor.submit(asked, { code: await codeFor(scene) })
    expect(back.path).toBe(`/oidc/auth/${interaction.id}`)
  })

  test('that is finished leads back to the app, unless the session did not stay', async () => {
    const scene = await world()
    await makeUser(scene)
    const { visitor, path } = await comeFromApp(scene)
    const asked = await visitor.submit(await visitor.open(path), { identifier: email })
    await visitor.submit(asked, { code: await codeFor(scene) })
    expect((await visitor.open(path)).path).toMatch(/^\/oidc\/auth\//)
    visitor.cookies.delete('session')
    const page = await visitor.open(path)
    expect(page.status).toBe(400)
    expect(page.body).toContain('このログインは終了しました。')
  })

  test('belongs to the browser that began it (D7)', async () => {
    const scene = await world()
    const { path } = await comeFromApp(scene)
    const thief = visitorOf(scene)
    thief.cookies.set('flow', 'x'.repeat(43))
    const page = await thief.open(path)
    expect(page.status).toBe(400)
    expect(page.body).toContain('This sign-in has ended.')
    expect(page.body).not.toContain('<form')
  })

  test('begins again with what was typed when its page stood open for long', async () => {
    const scene = await world()
    const { visitor, path } = await comeFromApp(scene)
    const asked = await visitor.submit(await visitor.open(path), { identifier: email })
    scene.pass(2 * hour)
    const page = await visitor.submit(asked, { code: '123456' })
    expect(page.status).toBe(200)
    expect(page.body).toContain('ページを開いてから時間が経ったため、更新しました。')
    expect(page.body).toContain(`value="${email}"`)
  })

  test('keeps two tabs apart', async () => {
    const scene = await world()
    const visitor = visitorOf(scene)
    const tabs = await Promise.all(['/sign-in', '/sign-in'].map((path) => visitor.open(path)))
    const [one, other] = tabs
    if (!one || !other) throw new Error('There are two tabs.')
    const first = await visitor.submit(one, { identifier: 'ann@example.com' })
    const second = await visitor.submit(other, { identifier: 'bea@example.com' })
    const done = await visitor.submit(first, { code: await codeFor(scene, 'ann@example.com') })
    expect(done.body).toContain('<bdi>ann@example.com</bdi>')
    const both = await visitor.submit(second, { code: await codeFor(scene, 'bea@example.com') })
    expect(both.body).toContain('bea@example.com')
  })

  test('does not let a step be skipped (C11)', async () => {
    const scene = await world()
    await makeUser(scene)
    const { visitor, interaction } = await comeFromApp(scene)
    const flow = `flow=${interaction.id}`
    for (const path of [
      '/sign-in/code',
      '/register/password',
      '/register/confirm',
      '/reset-password',
    ]) {
      const opened = await visitor.open(`${path}?${flow}`)
      expect(opened.path).not.toContain(path)
      const posted = await visitor.post(path, `${flow}&password=a+long+password&code=123456`)
      expect(posted.path).not.toContain(path)
    }
    expect(await scene.events()).not.toContain('user.signed-in')
    expect(await scene.events()).not.toContain('user.password-changed')
  })
})

describe('signing out', () => {
  test('is asked first, and ends the session of this browser alone', async () => {
    const scene = await world()
    const id = await makeUser(scene)
    const visitor = visitorOf(scene)
    for (const one of [visitorOf(scene), visitor]) {
      const asked = await one.submit(await one.open('/sign-in'), { identifier: email })
      await one.submit(asked, { code: await codeFor(scene) })
      scene.pass(1 * minute)
    }
    const ask = await visitor.open('/sign-out')
    expect(titleOf(ask)).toBe('Sign out?')
    expect(titleOf(await visitor.submit(ask, { want: 'stay' }))).toBe('You stay signed in')
    expect(await listSessions(scene.ctx, id)).toHaveLength(2)
    expect(titleOf(await visitor.submit(ask, {}))).toBe('Signed out')
    expect(await listSessions(scene.ctx, id)).toHaveLength(1)
    expect((await scene.events()).at(-1)).toBe('session.ended')
    expect(titleOf(await visitor.open('/sign-out'))).toBe('Signed out')
  })

  test('needs the form of this very session', async () => {
    const scene = await world()
    const id = await makeUser(scene)
    const [ann, thief] = [visitorOf(scene), visitorOf(scene)]
    for (const one of [ann, thief]) {
      const asked = await one.submit(await one.open('/sign-in'), { identifier: email })
      await one.submit(asked, { code: await codeFor(scene) })
      scene.pass(1 * minute)
    }
    const theirs = /name="question" value="([^"]+)"/.exec((await thief.open('/sign-out')).body)?.[1]
    for (const question of [undefined, '', 'v1.AAAA.AAAA', theirs]) {
      const body = new URLSearchParams(question === undefined ? {} : { question }).toString()
      expect((await ann.post('/sign-out', body)).status).toBe(400)
    }
    expect(await listSessions(scene.ctx, id)).toHaveLength(2)
  })

  test('needs a form of our own (J3)', async () => {
    const scene = await world()
    const page = await visitorOf(scene).post('/sign-out', '', { 'sec-fetch-site': 'cross-site' })
    expect(page.status).toBe(403)
  })
})

describe('the pages', () => {
  test('tell a developer what an app sent, and nobody else', async () => {
    const received = 'https://evil.example/<b>'
    const path = `/error?${new URLSearchParams({ about: 'app', app_id: 'x', received })}`
    const dev = await visitorOf(await world()).open(path)
    expect(dev.status).toBe(400)
    expect(dev.body).toContain('<dd>redirect_uri=https://evil.example/&lt;b&gt;</dd>')
    const scene = await world()
    const ctx = { ...scene.ctx, config: { ...scene.ctx.config, mode: 'start' as const } }
    const page = await visitorOf({ ...scene, ctx }).open(path)
    expect(page.body).toContain('This app is not set up correctly.')
    expect(page.body).not.toContain('evil.example')
  })

  test('say only what they have words for (J5)', async () => {
    const visitor = visitorOf(await world())
    expect((await visitor.open('/message?about=Your+account+is+hacked')).status).toBe(404)
    expect((await visitor.open('/error?about=toString')).status).toBe(404)
  })

  test('speak the language that was chosen, and remember it', async () => {
    const scene = await world()
    const visitor = visitorOf(scene, 'fr;q=0.9, ja;q=0.8')
    expect(titleOf(await visitor.open('/sign-in'))).toBe('ログイン')
    expect(titleOf(await visitor.open('/sign-in?lang=en'))).toBe('Sign in')
    expect(titleOf(await visitor.open('/register'))).toBe('Create an account')
  })

  test.each([
    ['cross-site', { 'sec-fetch-site': 'cross-site' }],
    ['same-site', { 'sec-fetch-site': 'same-site' }],
    ['of another origin', { origin: 'https://evil.example' }],
    ['of no origin', { origin: 'null' }],
  ])('use no form that is %s (J3)', async (_name, headers) => {
    const scene = await world()
    const visitor = visitorOf(scene)
    const page = await visitor.post('/sign-in', `identifier=${email}`, headers)
    expect(page.status).toBe(403)
    expect(await scene.mails()).toEqual([])
  })

  test.each([
    ['empty', ''],
    ['two addresses', 'identifier=a%40b.example&identifier=c%40d.example'],
    ['a list of addresses', 'identifier=a%40b.example%2Cc%40d.example'],
    ['a line break', 'identifier=a%40b.example%0d%0aBcc%3A+c%40d.example'],
    ['NUL', 'identifier=a%00%40b.example'],
    ['not UTF-8', 'identifier=%ff%fe'],
    ['JSON', '{"identifier":"a@b.example"}'],
    ['a million letters', `identifier=${'a'.repeat(1024 * 1024)}`],
    ['a flow that never was', 'flow=..%2F..%2Fetc&identifier=a%40b.example'],
  ])('answer %s with a page that says so, and write nothing', async (_name, body) => {
    const scene = await world()
    for (const path of [
      '/sign-in',
      '/sign-in/password',
      '/sign-in/code',
      '/register',
      '/register/code',
      '/register/confirm',
      '/register/password',
      '/forgot-password',
      '/forgot-password/code',
      '/reset-password',
    ]) {
      const page = await visitorOf(scene).post(path, body)
      expect(page.status, path).toBeGreaterThanOrEqual(400)
      expect(page.status, path).toBeLessThan(500)
      expect(page.headers.get('content-type')).toContain('text/html')
      expect(page.headers.get('content-security-policy')).toContain("default-src 'none'")
    }
    expect(await scene.mails()).toEqual([])
    const written = await scene.ctx.db.selectFrom('idp.interactions').selectAll().execute()
    expect(written).toEqual([])
  })

  test('tell a bug without its text, by a reference that the log has too (N4)', async () => {
    const scene = await world()
    const ctx = {
      ...scene.ctx,
      random: {
        ...scene.ctx.random,
        token: () => {
          throw new Error('secret detail')
        },
      },
    }
    const answer = await pagesOf({ ...scene, ctx }).request('http://localhost:3001/sign-in', {
      method: 'POST',
      body: new URLSearchParams({ identifier: email }),
    })
    const body = await answer.text()
    expect(answer.status).toBe(500)
    expect(body).toMatch(/Reference: [A-Z0-9]{4}-[A-Z0-9]{4}/)
    expect(body).not.toContain('secret detail')
  })
})
