import type { AuthOptions } from 'next-auth-v4'
import type { Adapter } from 'next-auth-v4/adapters'
import { sekishoAdapter } from '../../authjs/index.ts'

export const adapter: Required<Adapter> = sekishoAdapter({ database: 'postgres://localhost/club' })

export const options: AuthOptions = { adapter, providers: [] }

// @ts-expect-error A user without an id is none of Auth.js: if this line compiles, the others prove nothing.
export const wrong: Adapter = { getUser: async () => ({ name: 'Ann' }) }
