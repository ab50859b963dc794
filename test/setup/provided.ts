/** What the set-up of a run hands to its test files. */
declare module 'vitest' {
  export interface ProvidedContext {
    databaseKind: 'pglite' | 'postgres'
    /** A packed data directory, migrated. */
    snapshot: string
    postgres: { url: string; template: string }
  }
}

export {}
