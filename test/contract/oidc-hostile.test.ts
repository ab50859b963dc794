import { expect, test } from 'vitest'
import { gate, person, shopBasic } from './oidc-client.ts'

const megabyte = 'a'.repeat(1024 * 1024)

const bodies: [string, string, BodyInit][] = [
  ['nothing', 'application/x-www-form-urlencoded', ''],
  ['JSON', 'application/json', '{"grant_type":"authorization_code"}'],
  ['an array', 'application/x-www-form-urlencoded', '[1,2'],
  ['a megabyte', 'application/x-www-form-urlencoded', `client_id=${megabyte}`],
  ['a megabyte of names', 'application/x-www-form-urlencoded', 'a=&'.repeat(300_000)],
  [
    'a hundred thousand names',
    'application/x-www-form-urlencoded',
    Array.from({ length: 100_000 }, (_, number) => `n${number}=`).join('&'),
  ],
  ['NULs', 'application/x-www-form-urlencoded', 'client_id=%00&token=%00&code=%00&grant_type=%00'],
  ['a NUL in the name', 'application/x-www-form-urlencoded', 'client_id%00=shop'],
  ['no UTF-8', 'application/x-www-form-urlencoded', new Uint8Array([0xff, 0xfe, 0xc0, 0x80])],
  ['surrogates', 'application/x-www-form-urlencoded', 'client_id=%ed%a0%80&code=%ff'],
  ['a multipart', 'multipart/form-data; boundary=x', '--x\r\nnonsense'],
  [
    'everything twice',
    'application/x-www-form-urlencoded',
    'client_id=shop&client_id=shop&grant_type=refresh_token&grant_type=x&token=a&token=b',
  ],
  [
    'a prototype',
    'application/x-www-form-urlencoded',
    'grant_type=__proto__&client_id=constructor&token=toString',
  ],
]

const grants = ['__proto__', 'constructor', 'toString', '', 'password', 'implicit', '%00']

const routes = [
  ['POST', '/oidc/par'],
  ['POST', '/oidc/token'],
  ['POST', '/oidc/token/introspection'],
  ['POST', '/oidc/token/revocation'],
  ['POST', '/oidc/me'],
  ['POST', '/oidc/auth'],
  ['POST', '/oidc/auth/anything'],
  ['DELETE', '/oidc/token'],
  ['PUT', '/oidc/nowhere'],
  ['POST', '/oidc/register'],
  ['PUT', '/oidc/register/shop'],
  ['DELETE', '/oidc/register/shop'],
] as const

test.each(bodies)(
  '%s in a body is refused in OAuth’s shape, and nothing is written (9700-24)',
  async (_, type, body) => {
    const at = await gate({ SEKISHO_REGISTRATION: 'open' })
    const before = await rowsOf(at)
    for (const [method, path] of routes) {
      for (const headers of [{}, shopBasic, { authorization: `Basic ${'!'.repeat(5000)}` }]) {
        const answer = await at.ask(path, {
          method,
          body,
          headers: { 'content-type': type, ...headers },
        })
        const said = `${method} ${path}`
        expect(answer.status, said).toBeGreaterThanOrEqual(400)
        expect(answer.status, said).toBeLessThan(500)
        expect(await answer.json(), said).toEqual({
          error: expect.stringMatching(/^[a-z_]+$/),
          error_description: expect.stringMatching(/^[\x20-\x7e]+$/),
          code: expect.stringMatching(/^oidc\./),
          message: expect.any(String),
        })
      }
    }
    expect(await rowsOf(at)).toBe(before)
  },
)

test('good credentials do not make nonsense good', async () => {
  const at = await gate()
  const before = await rowsOf(at)
  for (const grant of grants) {
    for (const field of ['code', 'refresh_token', 'redirect_uri', 'code_verifier', 'scope']) {
      for (const value of ['%00', '%ff', 'a'.repeat(100_000), "' or 1=1 --", '%F0%9F%98%80']) {
        for (const type of [grant, 'authorization_code', 'refresh_token', 'client_credentials']) {
          const form = `client_id=shop&grant_type=${type}&${field}=${value}`
          const answer = await at.post('/oidc/token', form, shopBasic)
          expect(answer.status, form.slice(0, 200)).toBeGreaterThanOrEqual(400)
          expect(answer.status, form.slice(0, 200)).toBeLessThan(500)
        }
      }
    }
  }
  expect(await rowsOf(at)).toBe(before)
})

test('addresses of nonsense are refused, on a page for a browser (9700-24)', async () => {
  const at = await gate()
  const { browser } = await person(at)
  const before = await rowsOf(at)
  for (const path of [
    '/oidc/auth',
    '/oidc/auth?',
    '/oidc/auth?client_id=%00&redirect_uri=%00',
    `/oidc/auth?client_id=${'a'.repeat(10_000)}`,
    '/oidc/auth?client_id=shop',
    '/oidc/auth?client_id=shop&redirect_uri=%ff%fe',
    '/oidc/auth?client_id=machine&redirect_uri=https://x.example',
    '/oidc/auth/%00',
    '/oidc/auth/%ff',
    '/oidc/session/end?client_id=%00&post_logout_redirect_uri=%00',
    '/oidc/session/end?id_token_hint=%00',
    `/oidc/session/end?id_token_hint=${'a.'.repeat(4000)}`,
  ]) {
    const answer = await browser.open(path)
    expect([path, answer.status]).toEqual([path, 400])
    expect(answer.headers.get('location')).toBeNull()
    expect(await answer.text()).toContain('<h1>')
  }
  expect(await rowsOf(at)).toBe(before)
})

test('what a stranger writes into an address is shown as text only (E12)', async () => {
  const at = await gate()
  const { browser } = await person(at)
  const evil = encodeURIComponent('"><script>alert(1)</script>')
  for (const query of [
    `client_id=${evil}&redirect_uri=${evil}`,
    `client_id=shop&redirect_uri=${evil}&state=${evil}`,
  ]) {
    const page = await (await browser.open(`/oidc/auth?${query}`)).text()
    expect(page).not.toContain('<script>alert')
  }
})

async function rowsOf({ scene }: Awaited<ReturnType<typeof gate>>): Promise<string> {
  const { db } = scene.ctx
  const tables = [
    'idp.spent_codes',
    'idp.grants',
    'idp.interactions',
    'idp.pushed_requests',
    'idp.spent_proofs',
    'idp.events',
  ] as const
  const counts = await Promise.all(
    tables.map((table) =>
      db
        .selectFrom(table)
        .select(({ fn }) => fn.countAll().as('count'))
        .executeTakeFirst(),
    ),
  )
  return JSON.stringify(counts)
}
