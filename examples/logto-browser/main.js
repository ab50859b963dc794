// Logto's SDK for browsers, unchanged, signing in at Sekisho from a page without a server of its own.
import LogtoClient, { UserScope } from '@logto/browser'

const { VITE_ENDPOINT, VITE_APP_ID, VITE_RESOURCE, VITE_API, VITE_ORGANIZATION } = import.meta.env

const logto = new LogtoClient({
  endpoint: VITE_ENDPOINT ?? 'http://localhost:3001',
  appId: VITE_APP_ID,
  scopes: [
    UserScope.Email,
    UserScope.Roles,
    UserScope.Organizations,
    'read:things',
    'invite:members',
  ],
  resources: [VITE_RESOURCE],
})

const show = (id, text) => {
  document.getElementById(id).textContent = text
}

const on = (id, act) =>
  document.getElementById(id).addEventListener('click', async () => {
    show('said', '')
    try {
      show('said', JSON.stringify(await act()))
    } catch (error) {
      show('said', JSON.stringify({ code: error.code, message: error.message }))
    }
  })

async function call(path, token) {
  const answer = await fetch(VITE_API + path, { headers: { authorization: `Bearer ${token}` } })
  return { status: answer.status, ...(await answer.json()) }
}

const organization = `/organizations/${VITE_ORGANIZATION}`

on('sign-in', () => logto.signIn(`${location.origin}/callback`))
on('sign-out', () => logto.signOut(location.origin))
on('user-info', () => logto.fetchUserInfo())
on('things', async () => call('/things', await logto.getAccessToken(VITE_RESOURCE)))
on('organization-things', async () =>
  call(`${organization}/things`, await logto.getAccessToken(VITE_RESOURCE, VITE_ORGANIZATION)),
)
on('members', async () =>
  call(`${organization}/members`, await logto.getOrganizationToken(VITE_ORGANIZATION)),
)

if (await logto.isSignInRedirected(location.href)) {
  await logto.handleSignInCallback(location.href)
  history.replaceState(null, '', '/')
}
const isAuthenticated = await logto.isAuthenticated()
const claims = isAuthenticated ? await logto.getIdTokenClaims() : null
show('state', isAuthenticated ? `You are ${claims.email}.` : 'You are not signed in.')
document.getElementById('sign-in').hidden = isAuthenticated
document.getElementById('inside').hidden = !isAuthenticated
