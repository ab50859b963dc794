import { isFault, type SekishoAdapterOptions, sekishoAdapter } from '../../authjs/index.ts'

/** An environment's variable may be missing: that is an option left out. */
export const options: SekishoAdapterOptions[] = [
  { database: { dataDir: '.sekisho' }, secret: undefined },
  { database: 'postgres://localhost/club', environment: process.env },
]

const adapter = sekishoAdapter(options[0] ?? { database: '' })

export async function name(id: string): Promise<string | null> {
  try {
    const user = await adapter.updateUser({ id, name: null })
    return user.name ?? user.email
  } catch (error) {
    if (isFault(error, 'user_not_found')) return null
    throw error
  }
}

export async function end(): Promise<void> {
  await adapter.close()
}

// @ts-expect-error A number is no database.
export const wrong = sekishoAdapter({ database: 42 })
