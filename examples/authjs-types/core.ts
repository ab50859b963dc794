import type { AuthConfig } from '@auth/core'
import type { Adapter } from '@auth/core/adapters'
import { sekishoAdapter } from '../../authjs/index.ts'

/** Every method of the contract is there. */
export const adapter: Required<Adapter> = sekishoAdapter({ database: 'postgres://localhost/club' })

export const config: AuthConfig = { adapter, providers: [] }
