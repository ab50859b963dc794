// What a browser does with the link of a mail: it is sent on, and the session stands behind the #.
export async function openLink(link) {
  const answer = await fetch(link, { redirect: 'manual' })
  const location = answer.headers.get('location')
  if (!location) throw new Error(`The link led nowhere (${answer.status}).`)
  const parameters = new URLSearchParams(new URL(location).hash.slice(1))
  const failure = parameters.get('error_description')
  if (failure) throw new Error(failure)
  return {
    access_token: parameters.get('access_token') ?? '',
    refresh_token: parameters.get('refresh_token') ?? '',
  }
}
