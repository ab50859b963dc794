import { getLogtoContext } from '@logto/next/server-actions'
import { logtoConfig } from '../../logto.js'

export async function GET() {
  const { isAuthenticated, userInfo } = await getLogtoContext(logtoConfig(), {
    fetchUserInfo: true,
  })
  return Response.json({ isAuthenticated, userInfo }, { status: isAuthenticated ? 200 : 401 })
}
