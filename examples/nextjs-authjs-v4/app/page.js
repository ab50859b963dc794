import { getServerSession } from 'next-auth'
import { authOptions } from '../auth.js'
import { Doors, SignOut } from './doors.js'

export const dynamic = 'force-dynamic'

export default async function Home({ searchParams }) {
  const [session, { error }] = await Promise.all([getServerSession(authOptions()), searchParams])
  if (!session?.user) return <Doors error={error} />
  return (
    <>
      <h1>Welcome to the club</h1>
      <p>
        You are <strong>{session.user.email ?? session.user.name}</strong>.
      </p>
      <SignOut />
    </>
  )
}
