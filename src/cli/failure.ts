import { ConfigError } from '../base/config.ts'
import { type Fault, type FaultCode, isFault } from '../base/fault.ts'
import { isConnectionError, sqlState } from '../base/sql-error.ts'
import { type DamagedDirectory, isDamagedDirectory, isDataDirectoryInUse } from '../db/open.ts'
import { isTransferRefused } from '../db/transfer-in.ts'
import { isEnding, type Outcome } from './ending.ts'

export interface Failure {
  outcome: Outcome
  text: string
}

/** What a failed command says, and how it ends. A stack is for bugs only. */
export function failureOf(error: unknown): Failure {
  if (isEnding(error)) return { outcome: error.outcome, text: error.message }
  if (error instanceof ConfigError) {
    const list = error.problems.map((problem, index) => `  ${index + 1}. ${problem}`)
    return { outcome: 'actionNeeded', text: ['Sekisho cannot start:', ...list].join('\n') }
  }
  if (isDataDirectoryInUse(error)) {
    const text = `${error.message}. ${error.pid === null ? 'Or' : 'End that process, or'} choose another directory with --data-dir.`
    return { outcome: 'actionNeeded', text }
  }
  if (isDamagedDirectory(error)) return { outcome: 'actionNeeded', text: damageText(error) }
  if (isTransferRefused(error)) {
    return { outcome: 'actionNeeded', text: `${error.message}. Nothing was written.` }
  }
  if (isFault(error)) return { outcome: outcomeOf(error.code), text: sentenceOf(error) }
  if (isMissingTable(error)) {
    return {
      outcome: 'actionNeeded',
      text: 'The database is not migrated yet: run sekisho migrate.',
    }
  }
  if (isConnectionError(error)) {
    return { outcome: 'failed', text: `The database does not answer: ${messageOf(error)}` }
  }
  if (hasSentence(error)) return { outcome: 'actionNeeded', text: withCauses(error) }
  return { outcome: 'failed', text: error instanceof Error ? withStack(error) : String(error) }
}

/** What is damaged, what there is to go back to, and how. Nothing was changed: an expert may still save more. */
function damageText({ directory, findings, backups }: DamagedDirectory): string {
  const newest = backups[0] ?? 'FILE'
  const found =
    backups.length === 0
      ? ['There is no backup in it; if you have one elsewhere:']
      : ['Its backups, the newest first:', ...backups.map((path) => `  ${path}`), 'To go back:']
  return [
    `The database in ${directory} is damaged, and was left as it is:`,
    ...findings.slice(0, 10).map((finding) => `  ${finding}`),
    ...(findings.length > 10 ? [`  and ${findings.length - 10} more`] : []),
    ...found,
    `  sekisho db restore --data-dir ${directory} ${newest}`,
    'The damaged database is kept aside. To begin with an empty one instead, move the directory away.',
  ].join('\n')
}

// Errors of the lower floors that a person can do something about.
const forPeople = [/^The migration /, /does not open: was SEKISHO_SECRET changed\?$/]

function hasSentence(error: unknown): error is Error {
  return error instanceof Error && forPeople.some((form) => form.test(error.message))
}

function withStack(error: Error): string {
  const causes = error.cause === undefined ? '' : `\n  because: ${withCauses(error.cause)}`
  return `${error.stack ?? error.message}${causes}`
}

/** An error, what it comes from, and Postgres' hint. */
function withCauses(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const hint = 'hint' in error && typeof error.hint === 'string' ? ` (${error.hint})` : ''
  const cause = error.cause === undefined ? '' : `: ${withCauses(error.cause)}`
  return `${error.message}${hint}${cause}`
}

function isMissingTable(error: unknown): boolean {
  return sqlState(error) === '42P01' || sqlState(error) === '3F000'
}

function outcomeOf(code: FaultCode): Outcome {
  switch (code) {
    case 'not_found':
    case 'user_not_found':
      return 'notFound'
    case 'no_authorization':
    case 'not_admin':
      return 'notAuthorised'
    case 'input_invalid':
    case 'connector_invalid_config':
      return 'usage'
    default:
      return 'failed'
  }
}

const sentences: Partial<Record<FaultCode, string>> = {
  input_invalid: 'That cannot be taken as it is:',
  connector_invalid_config: 'The configuration of the connector is wrong:',
  not_found: 'There is no such application.',
  user_not_found: 'There is no such user.',
  email_exists: 'There is a user with this e-mail address already.',
  phone_exists: 'There is a user with this phone number already.',
  username_exists: 'There is a user with this user name already.',
  conflict: 'It contradicts what is there already:',
}

function sentenceOf({ code, details }: Fault): string {
  if (code === 'not_found' && 'key' in details) {
    return `There is no such key, or it is the one that signs: ${details.key}.`
  }
  if (code === 'not_found' && 'token' in details) {
    return `This user has no token of the name ${details.token}.`
  }
  const { issues, ...rest } = details
  const lines = Array.isArray(issues) ? issues.map(issueLine) : []
  const facts = Object.entries(rest).map(([name, value]) => `  ${name}: ${value}`)
  return [sentences[code] ?? `It was refused: ${code}.`, ...lines, ...facts].join('\n')
}

function issueLine(issue: { path?: unknown[]; message?: unknown }): string {
  const place = issue.path?.join('.') ?? ''
  return `  ${place === '' ? '' : `${place}: `}${issue.message}`
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
