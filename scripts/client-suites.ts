/**
 * The official clients' own tests against this server: `npm run client-suites -- --checkout DIR`, once for each of
 * supabase-js (v2; `pnpm install --filter @supabase/auth-js`) and gotrue-js at tag v1.24.0 (`npm ci`).
 * `--without-server` counts what passes though nobody answers; what follows `--` goes to jest.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { startSmtp } from '../test/servers/smtp.ts'
import { type PostgresServer, startPostgres } from '../test/setup/postgres-server.ts'
import { node, top } from '../test/walks/machine.ts'
import { type Running, run } from '../test/walks/process.ts'
import { commandLine, composed, type Instance } from './client-suites/instances.ts'
import { runJest, type Tally } from './client-suites/jest.ts'

const { values, positionals } = parseArgs({
  options: {
    checkout: { type: 'string', multiple: true, default: [] },
    'without-server': { type: 'boolean', default: false },
    logs: { type: 'boolean', default: false },
  },
  allowPositionals: true,
})
if (values.checkout.length === 0) {
  console.error('Where is the checkout? npm run client-suites -- --checkout DIR [--checkout DIR]')
  process.exit(2)
}

let isGood = true
for (const checkout of values.checkout) {
  const suite = suiteOf(resolve(checkout))
  const tally = values['without-server'] ? await suite.run() : await withServers(suite)
  for (const failure of tally.failures) console.log(`\n✗ ${failure}`)
  const { passed, failed, skipped } = tally
  console.log(
    `\n${suite.name}: ${passed} of ${passed + failed} passed, ${skipped} skipped by the suite itself`,
  )
  isGood &&= failed === 0
}
process.exit(isGood ? 0 : 1)

interface Suite {
  name: string
  instances(smtpPort: number): Promise<readonly Instance[]>
  run(): Promise<Tally>
}

function suiteOf(checkout: string): Suite {
  const v2 = join(checkout, 'packages/core/auth-js')
  if (!existsSync(v2)) {
    return {
      name: 'gotrue-js v1',
      instances: (smtpPort) => composed(checkout, { smtpPort }),
      run: () => runJest(checkout, positionals),
    }
  }
  // Their keys are made for each run, and never committed.
  spawnSync(node, ['test/generate-signing-keys.js'], { cwd: v2 })
  return {
    name: 'auth-js v2',
    instances: async (smtpPort) => [
      commandLine(v2, { smtpPort }),
      ...(await composed(v2, { smtpPort })),
    ],
    run: () => runJest(v2, positionals),
  }
}

async function withServers(suite: Suite): Promise<Tally> {
  // As their sink of mails: no TLS, and it takes everybody's.
  const smtp = await startSmtp({
    account: { user: 'GOTRUE_SMTP_USER', pass: 'GOTRUE_SMTP_PASS' },
    authOptional: true,
    allowInsecureAuth: true,
    disabledCommands: ['STARTTLS'],
  })
  const postgres = await startPostgres('forgetful')
  const running: Running[] = []
  const place = mkdtempSync(join(tmpdir(), 'sekisho-suites-'))
  try {
    const instances = await suite.instances(smtp.port)
    for (const database of new Set(instances.map((one) => one.database))) {
      await createDatabase(postgres, database)
    }
    for (const instance of instances) running.push(await start(instance, postgres, place))
    return await suite.run()
  } finally {
    if (values.logs) for (const one of running) console.log(one.log())
    for (const one of running) await one.stop()
    await postgres.stop()
    await smtp.close()
    rmSync(place, { recursive: true, force: true })
  }
}

async function start(
  { env, database }: Instance,
  postgres: PostgresServer,
  cwd: string,
): Promise<Running> {
  return run(node, [join(top, 'src/cli.ts'), 'start', '--json'], {
    cwd,
    env: {
      SEKISHO_SECRET: 'no secret: it is good for one run of the suites',
      SEKISHO_PUBLIC_URL: `http://localhost:${env.PORT}`,
      DATABASE_URL: databaseUrl(postgres, database),
      ...env,
    },
  })
}

async function createDatabase(postgres: PostgresServer, name: string): Promise<void> {
  const client = new pg.Client({ connectionString: postgres.url })
  await client.connect()
  await client.query(`create database ${name}`)
  await client.end()
}

function databaseUrl({ url }: PostgresServer, name: string): string {
  return url.replace(/\/postgres$/, `/${name}`)
}
