import { getToken } from 'next-auth/jwt'

export async function GET(req) {
  const token = await getToken({ req })
  return Response.json({ isAuthenticated: token !== null, sub: token?.sub, email: token?.email })
}
