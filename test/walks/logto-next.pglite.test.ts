import { callsOfThings, walkLogtoApp } from './logto-app.ts'
import { builtNextApp, startNextApp } from './next-app.ts'

walkLogtoApp("Logto's SDK for Next.js", {
  signIn: '/sign-in',
  callback: '/callback',
  signOut: '/sign-out',
  paths: Object.values(callsOfThings),
  async start(env) {
    const folder = await builtNextApp('logto-next')
    const home = `http://localhost:${env.PORT}`
    return startNextApp(folder, Number(env.PORT), { ...env, BASE_URL: home })
  },
})
