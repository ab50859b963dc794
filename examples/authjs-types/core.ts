import type { AuthConfig } from '@auth/core'
import type { Adapter } from '@auth/core/adapters'
import { sekishoAdapter } from '../../authjs/index.ts'

/** Every method of the contract is there. */
export const adapter: Required<Adapter> = sekishoAdapter({ database: 'postgres://localhost/club' })

export const config: AuthConfig = { adapter, providers: [] }

// @ts-expect-error A user without an id is none of Auth.js: if this line compiles, the others prove nothing.
export const wrong: Adapter = { getUser: async () => ({ name: 'Ann' }) }
