import * as client from 'openid-client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Ended, jsonLines, sekisho } from '../contract/cli-runner.ts'
import { variablesOf } from './server.ts'
import { type Account, application, createAccount, type Stage, setStage } from './stage.ts'

// An administrator makes somebody a token for a program of theirs, which an application exchanges until it is gone.

const api = 'https://api.example.com/notes'
const grant = 'urn:ietf:params:oauth:grant-type:token-exchange'
const program = application('program', 'http://localhost:9', '/callback')

let stage: Stage
let ann: Account
let config: client.Configuration

beforeAll(async () => {
  stage = await setStage('postgres', {
    apply: {
      applications: [{ ...program, customClientMetadata: { allowTokenExchange: true } }],
      resources: [{ name: 'Notes', indicator: api, scopes: [{ name: 'notes:read' }] }],
      roles: [
        {
          ...{ name: 'reader', isDefault: true },
          scopes: [{ resource: api, name: 'notes:read' }],
        },
      ],
    },
  })
  ann = await createAccount(stage.server)
  config = await client.discovery(
    new URL(`${stage.server.url}/oidc`),
    program.id,
    program.secret,
    client.ClientSecretBasic(),
    { execute: [client.allowInsecureRequests] },
  )
}, 120_000)

afterAll(() => stage?.clear())

function token(...args: string[]): Promise<Ended> {
  const { place } = stage
  return sekisho(['token', ...args], { cwd: place.folder, env: variablesOf(place) })
}

function exchange(subject_token: string): Promise<client.TokenEndpointResponse> {
  return client.genericGrantRequest(config, grant, {
    subject_token,
    subject_token_type: 'urn:logto:token-type:personal_access_token',
    resource: api,
  })
}

const until = Date.UTC(2099, 11, 31)

test('a token is made, exchanged as often as one likes, and taken back', async () => {
  const made = await token('create', '--user', ann.email, '--name', 'my laptop', '--json')
  expect(made.code, made.stderr).toBe(0)
  const [shown] = jsonLines(made)
  expect(shown).toEqual({
    ...{ userId: ann.id, name: 'my laptop', createdAt: expect.any(Number), expiresAt: null },
    value: expect.stringMatching(/^pat_[\w-]{43}$/),
  })
  const value = String(shown?.value)
  for (let turn = 0; turn < 2; turn += 1) {
    const { access_token } = await exchange(value)
    const claims = JSON.parse(Buffer.from(access_token.split('.')[1] ?? '', 'base64url').toString())
    expect(claims).toMatchObject({ sub: ann.id, aud: api, scope: 'notes:read' })
  }

  const brief = await token(
    ...['create', '--user', ann.id, '--name', 'brief', '--expires', '2099-12-31'],
  )
  expect(brief.stdout).toMatch(/^token: +pat_[\w-]{43}\nname: +brief\nexpires: +2099-12-31T00:00/)
  expect(brief.stderr).toContain('shown this once')
  const listed = await token('list', '--user', ann.email, '--json')
  expect(jsonLines(listed)).toEqual([
    { userId: ann.id, name: 'my laptop', createdAt: shown?.createdAt, expiresAt: null },
    { userId: ann.id, name: 'brief', createdAt: expect.any(Number), expiresAt: until },
  ])
  expect(listed.stdout).not.toContain('pat_')
  expect((await token('list', '--user', ann.email)).stdout).toContain('my laptop')

  const gone = await token('delete', '--user', ann.email, '--name', 'my laptop', '--json')
  expect(jsonLines(gone)).toEqual([{ name: 'my laptop', deleted: true }])
  await expect(exchange(value)).rejects.toMatchObject({ error: 'invalid_request' })
  // The other one is good, and a name that is free is taken again.
  const [, other] = /(pat_\S+)/.exec(brief.stdout) ?? []
  expect((await exchange(other ?? '')).access_token).toMatch(/^ey/)
  const anew = await token('create', '--user', ann.email, '--name', 'my laptop', '--json')
  expect(jsonLines(anew)[0]?.value).not.toBe(value)
}, 120_000)

test('what cannot be ends as scripts expect', async () => {
  const nobody = await token('create', '--user', 'nobody@example.com', '--name', 'one')
  expect([nobody.code, nobody.stdout]).toEqual([4, ''])
  const past = await token('create', '--user', ann.id, '--name', 'one', '--expires', '2001-01-01')
  expect([past.code, past.stderr]).toEqual([2, expect.stringContaining('must be in the future')])
  const unknown = await token('delete', '--user', ann.id, '--name', 'two')
  expect([unknown.code, unknown.stderr]).toEqual([4, expect.stringContaining('no token')])
  expect((await token('delete', '--user', ann.id)).code).toBe(2)
}, 120_000)
