import { getAccessToken, getOrganizationToken } from '@logto/next/server-actions'
import { logtoConfig, passOn, resource } from '../../../../logto.js'

// `members` takes the organization's own token, `things` one for the API in its name.
export async function GET(_, { params }) {
  const { id, what } = await params
  return passOn(`/organizations/${id}/${what}`, () =>
    what === 'members'
      ? getOrganizationToken(logtoConfig(), id)
      : getAccessToken(logtoConfig(), resource, id),
  )
}
