import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { type GotrueWorld, gotrueWorld, password } from './gotrue-world.ts'

const email = 'ann@example.com'
const leaked = 'correct horse'
const sentence = 'Password is known to be weak and easy to guess, please choose a different one.'

/** A world whose Have I Been Pwned knows one password, and pads its answers. */
async function warned(
  environment: Record<string, string> = {},
): Promise<GotrueWorld & { asked: string[] }> {
  const world = await gotrueWorld({ GOTRUE_PASSWORD_HIBP_ENABLED: 'true', ...environment })
  const asked: string[] = []
  const hash = createHash('sha1').update(leaked).digest('hex').toUpperCase()
  const answer: typeof fetch = async (input, init) => {
    const { url, headers } = new Request(input, init)
    asked.push(url)
    if (headers.get('add-padding') !== 'true') return new Response('', { status: 400 })
    const own = url.endsWith(hash.slice(0, 5)) ? `${hash.slice(5)}:42` : `${'0'.repeat(35)}:1`
    const padding = createHash('sha1').update(password).digest('hex').toUpperCase().slice(5)
    return new Response([`${padding}:0`, own].join('\r\n'))
  }
  Object.assign(world.ctx, { fetch: answer })
  return { ...world, asked }
}

function broken(world: GotrueWorld): void {
  const fails: typeof fetch = async () => {
    throw new TypeError('fetch failed')
  }
  Object.assign(world.ctx, { fetch: fails })
}

test('a leaked password is refused with its reason, and only a part of its hash was told', async () => {
  const { ask, asked, adminKey, createAccount, signIn } = await warned()
  const refused = await ask('POST', '/signup', { body: { email, password: leaked } })
  expect([refused.status, refused.body]).toEqual([
    422,
    {
      code: 422,
      error_code: 'weak_password',
      msg: sentence,
      weak_password: { reasons: ['pwned'] },
    },
  ])
  const prefix = createHash('sha1').update(leaked).digest('hex').toUpperCase().slice(0, 5)
  expect(asked).toEqual([`https://api.pwnedpasswords.com/range/${prefix}`])
  const { id } = await createAccount()
  const { access_token: bearer } = await signIn()
  const body = { password: leaked }
  expect((await ask('PUT', '/user', { bearer, body })).status).toBe(422)
  expect((await ask('PUT', `/admin/users/${id}`, { bearer: adminKey, body })).status).toBe(422)
})

test('who has a password that leaked since signs in, and is told', async () => {
  const { ask, adminKey } = await warned()
  await ask('POST', '/admin/users', {
    bearer: adminKey,
    body: { email, password: leaked, email_confirm: true },
  })
  const { status, body } = await ask('POST', '/token?grant_type=password', {
    body: { email, password: leaked },
  })
  expect([status, body.weak_password]).toEqual([200, { message: sentence, reasons: ['pwned'] }])
})

test('where nobody can be asked a password may be used, unless the operator says otherwise', async () => {
  const open = await warned()
  broken(open)
  expect((await open.ask('POST', '/signup', { body: { email, password: leaked } })).status).toBe(
    200,
  )
  const closed = await warned({ GOTRUE_PASSWORD_HIBP_FAIL_CLOSED: 'true' })
  await closed.createAccount()
  broken(closed)
  const refused = await closed.ask('POST', '/signup', { body: { email: 'b@b.test', password } })
  expect([refused.status, refused.body.msg]).toEqual([
    500,
    'Unable to perform password strength check with HaveIBeenPwned.org.',
  ])
  // Who has an account is not shut out by somebody else's failure.
  expect(await closed.signIn()).toMatchObject({ user: { email } })
})

test('all reasons are said together', async () => {
  const { ask } = await warned({
    GOTRUE_PASSWORD_MIN_LENGTH: '20',
    GOTRUE_PASSWORD_REQUIRED_CHARACTERS: 'ABC:012',
  })
  const { body } = await ask('POST', '/signup', { body: { email, password: leaked } })
  expect(body).toMatchObject({
    msg: `Password should be at least 20 characters. Password should contain at least one character of each: ABC, 012. ${sentence}`,
    weak_password: { reasons: ['length', 'characters', 'pwned'] },
  })
})
