import { getAccessToken } from '@logto/next/server-actions'
import { logtoConfig, passOn, resource } from '../../logto.js'

export const GET = () => passOn('/things', () => getAccessToken(logtoConfig(), resource))
