import { defineConfig } from 'vitest/config'
import { postgresPrograms } from './test/setup/postgres-server.ts'

/** Tests of these need no database, and run once. The others run on each kind, or on the one in their name. */
const unit = [
  'src/{base,connectors,words}/**/*.test.ts',
  'src/faces/pages/**/*.test.ts',
  'test/contract/authjs-types.test.ts',
  'test/contract/authjs-edge.test.ts',
  'test/contract/floors.test.ts',
  'test/contract/oidc-rows.test.ts',
  'test/contract/incidents.test.ts',
  'src/db/lock.test.ts',
  'bench/**/*.test.ts',
  'test/faults/**/*.test.ts',
]
const all = ['{src,test,authjs}/**/*.test.ts']
// What a test installs has tests of its own.
const installed = '**/node_modules/**'

const hasPostgres = Boolean(process.env.TEST_POSTGRES) || postgresPrograms() !== null
if (!hasPostgres) {
  const what = 'no Postgres programs in /usr/lib/postgresql, and TEST_POSTGRES is not set'
  if (process.env.CI) throw new Error(`The tests on Postgres cannot run: ${what}`)
  console.warn(`\n*** SKIPPED: every test on Postgres (${what}) ***\n`)
}

export default defineConfig({
  test: {
    testTimeout: 30_000,
    hookTimeout: 120_000,
    teardownTimeout: 20_000,
    // One more than the cores of the smallest machine: tests wait for programs and browsers that they started.
    maxWorkers: 3,
    projects: [
      { extends: true, test: { name: 'unit', include: unit } },
      {
        extends: true,
        test: {
          name: 'pglite',
          include: all,
          exclude: [installed, ...unit, '**/*.postgres.test.ts'],
          // Threads of one process share what V8 has made of the engine's code: a third of the time.
          pool: 'threads',
          globalSetup: './test/setup/pglite.ts',
        },
      },
      ...(hasPostgres
        ? [
            {
              extends: true as const,
              test: {
                name: 'postgres',
                include: all,
                exclude: [installed, ...unit, '**/*.pglite.test.ts'],
                globalSetup: './test/setup/postgres.ts',
              },
            },
          ]
        : []),
    ],
  },
})
