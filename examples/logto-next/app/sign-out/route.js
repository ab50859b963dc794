import { signOut } from '@logto/next/server-actions'
import { logtoConfig } from '../../logto.js'

export const GET = () => signOut(logtoConfig())
