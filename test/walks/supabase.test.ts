import { afterAll, beforeAll, expect, test } from 'vitest'
import { databaseKind } from '../database.ts'
import { supabaseStory } from './example.ts'
import { eventsOf } from './ledger.ts'
import { freshEmail, type Stage, setStage } from './stage.ts'

let stage: Stage
const password = 'correct horse battery'

beforeAll(async () => {
  stage = await setStage(databaseKind())
}, 120_000)
afterAll(() => stage?.clear())

test('supabase-js v2 signs up, confirms by the mailed link, signs in, refreshes, updates and signs out', async () => {
  const { server, post, place } = stage
  const email = freshEmail()
  const withV2 = await supabaseStory('v2')
  const steps = await withV2({ ...server, email, password, mail: post.next })

  expect(steps.signedUp).toMatchObject({
    error: null,
    data: {
      session: null,
      user: {
        email,
        role: 'authenticated',
        user_metadata: { theme: 'dark', email, email_verified: false },
        app_metadata: { provider: 'email', providers: ['email'] },
        identities: [{ provider: 'email', identity_data: { email } }],
      },
    },
  })
  expect(steps.tooEarly.error).toMatchObject({ code: 'email_not_confirmed', status: 400 })
  expect(steps.confirmed.error).toBeNull()
  expect(steps.confirmed.data.user.email_confirmed_at).toEqual(expect.any(String))

  expect(steps.signedIn.error).toBeNull()
  expect(steps.signedIn.data.session).toMatchObject({ token_type: 'bearer', expires_in: 3600 })
  expect(steps.refreshed.error).toBeNull()
  const [before, after] = [steps.signedIn.data.session, steps.refreshed.data.session]
  expect(after.refresh_token).not.toBe(before.refresh_token)
  expect(after.user.id).toBe(before.user.id)

  expect(steps.updated.data.user.user_metadata).toMatchObject({ theme: 'light' })
  // The client checked the signature with the keys that the server publishes.
  expect(steps.claims.data.claims).toMatchObject({
    sub: before.user.id,
    email,
    role: 'authenticated',
    aud: 'authenticated',
    aal: 'aal1',
    is_anonymous: false,
    amr: [expect.objectContaining({ method: 'password' })],
  })
  expect(steps.user.data.user).toMatchObject({
    id: before.user.id,
    user_metadata: { theme: 'light' },
  })
  expect(steps.signedOut.error).toBeNull()
  expect(steps.afterwards).toMatchObject({
    data: { user: null },
    error: { name: 'AuthSessionMissingError' },
  })

  const audit = await eventsOf(place, before.user.id)
  if (audit) {
    expect(audit).toEqual([
      'user_confirmation_requested',
      'user_signedup',
      'login',
      'token_refreshed',
      'user_modified',
      'logout',
    ])
  }
}, 60_000)

test('supabase-js v1 signs in with a password, and with a magic link', async () => {
  const { server, post } = stage
  const email = freshEmail()
  const withV2 = await supabaseStory('v2')
  const { signedUp } = await withV2({ ...server, email, password, mail: post.next })
  const withV1 = await supabaseStory('v1')
  const steps = await withV1({ ...server, email, password, mail: post.next })

  const { id } = signedUp.data.user
  expect(steps.signedIn.error).toBeNull()
  expect(steps.signedIn.user.id).toBe(id)
  expect(steps.signedIn.session.expires_at).toEqual(expect.any(Number))
  expect(steps.refused).toMatchObject({
    user: null,
    error: { status: 400, message: 'Invalid login credentials' },
  })
  expect(steps.updated.user.user_metadata.theme).toBe('sepia')
  expect(steps.signedOut.error).toBeNull()
  expect(steps.requested).toMatchObject({ user: null, session: null, error: null })
  expect(steps.byLink.error).toBeNull()
  expect(steps.user).toMatchObject({ id, email })
}, 60_000)

test('a link from a mail is good once', async () => {
  const { server, post } = stage
  const email = freshEmail()
  const withV2 = await supabaseStory('v2')
  let link = ''
  await withV2({
    ...server,
    email,
    password,
    mail: async (to: string) => {
      const mail = await post.next(to)
      link = mail.link
      return mail
    },
  })
  const again = await fetch(link, { redirect: 'manual' })
  expect(again.status).toBe(303)
  expect(again.headers.get('location')).toContain('#error=access_denied&error_code=otp_expired')
}, 60_000)
