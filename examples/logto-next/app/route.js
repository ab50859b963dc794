import { getLogtoContext } from '@logto/next/server-actions'
import { logtoConfig } from '../logto.js'

export async function GET() {
  const { isAuthenticated, claims } = await getLogtoContext(logtoConfig())
  return Response.json({ isAuthenticated, claims })
}
