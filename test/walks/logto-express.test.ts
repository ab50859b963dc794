import { startExample } from './example.ts'
import { callsOfThings, walkLogtoApp } from './logto-app.ts'

walkLogtoApp("Logto's Express SDK", {
  signIn: '/logto/sign-in',
  signUp: '/logto/sign-up',
  callback: '/logto/sign-in-callback',
  signOut: '/logto/sign-out',
  // Its middleware does not pass `organizationId` on.
  paths: [callsOfThings.asUser, callsOfThings.ofOrganization],
  start: (env) => startExample('logto-express', env),
})
