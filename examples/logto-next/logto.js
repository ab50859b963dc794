import { UserScope } from '@logto/next'

export const resource = process.env.RESOURCE ?? 'https://things.example.com'

/** Read when it is needed: a build knows none of it. */
export function logtoConfig() {
  const baseUrl = process.env.BASE_URL ?? 'http://localhost:3005'
  return {
    endpoint: process.env.ENDPOINT ?? 'http://localhost:3001',
    appId: process.env.APP_ID,
    appSecret: process.env.APP_SECRET,
    baseUrl,
    cookieSecret: process.env.SESSION_SECRET,
    cookieSecure: baseUrl.startsWith('https://'),
    scopes: [
      UserScope.Email,
      UserScope.Roles,
      UserScope.Organizations,
      'read:things',
      'invite:members',
    ],
    resources: [resource],
  }
}

/** What the API answers to the token that `getToken` brings; 403 where there is none to be had. */
export async function passOn(path, getToken) {
  let token
  try {
    token = await getToken()
  } catch (error) {
    return Response.json({ code: error.code, message: error.message }, { status: 403 })
  }
  const api = process.env.API ?? 'http://localhost:3010'
  const answer = await fetch(api + path, { headers: { authorization: `Bearer ${token}` } })
  return Response.json(await answer.json(), { status: answer.status })
}
