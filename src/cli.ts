import { enableCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { exitCodes } from './cli/ending.ts'
import { version } from './cli/version.ts'

// What was compiled for the last start serves the next one: it is ready in half the time. Whoever may write there may
// write this program as well; where nobody may, nothing is kept.
enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/sekisho', import.meta.url)))

// Each command imports what it needs when it runs, so that `--help` does not wait for a database engine.
const servers = () => import('./cli/serve.ts')
const commands = () => import('./cli/commands.ts')
const keys = () => import('./cli/keys.ts')
const tokens = () => import('./cli/tokens.ts')
const databases = () => import('./cli/db.ts')

const program = new Command('sekisho')
  .description(
    'One gate for three kinds of client: Supabase Auth, Logto and OpenID Connect, Auth.js.',
  )
  .version(version(), '-V, --version')
  .exitOverride()
  .configureHelp({ showGlobalOptions: false })
  .addHelpText(
    'after',
    '\nExit codes: 0 done, 1 failed, 2 wrong usage, 3 something is to be done first, 4 not found, 5 not authorised.',
  )

program
  .command('dev')
  .description(
    'run a server for development: embedded database, mailbox, keys made at the first start',
  )
  .addOption(portOption('the port; 0 for any free one (PORT, 3001)'))
  .option('--host <address>', 'the address to listen on (HOST, localhost)')
  .addOption(dataDirOption())
  .option('--apply <file>', 'apply a declaration before the server is ready')
  .option('--json', 'when ready, one line of JSON on standard output')
  .action(async (options) => (await servers()).dev(options))

program
  .command('start')
  .description(
    'run a server for production: DATABASE_URL, SEKISHO_PUBLIC_URL and SEKISHO_SECRET are needed',
  )
  .addOption(portOption('the port (PORT, 3001)'))
  .option('--host <address>', 'the address to listen on (HOST, 0.0.0.0)')
  .option('--json', 'when ready, one line of JSON on standard output')
  .action(async (options) => (await servers()).start(options))

common(program.command('migrate'))
  .description('bring the database up to this version')
  .action(async (options) => (await commands()).migrateDatabase(options))

const keyring = program.command('keys').description('the keys that sign, and what they sign first')
common(keyring.command('show', { isDefault: true }))
  .description('show the anon key, the service-role key and the public keys')
  .action(async (options) => (await keys()).showKeys(options))
common(keyring.command('list'))
  .description('list the keys that are made here, and their stages')
  .action(async (options) => (await keys()).listKeys(options))
common(keyring.command('rotate'))
  .description('publish the next keys; they sign when everybody has had time to read them')
  .addOption(
    new Option('--purpose <purpose>', 'whose keys').choices(['oidc', 'gotrue']).default('oidc'),
  )
  .addOption(
    new Option('--algorithm <algorithm>', 'only the key of this algorithm').choices([
      'ES256',
      'ES384',
      'RS256',
      'EdDSA',
    ]),
  )
  .option('--now', 'let them sign at once: for a key that is in wrong hands')
  .action(async (options) => (await keys()).rotateKeys(options))
common(keyring.command('delete <id>'))
  .description('take a key out of use that signs no more; what it signed is refused from then on')
  .action(async (id, options) => (await keys()).deleteKey(id, options))

const app = program.command('app').description('applications that sign people in by OpenID Connect')
common(app.command('create'))
  .description('make an application and its secret')
  .requiredOption('--name <name>', 'what people see')
  .addOption(
    new Option('--type <type>', 'the kind of application')
      .choices(['Traditional', 'SPA', 'Native', 'MachineToMachine'])
      .default('Traditional'),
  )
  .option('--redirect-uri <uri...>', 'where people come back to after sign-in')
  .option('--post-logout-redirect-uri <uri...>', 'where people come back to after sign-out')
  .option('--description <text>', 'for administrators')
  .option('--id <id>', 'the id, instead of one that is made')
  .option('--adapter', 'let it keep users, sessions and links here as an Auth.js adapter over HTTP')
  .option('--secret-stdin', 'read the secret from standard input, instead of one that is made')
  .action(async (options) => (await commands()).createApp(options))
common(app.command('list'))
  .description('list the applications')
  .action(async (options) => (await commands()).listApps(options))
common(app.command('get <id>'))
  .description('show an application, with its secret')
  .action(async (id, options) => (await commands()).getApp(id, options))
common(app.command('delete <id>'))
  .description('delete an application; what was granted to it ends')
  .action(async (id, options) => (await commands()).deleteApp(id, options))

const user = program.command('user').description('people who sign in')
common(user.command('create'))
  .description('make a user; the addresses count as verified')
  .option('--email <address>', 'the e-mail address')
  .option('--phone <digits>', 'the phone number, with the country, without +')
  .option('--username <name>', 'the user name')
  .option('--name <name>', 'the full name')
  .option('--password-stdin', 'read the password from standard input')
  .action(async (options) => (await commands()).createUser(options))
common(user.command('list'))
  .description('list the users, the newest first')
  .option('--search <text>', 'only those with the text in the address or the name')
  .addOption(new Option('--limit <count>', 'at most so many').argParser(count).default(100))
  .addOption(new Option('--offset <count>', 'leave out so many').argParser(count).default(0))
  .action(async (options) => (await commands()).listUsers(options))
common(user.command('get <who>'))
  .description('show a user: by id, e-mail address, user name or phone number')
  .action(async (who, options) => (await commands()).getUser(who, options))
common(user.command('delete <who>'))
  .description('delete a user with every session, identity and grant')
  .action(async (who, options) => (await commands()).deleteUser(who, options))

const token = program
  .command('token')
  .description("users' own tokens, which applications that may exchange for access tokens")
common(token.command('create'))
  .description('make a personal access token; it is shown this once')
  .requiredOption('--user <who>', 'whose: id, e-mail address, user name or phone number')
  .requiredOption('--name <name>', 'what the user knows it by; unique among theirs')
  .option('--expires <time>', 'until when: 2030-12-31, or 2030-12-31T08:00:00Z (never)')
  .action(async (options) => (await tokens()).createToken(options))
common(token.command('list'))
  .description("list a user's tokens: names and times")
  .requiredOption('--user <who>', 'whose')
  .action(async (options) => (await tokens()).listTokens(options))
common(token.command('delete'))
  .description('take a token back: nobody can exchange it any more')
  .requiredOption('--user <who>', 'whose')
  .requiredOption('--name <name>', 'which')
  .action(async (options) => (await tokens()).deleteToken(options))

common(program.command('apply <file>'))
  .description(
    'make applications, connectors, settings and users as a JSON file declares them (- for standard input)',
  )
  .action(async (file, options) => (await commands()).apply(file, options))

common(program.command('doctor'))
  .description('look at settings, database, keys, address and mail, and say what to do')
  .action(async (options) => (await import('./cli/doctor.ts')).doctor(options))

const db = program.command('db').description('the database: backups, and the move to another one')
common(db.command('backup [file]'))
  .description('write everything into a file, while servers run (- for standard output)')
  .addOption(
    new Option('--keep <count>', 'of the backups in the data directory, keep so many').argParser(
      count,
    ),
  )
  .action(async (file, options) => (await databases()).backupDatabase(file, options))
common(db.command('verify <file>'))
  .description('read a backup, and say whether it is whole')
  .action(async (file, options) => (await databases()).verifyFile(file, options))
common(db.command('restore <file>'))
  .description('make the database from a backup; an embedded one that is there is kept aside')
  .action(async (file, options) => (await databases()).restoreDatabase(file, options))
common(db.command('copy'))
  .description('copy everything into an empty Postgres, while servers run')
  .requiredOption('--to <url>', 'where to: postgres://user:password@host/name')
  .action(async (options) => (await databases()).copyDatabase(options))

const imports = program.command('import').description('take over the users of another system')
common(imports.command('authjs'))
  .description('take over the database of another Auth.js adapter; a second time adds what is new')
  .requiredOption('--from <url>', 'its Postgres: postgres://user:password@host/name')
  .option('--dry-run', 'say what would be done, and write nothing')
  .option('--schema <name>', 'the schema of its tables, where several have such tables')
  .option('--prefix <text>', "what its tables' names begin with, where several sets are there")
  .option('--name <name>', "its name, for ids that are no UUIDs (the database's name)")
  .action(async (options) => (await import('./cli/import-authjs.ts')).importAuthjs(options))

function common(command: Command): Command {
  return command
    .addOption(dataDirOption())
    .option('--json', 'JSON on standard output, one value a line')
}

function dataDirOption(): Option {
  return new Option(
    '--data-dir <directory>',
    'where the embedded database is (SEKISHO_DATA_DIR, .sekisho)',
  )
}

function portOption(description: string): Option {
  return new Option('--port <port>', description).argParser((text) => {
    const port = Number(text)
    if (!/^\d+$/.test(text) || port > 65_535)
      throw new InvalidArgumentError('It is a number up to 65535.')
    return port
  })
}

function count(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It is a whole number.')
  return Number(text)
}

// Who reads only the first lines closes the pipe; that is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit()
})

try {
  await program.parseAsync()
} catch (error) {
  if (error instanceof CommanderError) {
    // Commander has said what was wrong; its own number for that is the one for failures.
    process.exitCode = error.exitCode === 0 ? exitCodes.ok : exitCodes.usage
  } else {
    const { failureOf } = await import('./cli/failure.ts')
    const { outcome, text } = failureOf(error)
    process.stderr.write(`${text}\n`)
    process.exitCode = exitCodes[outcome]
  }
}
