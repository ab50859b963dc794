/** GoTrue's variables that can mean nothing here; docs/gotrue-settings.md says why of each. A `*` stands for any end. */
const withoutMeaning = [
  'GOTRUE_OPERATOR_TOKEN',
  'GOTRUE_DB_DRIVER',
  'GOTRUE_DB_MAX_IDLE_POOL_SIZE',
  'GOTRUE_DB_CONN_MAX_LIFETIME',
  'GOTRUE_DB_CONN_MAX_IDLE_TIME',
  'GOTRUE_DB_CONN_PERCENTAGE',
  'GOTRUE_DB_MIGRATIONS_PATH',
  'GOTRUE_DB_NAMESPACE',
  'GOTRUE_DB_CLEANUP_ENABLED',
  'GOTRUE_DB_HEALTH_CHECK_PERIOD',
  'GOTRUE_DB_ADVISOR_*',
  'GOTRUE_JWT_ADMIN_GROUP_NAME',
  'GOTRUE_MAILER_EMAIL_VALIDATION_BLOCKED_MX',
  'GOTRUE_MAILER_TEMPLATE_RELOADING_ENABLED',
  'GOTRUE_PASSWORD_HIBP_BLOOM_*',
  'GOTRUE_SECURITY_REFRESH_TOKEN_UPGRADE_PERCENTAGE',
  'GOTRUE_INDEX_WORKER_*',
  'GOTRUE_RELOADING_*',
  'GOTRUE_EXPERIMENTAL_CURSOR_PAGINATION_ENABLED',
  'GOTRUE_EXPERIMENTAL_CREATE_EMAIL_IDENTITY_ON_PASSWORD_SET_ENABLED',
] as const

export const namesWithoutMeaning: readonly string[] = withoutMeaning

export function isWithoutMeaning(name: string): boolean {
  return withoutMeaning.some((one) =>
    one.endsWith('*') ? name.startsWith(one.slice(0, -1)) : name === one,
  )
}
