import { signIn } from '@logto/next/server-actions'
import { logtoConfig } from '../../logto.js'

export const GET = () => signIn(logtoConfig())
