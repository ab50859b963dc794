/** GoTrue's `instance_id` on every row of users, refresh tokens and audit entries; rows without it are invisible to it. */
export const nilUuid = '00000000-0000-0000-0000-000000000000'

const uuidForm = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** A malformed id is an id that nobody has: it must not reach a uuid column, where it would be an error. */
export function isUuid(text: string): boolean {
  return uuidForm.test(text)
}
