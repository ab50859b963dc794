import type { Adapter } from '@auth/core/adapters'
import type { Adapter as AdapterV4 } from 'next-auth-v4/adapters'
import { adapterContract } from '../../authjs/contract.ts'
import { isAdapterConflict, isAdapterUnavailable, sekishoHttpAdapter } from '../../authjs/http.ts'

const http = sekishoHttpAdapter({
  url: 'https://id.example.com',
  applicationId: 'club',
  applicationSecret: 'secret',
  timeout: undefined,
})

/** The adapter over HTTP is one for all of them, too. */
export const adapter: Required<Adapter> = http
export const adapterV4: Required<AdapterV4> = http

/** The extras are asked for where they are. */
export async function signOutElsewhere(userId: string, sessionToken: string): Promise<number> {
  try {
    return await http.deleteSessions(userId, sessionToken)
  } catch (error) {
    if (isAdapterUnavailable(error)) return 0
    throw isAdapterConflict(error) ? new Error(error.code) : error
  }
}

/** Any test function will do. */
adapterContract({ test: (_name, work) => work(), make: () => adapter })

// @ts-expect-error Without a secret nobody is let in.
export const wrong = () => sekishoHttpAdapter({ url: 'https://id.example.com' })
