import { startExample } from './example.ts'
import { callsOfThings, walkLogtoApp } from './logto-app.ts'

walkLogtoApp("Logto's SDK for Node", {
  signIn: '/sign-in',
  callback: '/callback',
  signOut: '/sign-out',
  paths: Object.values(callsOfThings),
  start: (env) => startExample('logto-node', env),
})
